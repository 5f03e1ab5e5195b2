"""What operators type about limits: the same four fields of the organization, an agent and a token."""

from __future__ import annotations

from decimal import Decimal

from django import forms

from agents.limits import COST_MAX, LIMIT_FIELDS, TOKENS_MAX, Limits

REQUESTS_MAX = 1_000_000
"""Of an agent or a token."""
ORGANIZATION_REQUESTS_MAX = 2_147_483_647
"""What the column holds: an organization's limit cannot be left empty, only be set high."""


class LimitFields(forms.Form):
    """For the forms of what has limits of its own."""

    requests_per_minute = forms.IntegerField(
        min_value=1,
        max_value=REQUESTS_MAX,
        required=False,
        label="Requests a minute",
        help_text="Empty: no limit of its own.",
    )
    tokens_per_minute = forms.IntegerField(
        min_value=1,
        max_value=TOKENS_MAX,
        required=False,
        label="Tokens a minute",
        help_text="Of prompts and answers. Empty: no limit of its own.",
    )
    monthly_tokens = forms.IntegerField(
        min_value=1,
        max_value=TOKENS_MAX,
        required=False,
        label="Tokens a month",
        help_text="In a calendar month (UTC). Empty: no budget of its own.",
    )
    monthly_cost = forms.DecimalField(
        min_value=Decimal("0.01"),
        max_value=COST_MAX,
        max_digits=9,
        decimal_places=2,
        required=False,
        label="US dollars a month",
        help_text="By the providers' prices. Models without a price cost nothing here. Empty: no budget of its own.",
    )

    @property
    def has_limit_errors(self) -> bool:
        """Whether one of these fields was refused."""
        return any(name in self.errors for name in LIMIT_FIELDS)

    @property
    def limits(self) -> Limits:
        """What was typed."""
        return Limits(**{name: self.cleaned_data[name] for name in LIMIT_FIELDS})


class OrganizationLimitsForm(LimitFields):
    """What all agents of an organization may use together."""

    requests_per_minute = forms.IntegerField(
        min_value=1,
        max_value=ORGANIZATION_REQUESTS_MAX,
        label="Requests a minute",
    )
