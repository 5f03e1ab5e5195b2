"""What operators type about memories. Forms check shapes; refinement has the last word."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, datetime, time
from typing import Any
from uuid import UUID

from django import forms

from agents.choices import AgentStatus
from agents.models import Agent
from agents.selectors import agents_of
from memories.choices import Category
from memories.models import Memory
from memories.models.memory import CONTENT_MAX, END_USER_MAX, TAG_MAX
from memories.refinement.validate import TAGS_MAX

REASON_MAX = 150
LINE = {"autocomplete": "off"}
"""Attributes of an input whose earlier values are nobody's business."""


class TagsField(forms.CharField):
    """Tags in one line, separated by commas; each of them once, in the order typed."""

    def __init__(self, **options: Any) -> None:
        options.setdefault("help_text", f"Separated by commas, up to {TAGS_MAX}.")
        super().__init__(required=False, widget=forms.TextInput(attrs=LINE), **options)

    def prepare_value(self, value: Any) -> Any:
        return ", ".join(value) if isinstance(value, list | tuple) else value

    def to_python(self, value: Any) -> list[str]:  # type: ignore[override]
        return list(_distinct(str(value or "").replace("\x00", "").split(",")))

    def run_validators(self, value: Any) -> None:
        if len(value) > TAGS_MAX:
            raise forms.ValidationError(f"At most {TAGS_MAX} tags.")
        if any(len(tag) > TAG_MAX for tag in value):
            raise forms.ValidationError(f"A tag has at most {TAG_MAX} characters.")


class ContentField(forms.CharField):
    """A memory's own text."""

    def __init__(self, **options: Any) -> None:
        widget = forms.Textarea(attrs={"rows": 5, "autofocus": True})
        super().__init__(max_length=CONTENT_MAX, label="Memory", widget=widget, **options)

    def to_python(self, value: Any) -> str:
        """Browsers send CRLF: the same text must stay the same text."""
        return str(super().to_python(value)).replace("\r\n", "\n")


class EndUserField(forms.CharField):
    """Whose memory it is."""

    def __init__(self) -> None:
        super().__init__(
            max_length=END_USER_MAX,
            required=False,
            label="End user",
            help_text="Used only in this person's calls. Empty: in every call of the agent.",
            widget=forms.TextInput(attrs=LINE),
        )


class PinnedField(forms.BooleanField):
    """Whether it is injected without being asked for."""

    def __init__(self) -> None:
        super().__init__(
            required=False,
            label="Standing instruction",
            help_text="Put into prompts without being asked for, within a budget of its own.",
        )


class DayField(forms.DateField):
    """A day, or none."""

    def __init__(self, *, label: str) -> None:
        widget = forms.DateInput(attrs={"type": "date"}, format="%Y-%m-%d")
        super().__init__(required=False, label=label, widget=widget, input_formats=["%Y-%m-%d"])


class MemoryForm(forms.Form):
    """A memory written by hand."""

    agent = forms.ModelChoiceField(queryset=Agent.objects.none(), empty_label=None)
    content = ContentField(help_text="One piece of knowledge that stands on its own: no “he”, no “yesterday”.")
    category = forms.ChoiceField(choices=Category.choices, initial=Category.FACTUAL)
    tags = TagsField()
    end_user = EndUserField()
    is_pinned = PinnedField()

    def __init__(self, *args: Any, org_id: UUID, **options: Any) -> None:
        super().__init__(*args, **options)
        agents = agents_of(org_id).exclude(status=AgentStatus.ARCHIVED)
        self.fields["agent"].queryset = agents  # type: ignore[attr-defined]


class EditForm(forms.Form):
    """A memory as it should be from now on. `version`: the newest one when the form was opened."""

    version = forms.IntegerField(widget=forms.HiddenInput)
    content = ContentField()
    category = forms.ChoiceField(choices=Category.choices)
    confidence = forms.FloatField(
        min_value=0, max_value=1, label="Confidence, 0 to 1", widget=forms.NumberInput(attrs={"step": "any"})
    )
    tags = TagsField()
    end_user = EndUserField()
    valid_from = DayField(label="True from")
    valid_until = DayField(label="True until")
    is_pinned = PinnedField()

    def __init__(self, *args: Any, memory: Memory, **options: Any) -> None:
        initial = {name: getattr(memory, name) for name in self.base_fields}
        options["initial"] = initial | {"confidence": round(memory.confidence, 2)}
        super().__init__(*args, **options)
        self.memory = memory

    def clean(self) -> dict[str, Any]:
        cleaned = super().clean() or {}
        first, last = cleaned.get("valid_from"), cleaned.get("valid_until")
        if first and last and last < first:
            self.add_error("valid_until", "This is before “True from”.")
        if cleaned.get("version") != self.memory.version:
            # The form keeps what was typed and now stands on the newest version: saving again is a decision.
            self.data = {**self.data, "version": str(self.memory.version)}
            raise forms.ValidationError(
                "This memory changed while you were writing. Look at it, then save again to go beyond that."
            )
        return cleaned

    @property
    def changes(self) -> dict[str, Any]:
        """The fields that were changed, as refinement takes them; days begin at midnight, UTC."""
        changed = {name: self.cleaned_data[name] for name in self.changed_data if name != "version"}
        for name in ("valid_from", "valid_until"):
            if changed.get(name):
                changed[name] = datetime.combine(changed[name], time.min, tzinfo=UTC)
        if "tags" in changed:
            changed["tags"] = tuple(changed["tags"])
        return changed


class ApproveForm(forms.Form):
    """A waiting memory in better words."""

    content = ContentField()
    category = forms.ChoiceField(choices=Category.choices)

    def __init__(self, *args: Any, memory: Memory, **options: Any) -> None:
        options["initial"] = {"content": memory.content, "category": memory.category}
        super().__init__(*args, **options)
        # It stands behind a button: the page must not jump to it.
        self.fields["content"].widget.attrs.pop("autofocus", None)

    @property
    def changes(self) -> dict[str, Any]:
        """The fields that were changed, as refinement takes them."""
        return {name: self.cleaned_data[name] for name in self.changed_data}


class RejectForm(forms.Form):
    """Why a memory is refused."""

    reason = forms.CharField(max_length=REASON_MAX, required=False)


class TagsForm(forms.Form):
    """A memory's tags alone."""

    tags = TagsField(help_text="")


def _distinct(words: Iterable[str]) -> dict[str, None]:
    return dict.fromkeys(word for word in (" ".join(part.split()) for part in words) if word)
