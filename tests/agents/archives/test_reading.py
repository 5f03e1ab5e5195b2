"""Whoever needs what was said gets it, wherever it is; and is told where it is not to be had."""

from __future__ import annotations

import pytest

from agents.archives.reading import with_words, words_needed
from agents.choices import ContentPlace
from ibex.core import storage
from ibex.core.errors import StorageUnavailable
from tests.agents.archives.making import SAID, archived, end, go_on, row_of, spoken, turns_of, words_of
from tests.jobs import change, only_own

__all__ = ["only_own"]
pytestmark = pytest.mark.usefixtures("only_own")


def told(session) -> list[tuple[str, str, str]]:
    return [(turn.content, turn.user_text, turn.assistant_text) for turn in with_words(turns_of(session))]


def away(key: str) -> None:
    raise StorageUnavailable


def test_from_the_vault_while_it_is_there(agent):
    assert told(end(spoken(agent))) == [("vault", *said) for said in SAID]


def test_from_the_archive_as_it_was(agent):
    session = spoken(agent)
    before = turns_of(session)
    session = archived(agent)
    assert told(session) == [("archive", *said) for said in SAID]
    assert [turn.messages for turn in with_words(turns_of(session))] == [turn.messages for turn in before]


def test_from_both_of_a_session_that_went_on(agent):
    session = archived(agent)
    go_on(session, "And my cat?", "Tom.")
    assert [place for place, *_ in told(session)] == ["archive", "archive", "vault"]


def test_of_several_sessions_at_once_and_only_what_is_asked_for(agent):
    first, second = archived(agent), archived(agent, ("Who am I?", "Ines."))
    turns = with_words([turns_of(first)[1], turns_of(second)[0]])
    assert [turn.user_text for turn in turns] == [SAID[1][0], "Who am I?"]


def test_nothing_is_saved(agent):
    session = archived(agent)
    with_words(turns_of(session))
    assert words_of(session) == [("", ""), ("", "")]


def test_a_storage_that_is_away_is_told_from_words_that_are_gone(agent, monkeypatch):
    session = archived(agent)
    with monkeypatch.context() as patched:
        patched.setattr(storage, "opened", away)
        assert [place for place, *_ in told(session)] == [ContentPlace.AWAY] * 2
        with pytest.raises(StorageUnavailable):
            words_needed(turns_of(session))
    storage.remove(row_of(session).key)
    assert [place for place, *_ in told(session)] == [ContentPlace.GONE] * 2
    assert words_needed(turns_of(session)) == []


def test_a_line_that_was_changed_is_not_believed(agent):
    import io

    session = archived(agent)
    key = row_of(session).key
    with storage.opened(key) as file:
        whole = file.read()
    storage.put(key, io.BytesIO(whole.replace(b"Porto", b"Paris")))
    assert [place for place, *_ in told(session)] == ["archive", ContentPlace.GONE]


def test_a_line_of_another_session_is_not_taken_for_it(agent):
    session, other = archived(agent), archived(agent, ("Who am I?", "Ines."), ("And you?", "IBEX."))
    change(row_of(session), key=row_of(other).key)
    assert [place for place, *_ in told(session)] == [ContentPlace.GONE] * 2
