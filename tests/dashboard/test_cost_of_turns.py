"""What a turn cost, beside its tokens."""

from __future__ import annotations

from decimal import Decimal

import pytest

from agents.models import Trace
from ibex.core.tenancy import scope
from tests.dashboard.conftest import make_session, make_turn
from tests.dashboard.test_session_pages import replayed, text_of


@pytest.fixture
def session(agent):
    return make_session(agent)


@pytest.mark.parametrize(
    ("cost", "shown"),
    [("0.001234500", "$0.001235"), ("12", "$12.000000"), ("0", "$0.000000"), (None, "")],
)
def test_the_cost_is_shown_when_the_price_was_known(victor, session, cost, shown):
    turn = make_turn(session)
    with scope(session.org_id):
        Trace.objects.filter(turn_id=turn.turn_id).update(cost=None if cost is None else Decimal(cost))
    page = text_of(replayed(victor, session))
    assert ("$" in page) == bool(shown)
    assert shown in page
