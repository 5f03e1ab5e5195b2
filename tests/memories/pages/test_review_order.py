"""In which order memories wait, and that keys and decisions follow it."""

from __future__ import annotations

import re

from tests.factories import make_agent
from tests.memories.making import remember
from tests.memories.pages.test_review import decide, question, shown


def test_sorts_by_age_by_how_sure_and_by_agent_and_walks_in_that_order(bob, acme, agent):
    aside = make_agent(acme, "Aardvark")
    ladder = remember(agent, "The ladder may be in the attic.", confidence=0.4)
    paint = remember(agent, "The paint may be in the cellar.", confidence=0.2)
    bike = remember(aside, "The bike may be in the yard.", confidence=0.3)
    for order, expected in {
        "": (bike, paint, ladder),
        "oldest": (ladder, paint, bike),
        "least_sure": (paint, bike, ladder),
        "surest": (ladder, bike, paint),
        "agent": (bike, paint, ladder),
        "nonsense": (bike, paint, ladder),
    }.items():
        page = shown(bob, f"/review?sort={order}")
        assert re.findall(r'class="review__row"\s+href="/review/([0-9a-f-]+)', page) == [str(m.pk) for m in expected]
        query = f"?sort={order}" if order not in ("", "nonsense") else ""
        beside = question(shown(bob, f"/review/{expected[1].pk}?sort={order}"))
        assert [f'href="/review/{m.pk}{query}"' in beside for m in expected] == [True, False, True]


def test_a_decision_leads_to_the_next_in_the_order_that_was_asked_for(bob, agent):
    remember(agent, "The ladder may be in the attic.", confidence=0.4)
    paint = remember(agent, "The paint may be in the cellar.", confidence=0.2)
    bike = remember(agent, "The bike may be in the yard.", confidence=0.3)
    answer = decide(bob, paint, "reject", "?sort=least_sure")
    assert answer["Location"] == f"/review/{bike.pk}?sort=least_sure"


def test_tabs_keep_the_order_and_the_order_keeps_the_tab(bob, agent):
    remember(agent, "The user may like jazz.", confidence=0.3)
    page = shown(bob, "/review?why=unsure&sort=oldest")
    assert "/review?why=quarantined&amp;sort=oldest" in page
    assert re.search(r'<option value="oldest" selected>', page)
    assert '<input type="hidden" name="why" value="unsure">' in page
