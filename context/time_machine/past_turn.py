"""What is kept of a turn that has been: its trace, its receipt, how its context came about, and its words."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

from django.db.models import Q

from agents.archives.reading import words_needed
from agents.models import Agent, Checkpoint, Trace
from context.models import AssemblyRecord, Injection
from context.selectors import injections_of_turns
from ibex.core.errors import Conflict, NotFound
from ibex.core.ids import parse_uuid
from ibex.core.tenancy import cross_tenant


@dataclass(frozen=True, kw_only=True, slots=True)
class PastTurn:
    """One turn, ready to be assembled again."""

    trace: Trace
    record: AssemblyRecord
    agent: Agent
    receipt: Sequence[Injection]
    messages: list[Any] = field(repr=False)
    """What the caller sent, as far as it is kept: no instructions, and of a history only what its session has."""


def find(name: str) -> Trace:
    """The call whose request id, trace or turn `name` is; of several with one request id the latest that was answered.

    Looks in every organization. Raises NotFound.
    """
    named = parse_uuid(name.strip())
    if named is not None:
        with cross_tenant("replay_context") as system:
            calls = Trace.objects.using(system).filter(Q(request_id=str(named)) | Q(pk=named) | Q(turn_id=named))
            latest = calls.order_by("-started_at")
            found = latest.filter(session__isnull=False).first() or latest.first()
        if found is not None:
            return found
    raise NotFound("There is no call with this request id, or its trace is not kept any more.")


def read(trace: Trace) -> PastTurn:
    """Everything that is kept of its turn, inside its organization's scope. Raises Conflict saying what is not."""
    org_id, turn_id = trace.org_id, trace.turn_id
    record = AssemblyRecord.objects.of(org_id).filter(turn_id=turn_id).first()
    checkpoint = Checkpoint.objects.of(org_id).filter(turn_id=turn_id).first()
    if record is None:
        raise Conflict("How the context of this call came about was not recorded: nothing can be compared with it.")
    if checkpoint is None:
        raise Conflict("What was said in this call is not kept: it was not answered, or its time is over.")
    return PastTurn(
        trace=trace,
        record=record,
        agent=Agent.objects.of(org_id).get(pk=trace.agent_id),
        receipt=injections_of_turns(org_id, [turn_id]).get(turn_id, []),
        messages=_messages(org_id, checkpoint)[-record.message_count :] if record.message_count else [],
    )


def _messages(org_id: UUID, last: Checkpoint) -> list[Any]:
    """The session's turns up to `last`, as a caller that sends its whole history would."""
    earlier = Checkpoint.objects.of(org_id).filter(session_id=last.session_id, number__lt=last.number)
    *before, last = turns = [*earlier.order_by("number"), last]
    if len(words_needed(turns)) < len(turns):
        raise Conflict("What was said in this session is not kept any more: its archive was removed.")
    messages: list[Any] = []
    for turn in before:
        messages += [*turn.messages, _answer(turn)]
    return [*messages, *last.messages]


def _answer(turn: Checkpoint) -> dict[str, Any]:
    answer: dict[str, Any] = {"role": "assistant", "content": turn.assistant_text}
    return answer | ({"tool_calls": turn.tool_calls} if turn.tool_calls else {})
