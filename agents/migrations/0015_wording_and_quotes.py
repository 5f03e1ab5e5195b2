"""Whether an agent's prompts quote what was said, and the words around memories."""

from __future__ import annotations

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("agents", "0014_unread_sessions"),
    ]

    operations = [
        migrations.AddField(
            model_name="agent",
            name="locale",
            field=models.CharField(
                blank=True,
                choices=[("en", "English"), ("de", "Deutsch")],
                db_default="",
                default="",
                help_text="The language of the words around memories in a prompt. Empty: the organization's.",
                max_length=8,
            ),
        ),
        migrations.AddField(
            model_name="agent",
            name="quotes",
            field=models.BooleanField(
                db_default=True,
                default=True,
                help_text="Put excerpts, what was said word for word, into prompts beside memories.",
            ),
        ),
        migrations.AddField(
            model_name="organization",
            name="wording",
            field=models.JSONField(
                blank=True,
                db_default=models.Value({}, models.JSONField()),
                default=dict,
                help_text='The language of the words around memories in prompts, and the organization\'s own words in their place, with their tokens: {"locale": "de", "own": {"de": {"words": {...}, "tokens": {...}}}}.',
            ),
        ),
    ]
