"""No index of the organization alone: every table has one that begins with it."""

from __future__ import annotations

from django.db import migrations

from ibex.core.tenancy.operations import WithoutOrgIndex

MODELS = (
    "assemblyrecord",
    "feedback",
    "outcome",
    "reading",
)


class Migration(migrations.Migration):
    atomic = False
    dependencies = [("context", "0008_lines")]

    operations = [*map(WithoutOrgIndex, MODELS)]
