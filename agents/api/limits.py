"""The limits of an organization, an agent or a token, on the wire."""

from __future__ import annotations

from decimal import Decimal

from rest_framework import serializers

from agents.limits import COST_MAX, TOKENS_MAX

INTEGER_MAX = 2_147_483_647


class LimitFields(serializers.Serializer):
    """For the serializers of rows that have limits of their own."""

    requests_per_minute = serializers.IntegerField(
        min_value=1,
        max_value=INTEGER_MAX,
        required=False,
        allow_null=True,
        help_text="Calls. Null: no limit of its own.",
    )
    tokens_per_minute = serializers.IntegerField(
        min_value=1,
        max_value=TOKENS_MAX,
        required=False,
        allow_null=True,
        help_text="Tokens of prompts and answers. Null: no limit of its own.",
    )
    monthly_tokens = serializers.IntegerField(
        min_value=1,
        max_value=TOKENS_MAX,
        required=False,
        allow_null=True,
        help_text="Tokens in a calendar month (UTC). Null: no budget of its own.",
    )
    monthly_cost = serializers.DecimalField(
        max_digits=9,
        decimal_places=2,
        min_value=Decimal("0.01"),
        max_value=COST_MAX,
        required=False,
        allow_null=True,
        help_text="US dollars in a calendar month (UTC). Null: no budget of its own.",
    )
