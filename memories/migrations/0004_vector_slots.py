"""A second place for a vector beside the first, and the table that says which of them is searched."""

from __future__ import annotations

import pgvector.django.halfvec
from django.db import migrations, models

from ibex.core.tenancy.operations import app_role
from ibex.env import env

FIRST_MODEL = "all-MiniLM-L6-v2"
"""What rows have that were there before models could be chosen."""
_WIDTHLESS = """
DO $$
DECLARE near text;
BEGIN
  -- Indexes of large agents are over the column's width, which it no longer has; the daily task builds them anew.
  FOR near IN SELECT indexname FROM pg_indexes
               WHERE schemaname = 'public' AND tablename IN ('memories_memory', 'memories_excerpt')
                 AND indexdef LIKE '%USING hnsw%'
  LOOP EXECUTE format('DROP INDEX %I', near); END LOOP;
END $$;
"""


def seed(apps, schema_editor):
    """A new installation begins with the model of its settings; another keeps the vectors it has."""
    with schema_editor.connection.cursor() as cursor:
        # Sizes, because the owner of the tables sees no tenant's rows.
        cursor.execute("SELECT pg_relation_size('memories_memory') + pg_relation_size('memories_excerpt') = 0")
        is_new = cursor.fetchone()[0]
    slots = apps.get_model("memories", "VectorSlot").objects.using(schema_editor.connection.alias)
    slots.create(name="a", model=env().embedding_model if is_new else FIRST_MODEL, state="serving")
    slots.create(name="b", model="", state="empty")


def protect(apps, schema_editor):
    """Whoever may switch is the installation, never a tenant."""
    schema_editor.execute(f'REVOKE INSERT, UPDATE, DELETE ON memories_vectorslot FROM "{app_role()}"')


def _vector(table):
    return [
        migrations.AlterField(
            model_name=table,
            name="embedding",
            field=pgvector.django.halfvec.HalfVectorField(editable=False, null=True),
        ),
        migrations.AlterField(
            model_name=table,
            name="embedding_model",
            field=models.CharField(blank=True, editable=False, max_length=200),
        ),
        migrations.AddField(
            model_name=table,
            name="embedding_b",
            field=pgvector.django.halfvec.HalfVectorField(editable=False, null=True),
        ),
        migrations.AddField(
            model_name=table,
            name="embedding_b_model",
            field=models.CharField(blank=True, db_default="", default="", editable=False, max_length=200),
        ),
        migrations.RunSQL(
            # A new type brings its own storage; vectors stay in the row, as before.
            f"ALTER TABLE memories_{table} ALTER COLUMN embedding SET STORAGE PLAIN;"
            f"ALTER TABLE memories_{table} ALTER COLUMN embedding_b SET STORAGE PLAIN;",
            migrations.RunSQL.noop,
        ),
    ]


class Migration(migrations.Migration):
    dependencies = [("memories", "0003_merging")]

    operations = [
        migrations.RunSQL(_WIDTHLESS, migrations.RunSQL.noop),
        *_vector("memory"),
        *_vector("excerpt"),
        migrations.CreateModel(
            name="VectorSlot",
            fields=[
                (
                    "name",
                    models.CharField(
                        help_text="a: `embedding`, b: `embedding_b`.",
                        max_length=1,
                        primary_key=True,
                        serialize=False,
                    ),
                ),
                ("model", models.CharField(blank=True, max_length=200)),
                (
                    "state",
                    models.CharField(
                        choices=[
                            ("empty", "Empty"),
                            ("filling", "Being filled"),
                            ("serving", "Searched"),
                            ("retiring", "Searched until lately"),
                        ],
                        default="empty",
                        max_length=8,
                    ),
                ),
                ("changed_at", models.DateTimeField(auto_now=True)),
            ],
            options={
                "constraints": [
                    models.UniqueConstraint(
                        condition=models.Q(("state", "serving")),
                        fields=("state",),
                        name="memories_vectorslot_one_serves",
                    )
                ],
            },
        ),
        migrations.RunPython(protect, migrations.RunPython.noop),
        migrations.RunPython(seed, migrations.RunPython.noop),
    ]
