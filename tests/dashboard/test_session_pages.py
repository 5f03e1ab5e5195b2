from __future__ import annotations

import re
from datetime import timedelta

import pytest
from django.utils import timezone

from agents.models import Trace
from ibex.core.tenancy import scope
from ibex.dashboard.bubbles import SHOWN_CHARACTERS
from ibex.dashboard.replay import SHOWN_MESSAGES, TURNS_PER_PAGE
from memories.models import Memory
from tests.dashboard.conftest import inject, make_memory, make_session, make_turn
from tests.factories import make_agent


def names(response) -> list[str]:
    return [row.record.external_id for row in response.context["table"].paginated_rows]


def text_of(response) -> str:
    """The page as it is read: without tags, spaces joined."""
    return re.sub(r"\s+", " ", re.sub(r"<[^>]+>", " ", response.content.decode()))


@pytest.fixture
def session(agent):
    return make_session(agent, external_id="talk", end_user="jon")


def replayed(who, session, query: str = ""):
    response = who.client.get(f"/sessions/{session.pk}{query}")
    assert response.status_code == 200
    return response


def test_a_turn_is_replayed_with_what_was_said(victor, session):
    make_turn(session, "Where is my order?", "In Lisbon.")
    page = text_of(replayed(victor, session))
    for words in ("Turn 1", "Where is my order?", "In Lisbon.", "sandbox", "5.0 ms overhead", "jon"):
        assert words in page


def test_a_turn_from_before_the_first_call_says_so_instead_of_a_time(victor, session):
    make_turn(session, "I live in Porto.", "Noted.", is_imported=True)
    page = text_of(replayed(victor, session))
    assert "Turn 1 Imported said before IBEX was asked" in page
    make_turn(session, "Where is my order?", "In Lisbon.")
    assert text_of(replayed(victor, session)).count("Imported") == 1


def test_a_turn_shows_what_was_injected_and_why_the_rest_was_not(victor, agent, session):
    turn = make_turn(session)
    inject(turn, make_memory(agent, "Jon lives in Lisbon.", category="factual"))
    inject(turn, make_memory(agent, "Jon likes tea."), rank=2, is_packed=False, score=0.12)
    page = text_of(replayed(victor, session))
    for words in (
        "1 memory injected",
        "7 tokens",
        "1 left out",
        "Jon lives in Lisbon.",
        "Relevance 0.91 Recency 0.80 Usefulness 0.50 Confidence 0.90 Frequency 0.10",
        "0.77",
        "Left out: below relevance floor",
    ):
        assert words in page, words


def test_a_memory_is_shown_as_it_was_then(victor, agent, session):
    turn = make_turn(session)
    memory = make_memory(agent, "Jon lives in Lisbon.")
    inject(turn, memory)
    with scope(agent.org_id):
        Memory.objects.filter(pk=memory.pk).update(content="Jon lives in Porto.", version=2)
    page = text_of(replayed(victor, session))
    assert "Jon lives in Lisbon." in page
    assert "Porto" not in page
    assert "Version 1, changed since" in page


def test_a_deleted_memory_is_not_shown_again(victor, agent, session):
    memory = make_memory(agent, "Jon's secret.")
    inject(make_turn(session), memory)
    with scope(agent.org_id):
        Memory.objects.filter(pk=memory.pk).update(deleted_at=timezone.now())
    page = text_of(replayed(victor, session))
    assert "secret" not in page
    assert "deleted since" in page


def test_a_turn_shows_what_was_learned_of_it(victor, agent, session):
    turn = make_turn(session)
    make_memory(agent, "Jon has a dog.", checkpoint=turn, session=session)
    make_memory(agent, "Forgotten.", checkpoint=turn, deleted_at=timezone.now())
    page = text_of(replayed(victor, session))
    assert "Learned from this turn" in page
    assert "Jon has a dog." in page
    assert "Forgotten." not in page


