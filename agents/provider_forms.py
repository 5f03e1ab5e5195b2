"""What operators type about a provider. The form checks shapes; the service has the last word."""

from __future__ import annotations

from typing import Any

from django import forms
from django.http import QueryDict

from agents.choices import ProviderKind
from agents.models import ProviderConnection
from agents.services import providers

PATTERNS_TEXT_MAX = providers.PATTERNS_MAX * (providers.PATTERN_MAX + 2)
"""Characters: every pattern at its longest, each on a line."""


class ProviderForm(forms.Form):
    """An account at a model provider. A stored key is never put into the form."""

    name = forms.CharField(
        max_length=120, help_text="What operators call it.", widget=forms.TextInput(attrs={"autocomplete": "off"})
    )
    kind = forms.ChoiceField(
        choices=ProviderKind.choices,
        help_text="The language it speaks. The sandbox needs no account: it answers by itself, for trying things out.",
    )
    base_url = forms.CharField(
        max_length=providers.BASE_URL_MAX,
        required=False,
        label="Base URL",
        help_text="With the version, as in https://api.openai.com/v1. Empty: the provider's own.",
        widget=forms.URLInput(attrs={"class": "input--mono", "autocomplete": "off", "spellcheck": "false"}),
    )
    key = forms.CharField(
        max_length=providers.KEY_MAX,
        required=False,
        label="API key",
        widget=forms.PasswordInput(attrs={"class": "input--mono", "autocomplete": "new-password"}),
    )
    removes_key = forms.BooleanField(required=False, label="Remove the stored key")
    model_patterns = forms.CharField(
        max_length=PATTERNS_TEXT_MAX,
        required=False,
        label="Models",
        help_text="Names, one a line; * stands for any part. Empty: every model.",
        widget=forms.Textarea(attrs={"rows": 3, "class": "input--mono", "spellcheck": "false"}),
    )
    priority = forms.IntegerField(
        min_value=0,
        max_value=providers.PRIORITY_MAX,
        help_text="Of providers that serve a model, the one with the lowest number is asked first.",
    )
    is_active = forms.BooleanField(required=False, label="Active", help_text="Calls may be sent to it.")

    def __init__(self, data: QueryDict | None = None, *, provider: ProviderConnection | None = None) -> None:
        shown = provider or ProviderConnection()
        initial: dict[str, Any] = {
            name: getattr(shown, name) for name in ("name", "kind", "base_url", "priority", "is_active")
        }
        super().__init__(data, initial=initial | {"model_patterns": "\n".join(shown.model_patterns)})
        has_key = bool(shown.sealed_key)
        self.fields["key"].help_text = (
            "A key is stored. Empty keeps it; another address needs it again."
            if has_key
            else "Kept encrypted, and never shown."
        )
        if not has_key:
            del self.fields["removes_key"]

    def clean(self) -> dict[str, Any]:
        cleaned = super().clean() or {}
        if cleaned.get("key") and cleaned.get("removes_key"):
            self.add_error("removes_key", "Enter a new key or remove the stored one, not both.")
        return cleaned

    @property
    def said(self) -> dict[str, Any]:
        """The fields as the service takes them."""
        said = dict(self.cleaned_data)
        key = "" if said.pop("removes_key", False) else said["key"] or None
        return said | {"key": key, "model_patterns": said["model_patterns"].splitlines()}
