"""An organization's own words around memories, in place of the template's: checked, counted, saved, and told to every
process. They reach the request path with the agent (`agents.principal.AgentCard`), so no call reads anything for them.
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping
from dataclasses import asdict
from typing import Any

from agents.models import Organization
from agents.services import audit
from agents.services.after import announce
from context.desk_read import HotMemory
from context.render import make_nonce, render, seen
from context.wording import DEFAULT_LOCALE, WORD_TOKENS, WORDINGS, Wording, with_own_words
from context.wording.base import counted
from ibex.core.errors import FieldCode, FieldError, InvalidRequest
from ibex.core.ids import uuid7

WORDS_MAX: Mapping[str, int] = {
    "introduction": 300,
    "procedures": 200,
    "instructions": 200,
    "excerpts": 200,
    "directive_in_user_message": 1_000,
}
"""Characters of each text that an organization may word itself: every block of every prompt pays for them."""
DIRECTIVE = "{directive}"
_ELEMENTS = ("memor", "instruction", "excerpt")
"""How the names of a block's own elements begin."""


def own_words(org: Organization, locale: str) -> dict[str, str]:
    """What the organization words itself in `locale`, by the names of WORDS_MAX."""
    return dict(org.wording.get("own", {}).get(locale, {}).get("words", {}))


def wording_for(org: Organization, locale: str) -> Wording:
    """What prompts in `locale` say, as it stands."""
    own = org.wording.get("own", {}).get(locale)
    return with_own_words(WORDINGS[locale], own["words"], own["tokens"]) if own else WORDINGS[locale]


def locale_of(org: Organization) -> str:
    """The language of agents that have none of their own."""
    return str(org.wording.get("locale") or DEFAULT_LOCALE)


def example(wording: Wording) -> str:
    """A block that shows every kind of entry."""
    kinds = {"instruction": "Answers end with a source.", "procedure": "Orders are looked up by their number.",
             "fact": "The user lives in Lisbon.", "excerpt": "I moved to Lisbon in May."}  # fmt: skip
    made = [_entry(kind, content) for kind, content in kinds.items()]
    return render(made, make_nonce(), wording)


def _entry(kind: str, content: str) -> HotMemory:
    return HotMemory(
        id=uuid7(),
        content=content,
        category={"fact": "factual", "excerpt": "episodic"}.get(kind, "procedural"),
        confidence=1.0,
        usefulness=0.5,
        injections=0,
        observed_at=time.time(),
        tokens=0,
        version=1,
        is_pinned=kind == "instruction",
        by_operator=kind == "instruction",
        is_excerpt=kind == "excerpt",
        role="user",
    )


def change_wording(
    org: Organization,
    *,
    actor: str,
    locale: str | None = None,
    words: Mapping[str, Mapping[str, str]] | None = None,
) -> Organization:
    """Set the organization's language, and its own words by locale; those that are not named stay, and an empty text
    gives the template's words back. Call inside the tenant's scope. Blocks that were shown keep their words.

    Raises InvalidRequest naming `locale` or `words.<locale>.<text>`.
    """
    wanted = {name: _trimmed(texts) for name, texts in (words or {}).items()}
    if wrong := [*_locale_problems(locale), *(problem for name in wanted for problem in _problems(name, wanted[name]))]:
        raise InvalidRequest(field_errors=wrong)
    held = Organization.objects.select_for_update().get(pk=org.pk)
    changed = ["locale"] * (locale is not None and locale != locale_of(held))
    own = dict(held.wording.get("own", {}))
    for name, texts in wanted.items():
        before = own_words(held, name)
        after = {text: said for text, said in (before | texts).items() if said}
        changed += sorted(f"{name}.{text}" for text in texts if before.get(text, "") != texts[text])
        own[name] = {"words": after, "tokens": _tokens(WORDINGS[name], after)}
    org.wording = {
        "locale": locale or locale_of(held),
        "own": {name: said for name, said in own.items() if said["words"]},
    }
    if changed:
        org.save(update_fields=["wording"])
        audit.record_of_organization(org, actor=actor, action="organization.wording_changed", fields=changed)
        announce("org", org.pk, org.pk)
    return org


def _tokens(template: Wording, words: Mapping[str, str]) -> dict[str, int]:
    """What the organization's words cost, by both tokenizers; the rest is the template's."""
    tokens = asdict(counted(with_own_words(template, dict(words), {})).tokens)
    return {WORD_TOKENS[text]: tokens[WORD_TOKENS[text]] for text in words}


def _trimmed(texts: Any) -> Any:
    """Without what stands around a text; the end of the sentence is written by IBEX."""
    if not isinstance(texts, Mapping):
        return texts
    return {
        name: (said.strip() if name == "directive_in_user_message" else said.strip().rstrip(".;").rstrip())
        if isinstance(said, str)
        else said
        for name, said in texts.items()
    }


def _locale_problems(locale: str | None) -> Iterator[FieldError]:
    if locale is not None and locale not in WORDINGS:
        yield FieldError("locale", FieldCode.INVALID_ENUM, f"One of {', '.join(WORDINGS)}.")


def _problems(locale: str, texts: Any) -> Iterator[FieldError]:
    if locale not in WORDINGS:
        yield FieldError("words", FieldCode.INVALID_ENUM, f"Languages: {', '.join(WORDINGS)}.")
    elif not isinstance(texts, Mapping):
        yield FieldError(f"words.{locale}", FieldCode.INVALID_FORMAT, "An object of texts is expected here.")
    else:
        for name, said in texts.items():
            if problem := _problem(name, said):
                code, sentence = problem
                yield FieldError(f"words.{locale}.{name}", code, sentence)


def _problem(name: str, said: Any) -> tuple[FieldCode, str] | None:
    """Why `said` cannot be said there: it may announce a block, and never begin, end or imitate a part of one."""
    if name not in WORDS_MAX:
        return FieldCode.INVALID_ENUM, f"Texts: {', '.join(WORDS_MAX)}."
    if not isinstance(said, str):
        return FieldCode.INVALID_FORMAT, "A text is expected here."
    if len(said) > WORDS_MAX[name]:
        return FieldCode.TOO_LONG, f"It is too long: at most {WORDS_MAX[name]:,} characters."
    if name == "directive_in_user_message":
        return _frame_problem(said) if said else None
    if seen(said) != said.replace("&", "&amp;").replace('"', "&quot;") or "\n" in said or "\r" in said:
        return FieldCode.INVALID_FORMAT, "One line of plain text, without < and > and invisible characters."
    return None


def _frame_problem(said: str) -> tuple[FieldCode, str] | None:
    if said.count(DIRECTIVE) != 1:
        return FieldCode.REQUIRED, f"{DIRECTIVE} must be in it once: the directive stands there."
    folded = said.lower().replace(" ", "").replace("/", "")
    if any(f"<{element}" in folded for element in _ELEMENTS):
        return FieldCode.INVALID_FORMAT, "Tags that begin like those around memories are not allowed."
    return None
