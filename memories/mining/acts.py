"""What a model said a candidate does to a memory that is there: heeded by refinement as an opinion on that pair.

An opinion counts only for the version of the memory that the model was shown, and only through refinement's own rules
(who is the newer one, how sure is sure enough, what a person wrote by hand); nothing is overwritten on a model's word.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

from memories.extraction import Candidate
from memories.extraction.contract import Act
from memories.models import Memory
from memories.refinement.draft import Prepared
from memories.refinement.opinions import Opinion, Verdict
from memories.store import one_writer

VERDICTS: Mapping[Act, Verdict] = {Act.UPDATE: Verdict.SUPERSEDES, Act.REFUTE: Verdict.CONTRADICTS}
REASON = "the model that read the turn says so"


def heeded(candidates: Sequence[Candidate], batch: Sequence[Prepared]) -> list[Prepared]:
    """The batch with what the candidates, in the same order, say of the memories they are about."""
    return [_heeded(candidate, prepared) for candidate, prepared in zip(candidates, batch, strict=True)]


def still_meant(candidates: Sequence[Candidate], batch: Sequence[Prepared]) -> list[Prepared]:
    """The batch without confirmations of memories that have changed since the model was shown them.

    Inside the transaction that writes; those that stay are the same words, and counted as one proof more.
    """
    confirmed = {one.about.id: one.about.version for one in candidates if one.act is Act.CONFIRM and one.about}
    if not confirmed:
        return list(batch)
    draft = batch[0].draft
    one_writer(draft.org_id, draft.agent_id)
    now = dict(Memory.objects.of(draft.org_id).filter(pk__in=confirmed).values_list("pk", "version"))
    return [
        prepared
        for candidate, prepared in zip(candidates, batch, strict=True)
        if candidate.act is not Act.CONFIRM
        or (candidate.about is not None and now.get(candidate.about.id) == candidate.about.version)
    ]


def _heeded(candidate: Candidate, prepared: Prepared) -> Prepared:
    verdict, about = VERDICTS.get(candidate.act), candidate.about
    if verdict is None or about is None:
        return prepared
    opinion = Opinion(verdict=verdict, confidence=candidate.confidence, reason=REASON)
    answers = {**prepared.opinions.answers, (about.id, about.version): opinion}
    return replace(prepared, opinions=replace(prepared.opinions, answers=answers, on_conflicts=True))
