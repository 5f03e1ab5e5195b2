"""The half of refinement that waits on a model or a processor, done before any transaction opens."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from agents.services.privacy import pii_actions
from ibex.core.tokens import count
from memories.choices import Source
from memories.embedding import Vector, Vectors
from memories.refinement import exact, quarantine
from memories.refinement.draft import Draft, Prepared
from memories.refinement.pii import PiiPolicy, redact
from memories.refinement.validate import problems, tidied
from memories.retrieval.perspective import first_person
from memories.slots import Slot, serving


def validated(draft: Draft) -> Prepared:
    """Step 1. What is wrong is in `refused`; surfaces that talk to people ask `validate.problems` beforehand."""
    clean = tidied(draft)
    wrong = problems(clean)
    return Prepared(draft=clean, refused=", ".join(sorted({error.field for error in wrong})))


def redacted(prepared: Prepared) -> Prepared:
    """Step 2: personal data is treated as the organization wants, in the text and in the words it came from.

    Only the text waits for a human when in doubt: in its evidence, subject and attribute, which nobody reviews, all
    that was found gives way to placeholders.
    """
    if prepared.refused:
        return prepared
    draft = prepared.draft
    policy = PiiPolicy(actions=pii_actions(draft.org_id))
    text, beside = redact(draft.content, policy), policy.unreviewed()
    unsure = sorted({finding.kind.value for finding in text.held})
    return replace(
        prepared,
        draft=replace(
            draft,
            content=text.text,
            evidence=redact(draft.evidence, beside).text,
            subject=redact(draft.subject, beside).text,
            attribute=redact(draft.attribute, beside).text,
        ),
        doubts=(f"may hold {', '.join(unsure)}",) if unsure else (),
    )


def hashed(prepared: Prepared) -> Prepared:
    """Step 3, its first part: the hash that duplicates are found by."""
    if prepared.refused:
        return prepared
    return replace(prepared, content_hash=exact.content_hash(prepared.draft.content))


def embedded(batch: Sequence[Prepared]) -> list[Prepared]:
    """Step 4: vectors and token counts, one batch for all; then whether a text tries to give orders."""
    wanted = [prepared for prepared in batch if not prepared.refused]
    current = serving()
    told = [first_person(prepared.draft.content) for prepared in wanted]
    made = current.embed(told)
    vectors = iter(zip(made, current.built_in(told, made), strict=True))
    done = []
    for prepared in batch:
        if prepared.refused:
            done.append(prepared)
            continue
        vector, judged = next(vectors)
        doubts = (*prepared.doubts, *_suspicions(prepared.draft, judged))
        tokens = count(prepared.draft.content)
        done.append(replace(prepared, embedding=vector, slot=current.slot, tokens=tokens, doubts=doubts))
    return done


def embedding_of(texts: Sequence[str]) -> tuple[Slot, Vectors]:
    """Vectors of memories, and the slot whose rows they may be compared with: told in the first person, as their users
    speak and ask (QUALITY section 1).
    """
    current = serving()
    return current.slot, current.embed([first_person(text) for text in texts])


def _suspicions(draft: Draft, vector: Vector) -> tuple[str, ...]:
    """A person who writes a memory by hand is the operator, or acts for one: what they order is not an injection."""
    if draft.source == Source.USER_PROVIDED and draft.actor.startswith("operator:"):
        return ()
    verdict = quarantine.assess(draft.content, vector)
    return tuple(verdict.reasons) or ("suspicious",) if verdict.suspicious else ()
