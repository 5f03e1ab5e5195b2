"""Whether a call is shown memories, and if not, why not: the word that its receipt keeps."""

from __future__ import annotations

from enum import StrEnum
from uuid import UUID

from agents.holdout import is_held_out
from agents.principal import AgentCard


class Mode(StrEnum):
    """How a call was served. The directive has its place in every one of them."""

    ON = "on"
    """Memories may be in its prompt."""
    SHADOW = "shadow"
    """They were chosen and recorded, and kept out of its prompt."""
    HELD_OUT = "held_out"
    """Its session is one of those that are answered without memories."""
    OFF = "off"
    """The caller, or the agent's settings, want none."""

    @property
    def reads(self) -> bool:
        """Whether memories are looked for."""
        return self in {Mode.ON, Mode.SHADOW}


def mode_of(agent: AgentCard, session_id: UUID, *, wanted: bool) -> Mode:
    """The mode of a call; `wanted`: the caller did not switch memories off."""
    if not (wanted and agent.remembers):
        return Mode.OFF
    if agent.shadows:
        return Mode.SHADOW
    return Mode.HELD_OUT if is_held_out(agent, session_id) else Mode.ON
