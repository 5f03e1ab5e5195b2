"""No index of the organization alone: every table has one that begins with it. Nor one for prefixes of request ids."""

from __future__ import annotations

from django.db import migrations

from ibex.core.tenancy.operations import WithoutOrgIndex

MODELS = (
    "agent",
    "archive",
    "auditevent",
    "checkpoint",
    "directive",
    "member",
    "modelcall",
    "providerconnection",
    "session",
    "token",
    "trace",
)

LIKE = "agents_trace_request_id_9de70bc1_like"


class Migration(migrations.Migration):
    atomic = False
    dependencies = [("agents", "0017_unarchived_sessions")]

    operations = [
        *map(WithoutOrgIndex, MODELS),
        migrations.RunSQL(
            f"DROP INDEX CONCURRENTLY IF EXISTS {LIKE}",
            f"CREATE INDEX CONCURRENTLY {LIKE} ON agents_trace (request_id varchar_pattern_ops)",
        ),
    ]
