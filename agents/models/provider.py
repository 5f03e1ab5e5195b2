from __future__ import annotations

from django.contrib.postgres.fields import ArrayField
from django.core.validators import URLValidator
from django.db import models

from agents.choices import ProviderKind
from ibex.core.crypto import seal, unseal
from ibex.core.models import OrgModel, tenant_key


def any_model() -> list[str]:
    return ["*"]


class ProviderConnection(OrgModel):
    """An organization's account at a model provider. The key is write-only."""

    name = models.CharField(max_length=120)
    kind = models.CharField(max_length=16, choices=ProviderKind.choices, default=ProviderKind.OPENAI)
    base_url = models.CharField(max_length=500, blank=True, validators=[URLValidator(schemes=["http", "https"])])
    sealed_key = models.BinaryField(blank=True, default=b"", editable=False)
    model_patterns = ArrayField(
        models.CharField(max_length=256), default=any_model, help_text="Model names it serves; `*` matches any part."
    )
    priority = models.PositiveSmallIntegerField(default=100, help_text="Lower is asked first.")
    prices = models.JSONField(
        default=dict,
        db_default=models.Value({}, models.JSONField()),
        blank=True,
        help_text='US dollars for a million tokens by model, as in {"gpt-4o": {"prompt": "2.50", "completion": "10"}}; '
        "`*` matches any part. Empty: list prices.",
    )
    is_active = models.BooleanField(default=True)

    class Meta:
        ordering = ["priority", "created_at"]
        constraints = [tenant_key("agents_providerconnection")]

    def __str__(self) -> str:
        return self.name

    def set_key(self, key: str) -> None:
        """Encrypt and keep the provider's key; empty removes it."""
        self.sealed_key = seal(key) if key else b""

    def key(self) -> str:
        """The key in the clear, for the provider client alone."""
        return unseal(bytes(self.sealed_key)) if self.sealed_key else ""
