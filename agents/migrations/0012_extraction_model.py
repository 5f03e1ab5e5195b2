"""An agent may have its turns mined by a model."""

from __future__ import annotations

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("agents", "0011_model_calls")]

    operations = [
        migrations.AddField(
            "agent",
            "extraction_model",
            models.CharField(
                blank=True,
                default="",
                db_default="",
                max_length=256,
                help_text="The model that reads this agent's turns for memories, by the name that a provider serves it "
                "under. Empty: the built-in local extractor.",
            ),
        ),
    ]
