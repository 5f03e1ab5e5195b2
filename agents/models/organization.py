from __future__ import annotations

from django.core.validators import MinValueValidator
from django.db import models

from agents.choices import OrganizationStatus, Role
from agents.models.limited import Limited
from agents.models.retention import Retained
from ibex.core.ids import uuid7
from ibex.core.models import OrgModel, tenant_key


class Organization(Limited, Retained):
    """The tenant."""

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    name = models.CharField(max_length=120)
    slug = models.SlugField(max_length=63, unique=True)
    status = models.CharField(max_length=16, choices=OrganizationStatus.choices, default=OrganizationStatus.ACTIVE)
    requests_per_minute = models.PositiveIntegerField(
        default=6000, validators=[MinValueValidator(1)], help_text="Calls a minute, all agents together."
    )
    pii_policy = models.JSONField(
        blank=True,
        default=dict,
        db_default=models.Value({}, models.JSONField()),
        help_text='What becomes of personal data, where it is not the default: {"email": "allow", "name": "redact"}.',
    )
    wording = models.JSONField(
        blank=True,
        default=dict,
        db_default=models.Value({}, models.JSONField()),
        help_text="The language of the words around memories in prompts, and the organization's own words in their "
        'place, with their tokens: {"locale": "de", "own": {"de": {"words": {...}, "tokens": {...}}}}.',
    )
    created_at = models.DateTimeField(auto_now_add=True)

    def __str__(self) -> str:
        return self.name


class Member(OrgModel):
    """An operator's place in an organization."""

    operator = models.ForeignKey("agents.Operator", on_delete=models.CASCADE, related_name="memberships")
    role = models.CharField(max_length=16, choices=Role.choices, default=Role.VIEWER)

    class Meta:
        constraints = [
            tenant_key("agents_member"),
            models.UniqueConstraint(fields=["org", "operator"], name="agents_member_once"),
        ]

    def __str__(self) -> str:
        return f"{self.operator} ({self.role})"

    def may(self, role: Role) -> bool:
        """Whether this member has at least that role."""
        return Role(self.role).includes(role)