def test_stages_stand_in_the_order_of_the_request(victor, session):
    make_turn(session)
    page = text_of(replayed(victor, session))
    assert page.index("start 1.00 ms") < page.index("assemble 4.00 ms") < page.index("assemble.cold 3.00 ms")


def test_a_degraded_turn_says_what_it_went_without(victor, session):
    turn = make_turn(session)
    with scope(session.org_id):
        Trace.objects.filter(turn_id=turn.turn_id).update(is_fallback=True, level=2)
    assert "Directive only" in text_of(replayed(victor, session))


@pytest.mark.parametrize(
    "messages",
    [
        [],
        None,
        "text",
        [None, 3, "x"],
        [{"role": "user"}],
        [{"role": "user", "content": None}],
        [{"role": None, "content": 5}],
        [{"role": "user", "content": [{"type": "image_url"}, "x", {"type": "text", "text": "Look"}]}],
        [{"role": "assistant", "tool_calls": [None, {"function": "x"}, {"function": {"name": "find"}}]}],
        [{"role": "martian", "content": "Hm"}],
    ],
)
def test_whatever_was_sent_can_be_replayed(victor, session, messages):
    make_turn(session, messages=messages if messages is not None else {}, tool_calls=[{"function": None}])
    assert "Turn 1" in text_of(replayed(victor, session))


def test_tools_images_and_system_messages_have_their_own_form(victor, session):
    make_turn(
        session,
        assistant="",
        messages=[
            {"role": "system", "content": "Be kind."},
            {"role": "user", "content": [{"type": "text", "text": "Look"}, {"type": "image_url", "image_url": {}}]},
            {"role": "tool", "content": "42"},
        ],
        tool_calls=[{"function": {"name": "find", "arguments": '{"q": 1}'}}],
    )
    page = replayed(victor, session).content.decode()
    for words in ("System message", "Be kind.", "[image_url]", "Tool result", "find({&quot;q&quot;: 1})"):
        assert words in page
    assert "bubble--assistant" not in page


def test_a_turn_that_was_cut_off_says_so(victor, session):
    make_turn(session, assistant="", is_complete=False)
    page = text_of(replayed(victor, session))
    assert "Assistant, cut off" in page
    assert "Nothing came before the connection ended." in page


def test_what_was_said_is_never_markup(victor, agent, session):
    turn = make_turn(session, "<script>alert(1)</script>", "<img src=x onerror=alert(2)>")
    inject(turn, make_memory(agent, "<b>bold</b>"))
    page = replayed(victor, session).content.decode()
    for markup in ("<script>alert", "<img src=x", "<b>bold"):
        assert markup not in page


def test_very_long_turns_are_cut(victor, session):
    history = [{"role": "user", "content": f"Message {number:03}"} for number in range(SHOWN_MESSAGES + 5)]
    make_turn(session, messages=history, assistant="y" * (SHOWN_CHARACTERS + 1))
    page = text_of(replayed(victor, session))
    assert "5 earlier messages of this turn not shown" in page
    assert "Message 004" not in page
    assert "Message 005" in page
    assert f"{SHOWN_CHARACTERS + 1:,} characters in all" in page


def test_a_long_session_has_pages_and_a_link_finds_its_turn(victor, session):
    turns = [make_turn(session, f"Question {number}") for number in range(TURNS_PER_PAGE + 2)]
    first = replayed(victor, session)
    assert [turn.checkpoint.number for turn in first.context["turns"]] == list(range(1, TURNS_PER_PAGE + 1))
    assert first.context["pages"].next_url == "?page=2"
    last = replayed(victor, session, f"?turn={turns[-1].turn_id}")
    assert [turn.checkpoint.number for turn in last.context["turns"]] == [TURNS_PER_PAGE + 1, TURNS_PER_PAGE + 2]
    assert last.context["pages"].next_url == ""


