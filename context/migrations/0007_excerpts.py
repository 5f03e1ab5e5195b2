"""Receipts name excerpts as well as memories: exactly one of the two."""

from __future__ import annotations

import django.db.models.deletion
from django.contrib.postgres.operations import AddConstraintNotValid, AddIndexConcurrently, ValidateConstraint
from django.db import migrations, models

import ibex.core.models
from ibex.core.tenancy.operations import TieToTenant

_OF_AN_EXCERPT = models.Q(("excerpt__isnull", False))
_ONCE = models.UniqueConstraint(
    condition=_OF_AN_EXCERPT, fields=("org", "turn_id", "excerpt"), name="context_injection_excerpt_once"
)
_ONE_THING = models.CheckConstraint(
    condition=models.Q(
        models.Q(("excerpt__isnull", True), ("memory__isnull", False)),
        models.Q(("excerpt__isnull", False), ("memory__isnull", True)),
        _connector="OR",
    ),
    name="context_injection_of_one_thing",
)


class Migration(migrations.Migration):
    atomic = False
    dependencies = [
        ("agents", "0015_wording_and_quotes"),
        ("memories", "0013_memory_by_operator"),
        ("context", "0006_cold_desk"),
    ]

    operations = [
        migrations.AddField(
            model_name="injection",
            name="excerpt",
            field=ibex.core.models.OrgForeignKey(
                db_constraint=False,
                db_index=False,
                null=True,
                on_delete=django.db.models.deletion.CASCADE,
                related_name="injections",
                to="memories.excerpt",
            ),
        ),
        migrations.AlterField(
            model_name="injection",
            name="memory",
            field=ibex.core.models.OrgForeignKey(
                db_constraint=False,
                null=True,
                on_delete=django.db.models.deletion.CASCADE,
                related_name="injections",
                to="memories.memory",
            ),
        ),
        TieToTenant("context_injection", "excerpt_id", "memories_excerpt"),
        AddIndexConcurrently(
            model_name="injection",
            index=models.Index(fields=["org", "excerpt"], condition=_OF_AN_EXCERPT, name="context_injection_excerpt"),
        ),
        migrations.SeparateDatabaseAndState(
            state_operations=[migrations.AddConstraint(model_name="injection", constraint=_ONCE)],
            database_operations=[
                migrations.RunSQL(
                    "CREATE UNIQUE INDEX CONCURRENTLY context_injection_excerpt_once"
                    " ON context_injection (org_id, turn_id, excerpt_id) WHERE excerpt_id IS NOT NULL",
                    "DROP INDEX CONCURRENTLY context_injection_excerpt_once",
                )
            ],
        ),
        AddConstraintNotValid(model_name="injection", constraint=_ONE_THING),
        ValidateConstraint(model_name="injection", name="context_injection_of_one_thing"),
    ]
