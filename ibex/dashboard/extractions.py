"""Sessions that could not be mined, as the Jobs page shows the latest of them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from uuid import UUID

from memories.mining.failures import failures_of, given_up
from memories.models import Extraction

SHOWN = 5


@dataclass(frozen=True, kw_only=True, slots=True)
class Extractions:
    """What failed, the latest first, at most SHOWN. `given_up`: how many dead letters there are in all."""

    failed: Sequence[Extraction]
    has_more: bool
    given_up: int


def extractions_of(org_id: UUID) -> Extractions:
    """One organization's, inside its scope. Two queries."""
    found = list(failures_of(org_id)[: SHOWN + 1])
    return Extractions(failed=found[:SHOWN], has_more=len(found) > SHOWN, given_up=given_up(org_id).count())