@pytest.mark.parametrize(
    "query",
    ["page=0", "page=99", "page=x", "page=" + "9" * 40, "turn=junk", "turn=0198c6f2-0000-7000-8000-000000000000"],
)
def test_an_address_that_makes_no_sense_shows_turns_all_the_same(victor, session, query):
    make_turn(session)
    assert "Turn 1" in text_of(replayed(victor, session, f"?{query}"))


def test_a_session_without_turns_says_so(victor, session):
    assert "No turns" in text_of(replayed(victor, session))


def test_a_stranger_finds_no_session(charlie, session):
    make_turn(session)
    assert charlie.client.get(f"/sessions/{session.pk}").status_code == 404
    assert names(charlie.client.get("/sessions")) == []


def test_what_others_injected_is_not_shown_even_for_the_same_turn(victor, charlie, agent, foreign_agent, session):
    turn = make_turn(session)
    theirs = make_turn(make_session(foreign_agent), turn_id=turn.turn_id)
    inject(theirs, make_memory(foreign_agent, "Theirs alone."))
    assert "Theirs alone." not in text_of(replayed(victor, session))


@pytest.mark.parametrize("path", ["/sessions", "/sessions/{}"])
def test_nobody_is_sent_to_sign_in(path, anonymous, session):
    assert anonymous.get(path.format(session.pk)).url.startswith("/sign-in?next=")


def test_the_list_is_filtered(victor, acme, agent):
    other = make_agent(acme, "Other")
    long_ago = timezone.now() - timedelta(days=10)
    make_session(agent, external_id="now", end_user="jon")
    make_session(other, external_id="then", status="completed", last_turn_at=long_ago, started_at=long_ago)
    day = (timezone.now() - timedelta(days=5)).date()
    for query, found in (
        ("", ["now", "then"]),
        (f"agent_id={other.pk}", ["then"]),
        ("status=completed", ["then"]),
        ("end_user=jon", ["now"]),
        ("external_id=then", ["then"]),
        (f"active_after={day}", ["now"]),
        (f"active_before={day}", ["then"]),
    ):
        assert names(victor.client.get(f"/sessions?{query}")) == found, query


@pytest.mark.parametrize(
    "query",
    [
        "agent_id=junk",
        "status=lost",
        "end_user=%00",
        "active_after=yesterday",
        "active_before=0000-00-00",
        "active_after=99999-01-01",
    ],
)
def test_a_filter_that_makes_no_sense_matches_nothing(victor, session, query):
    response = victor.client.get(f"/sessions?{query}")
    assert response.status_code == 200
    assert names(response) == []


@pytest.mark.parametrize("sort", ["agent", "end_user", "status", "turn_count", "tokens", "last_turn_at", "name"])
@pytest.mark.parametrize("sign", ["", "-"])
def test_every_column_that_offers_it_sorts(victor, session, sort, sign):
    assert names(victor.client.get(f"/sessions?sort={sign}{sort}")) == ["talk"]


def test_sessions_are_sorted_by_all_their_tokens(victor, agent):
    make_session(agent, external_id="small", prompt_tokens=100, completion_tokens=1)
    make_session(agent, external_id="large", prompt_tokens=50, completion_tokens=500)
    assert names(victor.client.get("/sessions?sort=-tokens")) == ["large", "small"]


def test_the_queries_of_the_list_do_not_grow_with_its_rows(victor, agent, acme, query_count):
    make_session(agent)
    few = query_count(victor, "/sessions")
    for name in ("One", "Two", "Three"):
        make_session(make_agent(acme, name))
    assert query_count(victor, "/sessions") == few > 0


def test_the_queries_of_a_replay_do_not_grow_with_its_turns(victor, agent, session, query_count):
    def add(content: str) -> None:
        turn = make_turn(session)
        inject(turn, memory := make_memory(agent, content, checkpoint=turn))
        with scope(agent.org_id):
            Memory.objects.filter(pk=memory.pk).update(version=2)

    add("One")
    few = query_count(victor, f"/sessions/{session.pk}")
    for content in ("Two", "Three", "Four"):
        add(content)
    assert query_count(victor, f"/sessions/{session.pk}") == few
