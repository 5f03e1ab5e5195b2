"""What operators choose about personal data: one action for each type."""

from __future__ import annotations

from typing import Any

from django import forms

from agents.privacy import PiiAction, PiiActions, PiiKind

LABELS = {
    PiiKind.EMAIL: ("E-mail addresses", ""),
    PiiKind.PHONE: ("Phone numbers", "Of any country."),
    PiiKind.NATIONAL_ID: ("National ids", "Social security, tax, passport and identity card numbers."),
    PiiKind.CARD: ("Payment cards", ""),
    PiiKind.IBAN: ("Bank accounts", "IBANs."),
    PiiKind.IP: ("IP addresses", ""),
    PiiKind.SECRET: ("Keys and passwords", "They can be held back, but never kept without a person's consent."),
    PiiKind.ADDRESS: ("Street addresses", "A street with its house number, a post office box; not a city alone."),
    PiiKind.BIRTH_DATE: ("Dates of birth", "Whole dates that the text says someone was born on."),
    PiiKind.NAME: (
        "Names of people",
        "A title or introduction and common given names are recognised; other names are missed. "
        "Who a memory is about is often its point.",
    ),
}
"""A type's name, and what belongs to it where that is not plain."""


class PrivacyForm(forms.Form):
    """The action of every type."""

    def __init__(self, *args: Any, actions: PiiActions, **options: Any) -> None:
        super().__init__(*args, **options)
        for kind, (label, help_text) in LABELS.items():
            self.fields[kind.field] = forms.ChoiceField(
                choices=[(action.value, describe(kind, action)) for action in kind.actions],
                initial=actions[kind].value,
                label=label,
                help_text=help_text,
            )


def describe(kind: PiiKind, action: PiiAction) -> str:
    """What is done with findings of a type, in an operator's words."""
    match action:
        case PiiAction.REDACT:
            return f"Replace by [{kind.value}]"
        case PiiAction.QUARANTINE:
            return "Hold the memory back for review"
        case PiiAction.ALLOW:
            return "Keep"
