"""No index of the organization alone: every table has one that begins with it."""

from __future__ import annotations

from django.db import migrations

from ibex.core.tenancy.operations import WithoutOrgIndex

MODELS = (
    "excerpt",
    "extraction",
    "importitem",
    "importpart",
    "importrun",
    "memory",
    "memoryversion",
    "recallcheck",
    "relationship",
)


class Migration(migrations.Migration):
    atomic = False
    dependencies = [("memories", "0016_own_matches")]

    operations = [*map(WithoutOrgIndex, MODELS)]
