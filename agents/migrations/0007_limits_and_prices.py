from __future__ import annotations

from decimal import Decimal

import django.core.validators
from django.db import migrations, models

from ibex.core.tenancy.operations import SystemFunction


def limits(model: str) -> list[migrations.AddField]:
    """Columns without a default: a table of any size gets them at once, and the code before them leaves them empty."""
    tokens = [
        django.core.validators.MinValueValidator(1),
        django.core.validators.MaxValueValidator(1_000_000_000_000),
    ]
    dollars = [
        django.core.validators.MinValueValidator(Decimal("0.01")),
        django.core.validators.MaxValueValidator(Decimal(1_000_000)),
    ]
    return [
        migrations.AddField(
            model,
            "tokens_per_minute",
            models.PositiveBigIntegerField(
                blank=True,
                null=True,
                validators=tokens,
                help_text="Tokens of prompts and answers a minute; empty: no limit.",
            ),
        ),
        migrations.AddField(
            model,
            "monthly_tokens",
            models.PositiveBigIntegerField(
                blank=True,
                null=True,
                validators=tokens,
                help_text="Tokens of prompts and answers in a calendar month (UTC); empty: no budget.",
            ),
        ),
        migrations.AddField(
            model,
            "monthly_cost",
            models.DecimalField(
                blank=True,
                null=True,
                max_digits=9,
                decimal_places=2,
                validators=dollars,
                help_text="US dollars in a calendar month (UTC); empty: no budget. "
                "Models without a price cost nothing here.",
            ),
        ),
    ]


class Migration(migrations.Migration):
    """Limits beyond calls a minute, prices of a provider, the cost of a call.

    `ibex_token_by_digest` stays for the processes of the version before, and goes with a later migration.
    """

    dependencies = [("agents", "0006_answer_index")]

    operations = [
        *limits("organization"),
        *limits("agent"),
        *limits("token"),
        migrations.AlterField(
            "organization",
            "requests_per_minute",
            models.PositiveIntegerField(
                default=6000,
                validators=[django.core.validators.MinValueValidator(1)],
                help_text="Calls a minute, all agents together.",
            ),
        ),
        migrations.AddField(
            "providerconnection",
            "prices",
            models.JSONField(
                blank=True,
                default=dict,
                db_default=models.Value({}, models.JSONField()),
                help_text="US dollars for a million tokens by model, as in "
                '{"gpt-4o": {"prompt": "2.50", "completion": "10"}}; `*` matches any part. Empty: list prices.',
            ),
        ),
        migrations.AddField(
            "trace",
            "cost",
            models.DecimalField(
                blank=True,
                null=True,
                max_digits=18,
                decimal_places=9,
                help_text="US dollars; empty: the price is not known.",
            ),
        ),
        SystemFunction(
            "ibex_token_with_limits(wanted bytea)",
            "TABLE (digest bytea, token_id uuid, org_id uuid, agent_id uuid, scopes varchar[], "
            "expires_at timestamptz, revoked_at timestamptz, org_status varchar, "
            "org_requests integer, org_tokens bigint, org_monthly_tokens bigint, org_monthly_cost numeric, "
            "token_requests integer, token_tokens bigint, token_monthly_tokens bigint, token_monthly_cost numeric)",
            "SELECT t.digest, t.id, t.org_id, t.agent_id, t.scopes, t.expires_at, t.revoked_at, o.status, "
            "o.requests_per_minute, o.tokens_per_minute, o.monthly_tokens, o.monthly_cost, "
            "t.requests_per_minute, t.tokens_per_minute, t.monthly_tokens, t.monthly_cost "
            "FROM agents_token t JOIN agents_organization o ON o.id = t.org_id WHERE t.digest = wanted",
        ),
    ]
