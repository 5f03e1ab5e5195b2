"""What operators type about a provider. The form checks shapes; the service has the last word."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from django import forms
from django.http import QueryDict

from agents.choices import ProviderKind
from agents.models import ProviderConnection
from agents.services import prices, providers

PATTERNS_TEXT_MAX = providers.PATTERNS_MAX * (providers.PATTERN_MAX + 2)
"""Characters: every pattern at its longest, each on a line."""
PRICES_TEXT_MAX = prices.PRICES_MAX * (prices.NAME_MAX + 50)
"""Characters: every model at its longest, each on a line with its two prices."""


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
    prices = forms.CharField(
        max_length=PRICES_TEXT_MAX,
        required=False,
        help_text="US dollars for a million tokens, one model a line: its name, the price of prompts, the price of "
        "answers, as in gpt-4o* 2.50 10. Empty: list prices.",
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
        texts = {"model_patterns": "\n".join(shown.model_patterns), "prices": "\n".join(_lines(shown.prices))}
        super().__init__(data, initial=initial | texts)
        has_key = bool(shown.sealed_key)
        self.fields["key"].help_text = (
            "A key is stored. Empty keeps it; another address needs it again."
            if has_key
            else "Kept encrypted, and never shown."
        )
        if not has_key:
            del self.fields["removes_key"]

    def clean_prices(self) -> dict[str, dict[str, str]]:
        """By model, as the service takes them; what is wrong is named by its line."""
        found: dict[str, dict[str, str]] = {}
        for number, line in enumerate(self.cleaned_data["prices"].splitlines(), start=1):
            if not line.strip():
                continue
            name, *said = line.rsplit(maxsplit=2)
            if len(said) < len(prices.SIDES):
                raise forms.ValidationError(
                    f"Line {number}: a model and two prices are expected, as in gpt-4o 2.50 10."
                )
            price = dict(zip(prices.SIDES, said, strict=True))
            if problem := prices.problem(name, price):
                raise forms.ValidationError(f"Line {number}: {problem}")
            if name in found:
                raise forms.ValidationError(f"Line {number}: this model has a price already.")
            found[name] = price
        return found

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


def _lines(stored: Mapping[str, Mapping[str, str]]) -> Iterator[str]:
    """Prices as they are typed, by name."""
    for name, price in sorted(stored.items()):
        yield " ".join([name, *(price[side] for side in prices.SIDES)])
