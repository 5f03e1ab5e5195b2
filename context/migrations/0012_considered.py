"""What an assembly considered is kept as text.

As jsonb it took PostgreSQL half a millisecond a turn. It is kept as it is, as `lines` was.
"""

from __future__ import annotations

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("context", "0011_untied_injections")]

    operations = [
        migrations.AddField(
            model_name="assemblyrecord",
            name="considered",
            field=models.TextField(
                blank=True,
                db_default="",
                help_text="Everything considered, as JSON (`context.lines`). Empty: see `lines`.",
            ),
        ),
        migrations.AlterField(
            model_name="assemblyrecord",
            name="lines",
            field=models.JSONField(help_text="The same, of before it was text. Empty: see the injections.", null=True),
        ),
        migrations.RunSQL(
            "ALTER TABLE context_assembly ALTER COLUMN considered SET STORAGE EXTERNAL",
            "ALTER TABLE context_assembly ALTER COLUMN considered SET STORAGE DEFAULT",
        ),
    ]
