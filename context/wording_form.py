"""What an organization says around memories: a language, and its own words in place of a template's."""

from __future__ import annotations

from typing import Any

from django import forms

from agents.choices import Locale
from context.own_words import WORDS_MAX
from context.wording import WORDINGS

_LABELS = {
    "introduction": ("Introduction", "Before every block of memories. One line; the end of the sentence is added."),
    "procedures": ("Of procedures", "Added where memories of how work is done are among them."),
    "instructions": ("Of instructions", "Added where standing instructions that operators wrote are among them."),
    "excerpts": ("Of excerpts", "Added where something is quoted."),
    "directive_in_user_message": (
        "Around the directive",
        "Where an agent's directive goes into the user's message. {directive} stands for it.",
    ),
}


class WordingForm(forms.Form):
    """The organization's language, and its words in the language that is edited (`edited`)."""

    locale = forms.ChoiceField(
        choices=Locale.choices,
        label="Language",
        help_text="Of the words around memories, for agents that have none of their own.",
    )

    def __init__(self, *args: Any, edited: str, **options: Any) -> None:
        super().__init__(*args, **options)
        self.edited = edited
        for name, (label, help_text) in _LABELS.items():
            self.fields[name] = forms.CharField(
                max_length=WORDS_MAX[name],
                required=False,
                label=label,
                help_text=help_text,
                widget=forms.Textarea(attrs={"rows": 3, "placeholder": getattr(WORDINGS[edited], name)}),
            )

    @property
    def words(self) -> dict[str, str]:
        """By the names of their places, as they were typed; browsers send CRLF."""
        return {name: str(self.cleaned_data[name]).replace("\r\n", "\n") for name in _LABELS}
