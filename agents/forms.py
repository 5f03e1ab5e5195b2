"""What operators type. Forms check shapes; the services have the last word."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from django import forms
from django.http import QueryDict
from django.utils import timezone

from agents.choices import PROXY_SCOPES, InjectionMode, Scope
from agents.limit_forms import LimitFields
from agents.limits import LIMIT_FIELDS
from agents.models import Agent
from agents.selectors import agents_of
from agents.services.agents import REFINEMENT_FIELDS

PASSWORD_MAX = 4_096
"""Characters; a longer text is refused before it is hashed."""
LIFETIMES_DAYS = (7, 30, 90, 365)
DEFAULT_LIFETIME_DAYS = 90
INJECTION_MODES = [
    (InjectionMode.SYSTEM_FIRST, "First system message"),
    (InjectionMode.SYSTEM_APPEND, "End of the caller's system message"),
    (InjectionMode.USER_PREPEND, "Start of the user's message"),
]


class SignInForm(forms.Form):
    """Who wants in."""

    email = forms.EmailField(
        max_length=254, widget=forms.EmailInput(attrs={"autocomplete": "username", "autofocus": True})
    )
    password = forms.CharField(
        max_length=PASSWORD_MAX,
        strip=False,
        widget=forms.PasswordInput(attrs={"autocomplete": "current-password"}),
    )


class AgentForm(forms.ModelForm, LimitFields):
    """An agent's settings; the slug only where it can still be chosen."""

    injection_mode = forms.ChoiceField(
        choices=INJECTION_MODES,
        label="Where the directive goes",
        help_text="Among the messages that the application sent.",
    )
    holdout_share = forms.FloatField(
        min_value=0,
        max_value=1,
        required=False,
        initial=0.0,
        label="Holdout",
        help_text="Share of the sessions, 0 to 1, that are answered without memories: see the Effect page.",
        widget=forms.NumberInput(attrs={"step": "any"}),
    )
    idle_minutes = forms.IntegerField(
        min_value=1,
        max_value=1_440,
        required=False,
        label="Idle minutes",
        help_text="A session completes after this long without a turn. Empty: the deployment's default.",
    )

    class Meta:
        model = Agent
        fields = [
            "name",
            "slug",
            "description",
            "injection_mode",
            "memory_tokens",
            "learns",
            "remembers",
            "shadows",
            "holdout_share",
            "quotes",
            "locale",
            "trusts_body_user",
            "extraction_model",
            *REFINEMENT_FIELDS,
            "idle_minutes",
            *LIMIT_FIELDS,
        ]
        labels = {
            "memory_tokens": "Memory budget",
            "learns": "Learns",
            "remembers": "Remembers",
            "shadows": "Shadow mode",
            "quotes": "Quotes",
            "locale": "Language around memories",
            "trusts_body_user": "Trusts the request's user field",
            "extraction_model": "Model for extraction",
            "refinement_model": "Model for refinement",
            "asks_for_duplicates": "Asks about duplicates",
            "asks_for_conflicts": "Asks about conflicts",
        }
        help_texts = {
            "slug": "Sent by the application in X-IBEX-Agent-ID. Empty: made from the name. Cannot be changed later.",
            "memory_tokens": "The most tokens that memories may take of one prompt, 0 to 32,000.",
            "shadows": "Chooses memories and records which, but keeps them out of the prompts.",
            "trusts_body_user": "Takes the end user from the body when the X-IBEX-User-ID header is absent.",
        }
        widgets = {"description": forms.Textarea(attrs={"rows": 2})}

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        self.fields["slug"].required = False
        self.fields["slug"].widget.attrs |= {"class": "input--mono", "autocapitalize": "none", "spellcheck": "false"}
        if not self.instance._state.adding:  # noqa: SLF001 - Django's own documented attribute
            del self.fields["slug"]

    def clean_holdout_share(self) -> float:
        """Empty is none."""
        return float(self.cleaned_data["holdout_share"] or 0)


class DirectiveForm(forms.Form):
    """A new version of a directive. `base`: the newest version when the editor was opened."""

    content = forms.CharField(
        strip=False,
        label="Directive",
        help_text="Put into every prompt of this agent. At most 32 KiB.",
        widget=forms.Textarea(attrs={"rows": 18, "class": "input--mono", "spellcheck": "false"}),
    )
    note = forms.CharField(
        max_length=200,
        required=False,
        help_text="What changed, in a few words.",
        widget=forms.TextInput(attrs={"autocomplete": "off"}),
    )
    base = forms.IntegerField(min_value=0, required=False, widget=forms.HiddenInput)

    def __init__(self, data: QueryDict | None = None, *, newest: int, content: str = "") -> None:
        super().__init__(data, initial={"content": content})
        self.newest = newest

    def clean_content(self) -> str:
        """Browsers send CRLF; versions that differ only by that would differ in every line."""
        return str(self.cleaned_data["content"]).replace("\r\n", "\n")

    def clean(self) -> dict[str, Any]:
        cleaned = super().clean() or {}
        if cleaned.get("base") not in {None, self.newest}:
            # The page answers with this text and the newest version as its base: saving again is a decision.
            raise forms.ValidationError(
                f"Version {self.newest} was saved while you were writing. Look at it, then save again to go beyond it."
            )
        return cleaned


class TokenForm(LimitFields):
    """A new token. Its defaults are what an application needs to call the proxy, and no more."""

    name = forms.CharField(
        max_length=120, help_text="Who or what uses it.", widget=forms.TextInput(attrs={"autocomplete": "off"})
    )
    agent = forms.ModelChoiceField(
        queryset=Agent.objects.none(), required=False, empty_label="Any agent", help_text="Works for this agent only."
    )
    lifetime = forms.TypedChoiceField(
        choices=[*((str(days), f"{days} days") for days in LIFETIMES_DAYS), ("", "No expiry")],
        initial=str(DEFAULT_LIFETIME_DAYS),
        coerce=int,
        empty_value=None,
        required=False,
        label="Expires after",
    )
    scopes = forms.MultipleChoiceField(
        choices=[(scope.value, scope.value) for scope in Scope],
        initial=sorted(PROXY_SCOPES),
        widget=forms.CheckboxSelectMultiple,
    )

    def __init__(self, *args: Any, org_id: UUID, **options: Any) -> None:
        super().__init__(*args, **options)
        self.fields["agent"].queryset = agents_of(org_id)  # type: ignore[attr-defined]

    @property
    def expires_at(self) -> datetime | None:
        """When a token with the chosen lifetime ends."""
        days: int | None = self.cleaned_data["lifetime"]
        return None if days is None else timezone.now() + timedelta(days=days)
