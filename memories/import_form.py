"""What operators say about a file that they bring."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from django import forms

from agents.choices import AgentStatus
from agents.models import Agent
from agents.selectors import agents_of
from memories.forms import EndUserField
from memories.models.imports import ImportKind
from memories.transfer.intake import FILE_MAX_BYTES

ACCEPTED = ".ndjson,.jsonl,.json,.csv,.txt,.zip"
KINDS = [
    (ImportKind.MEMORIES, "Memories: NDJSON or CSV"),
    (ImportKind.CONVERSATIONS, "Conversations: recorded turns, or a ChatGPT export"),
]


class ImportForm(forms.Form):
    """A file, what it holds, and whose it is."""

    file = forms.FileField(
        allow_empty_file=True,
        help_text=f"UTF-8, up to {FILE_MAX_BYTES // 1024**2} MiB, also as the only file of a ZIP archive.",
        widget=forms.ClearableFileInput(attrs={"accept": ACCEPTED}),
    )
    kind = forms.ChoiceField(choices=KINDS, label="It holds", initial=ImportKind.MEMORIES)
    agent = forms.ModelChoiceField(queryset=Agent.objects.none(), empty_label=None)
    end_user = EndUserField()
    is_dry_run = forms.BooleanField(
        required=False,
        initial=True,
        label="Dry run first",
        help_text="Says what would come of each record, and writes nothing. You can import the same file after it.",
    )

    def __init__(self, *args: Any, org_id: UUID, **options: Any) -> None:
        super().__init__(*args, **options)
        agents = agents_of(org_id).exclude(status=AgentStatus.ARCHIVED)
        self.fields["agent"].queryset = agents  # type: ignore[attr-defined]
        self.fields[
            "end_user"
        ].help_text = "Whose it is, where a line does not say so itself. Empty: the whole agent's."
