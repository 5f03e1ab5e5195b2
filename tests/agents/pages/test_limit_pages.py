"""The page of the organization's limits, and where agents, tokens and providers carry theirs."""

from __future__ import annotations

import re
import time
from decimal import Decimal

import pytest
from django.test import Client

from agents.choices import Role
from agents.limits import BILLIONTHS, Limits, Measure, Subject, limits_on
from agents.models import Agent, Organization, ProviderConnection, Token
from agents.services import organizations
from agents.usage import usage_of
from ibex.core import metrics
from ibex.core.redis import RedisError, redis
from ibex.core.tenancy import scope
from tests.agents.pages.conftest import fresh
from tests.factories import Person, make_person

PAGE = "/settings/limits"
LIMITS = {
    "requests_per_minute": "500",
    "tokens_per_minute": "100000",
    "monthly_tokens": "",
    "monthly_cost": "25.50",
}
BAD = [
    ("requests_per_minute", "0"),
    ("tokens_per_minute", "-1"),
    ("tokens_per_minute", "99999999999999"),
    ("monthly_tokens", "1.5"),
    ("monthly_cost", "0"),
    ("monthly_cost", "1.999"),
    ("monthly_cost", "2000000"),
]


def stored(acme: Organization) -> Organization:
    with scope(acme.pk):
        return Organization.objects.get(pk=acme.pk)


def text_of(response) -> str:
    """The page as it is read: without tags, spaces joined."""
    return re.sub(r"\s+", " ", re.sub(r"<[^>]+>", " ", response.content.decode()))


def count(subject: Subject, limits: Limits, measure: Measure, amount: int) -> None:
    """As calls would have."""
    limit = next(limit for limit in limits_on(subject, limits) if limit.measure is measure)
    redis().incrby(limit.keys(time.time())[0], amount)


def test_an_owner_sets_the_organizations_limits(alice: Person, acme: Organization, audited) -> None:
    response = alice.client.post(PAGE, LIMITS)
    assert (response.status_code, response.url) == (303, PAGE)
    limits = Limits.of(stored(acme))
    assert limits == Limits(requests_per_minute=500, tokens_per_minute=100_000, monthly_cost=Decimal("25.50"))
    assert audited(acme)[0] == "organization.updated"
    page = alice.client.get(PAGE).content.decode()
    assert 'value="500"' in page
    assert 'value="25.50"' in page


@pytest.mark.parametrize(("field", "value"), [*BAD, ("requests_per_minute", "")])
def test_a_wrong_field_is_named_and_nothing_changes(alice: Person, acme: Organization, field: str, value: str) -> None:
    response = alice.client.post(PAGE, LIMITS | {field: value})
    assert response.status_code == 422
    assert list(response.context["form"].errors) == [field]
    assert Limits.of(stored(acme)) == Limits(requests_per_minute=6000)


def test_members_see_them_and_only_admins_change_them(
    acme: Organization, bob: Person, victor: Person, anonymous: Client
) -> None:
    for who in (bob, victor):
        page = who.client.get(PAGE).content.decode()
        assert "of 6,000" in page
        assert '<button class="button button--primary"' not in page
        assert who.client.post(PAGE, LIMITS).status_code == 403
    assert anonymous.get(PAGE).url.startswith("/sign-in?next=")
    assert Limits.of(stored(acme)) == Limits(requests_per_minute=6000)
    admin = make_person("anna", acme, Role.ADMIN)
    assert admin.client.post(PAGE, LIMITS).status_code == 303
    assert stored(acme).requests_per_minute == 500


def test_a_stranger_sees_and_changes_only_their_own(acme: Organization, charlie: Person) -> None:
    assert charlie.client.post(PAGE, LIMITS).status_code == 303
    assert stored(acme).requests_per_minute == 6000
    assert stored(charlie.organization).requests_per_minute == 500


def test_the_navigation_leads_here(victor: Person) -> None:
    assert f'<a class="nav__link"\n     href="{PAGE}"' in victor.client.get("/").content.decode()


def test_the_page_shows_what_is_used_by_now(victor: Person, acme: Organization) -> None:
    with scope(acme.pk):
        organizations.update(acme, actor="system", monthly_tokens=1_000, monthly_cost=Decimal(25))
    subject = Subject(org_id=acme.pk, kind="organization", id=acme.pk)
    count(subject, Limits.of(acme), Measure.MONTHLY_TOKENS, 1_234)
    count(subject, Limits.of(acme), Measure.MONTHLY_COST, 21 * BILLIONTHS + BILLIONTHS // 2)
    response = victor.client.get(PAGE)
    page = text_of(response)
    assert "Requests this minute 0 of 6,000" in page
    assert "Tokens this month 1,234 of 1,000" in page
    assert "Cost this month $21.50 of $25.00" in page
    levels = {line.limit.measure: (line.level, line.percent) for line in response.context["usage"]}
    assert levels == {
        Measure.REQUESTS: ("high", 0),
        Measure.MONTHLY_TOKENS: ("low", 100),
        Measure.MONTHLY_COST: ("mid", 86),
    }


def test_without_redis_the_page_says_that_it_does_not_know(victor: Person, monkeypatch: pytest.MonkeyPatch) -> None:
    class Away:
        def mget(self, keys):
            raise RedisError

    monkeypatch.setattr("agents.usage.redis", Away)
    counter = metrics.FAIL_OPEN.labels(step="usage")
    before = counter._value.get()
    assert "unknown of 6,000" in text_of(victor.client.get(PAGE))
    assert counter._value.get() == before + 1


def test_all_that_is_used_comes_with_one_round_trip(acme: Organization, monkeypatch: pytest.MonkeyPatch) -> None:
    asked = []

    class Counting:
        def mget(self, keys):
            asked.append(keys)
            return [b"1"] * len(keys)

    monkeypatch.setattr("agents.usage.redis", Counting)
    limits = Limits(requests_per_minute=9, tokens_per_minute=9, monthly_tokens=9, monthly_cost=Decimal(9))
    lines = usage_of(Subject(org_id=acme.pk, kind="organization", id=acme.pk), limits)
    assert [line.limit.measure for line in lines] == list(Measure)
    assert len(asked) == 1
    assert usage_of(Subject(org_id=acme.pk, kind="agent", id=acme.pk), Limits()) == []
    assert len(asked) == 1


def test_an_agent_is_limited_in_its_settings_and_shows_what_it_used(
    alice: Person, victor: Person, agent: Agent
) -> None:
    page = text_of(victor.client.get(f"/agents/{agent.pk}"))
    assert "None of its own; those of the organization apply." in page
    form = {"name": agent.name, "injection_mode": "system_first", "memory_tokens": "100"}
    assert alice.client.post(f"/agents/{agent.pk}/edit", form | LIMITS).status_code == 303
    changed = fresh(agent)
    assert Limits.of(changed) == Limits(
        requests_per_minute=500, tokens_per_minute=100_000, monthly_cost=Decimal("25.50")
    )
    count(Subject(org_id=agent.org_id, kind="agent", id=agent.pk), Limits.of(changed), Measure.REQUESTS, 3)
    page = text_of(victor.client.get(f"/agents/{agent.pk}"))
    assert "Requests this minute 3 of 500" in page
    assert "Cost this month $0.00 of $25.50" in page


@pytest.mark.parametrize(("field", "value"), BAD)
def test_the_forms_of_agents_and_tokens_name_a_wrong_limit(alice: Person, agent: Agent, field: str, value: str) -> None:
    edit = {"name": agent.name, "injection_mode": "system_first", "memory_tokens": "100"}
    make = {"name": "CI", "scopes": "memory:read", "lifetime": "30"}
    for path, form in ((f"/agents/{agent.pk}/edit", edit), ("/tokens/new", make)):
        response = alice.client.post(path, form | LIMITS | {field: value})
        assert response.status_code == 422
        assert list(response.context["form"].errors) == [field]
    assert Limits.of(fresh(agent)) == Limits()


def test_the_limits_of_a_new_token_open_when_one_is_wrong(alice: Person) -> None:
    make = {"name": "CI", "scopes": "memory:read", "lifetime": "30"}
    pages = [
        alice.client.post("/tokens/new", make | LIMITS | change).content.decode()
        for change in ({"monthly_cost": "0"}, {"lifetime": "never"})
    ]
    opened = re.compile(r'<details class="disclosure" open>\s*<summary>.*?Limits', re.DOTALL)
    assert opened.search(pages[0])
    assert not opened.search(pages[1])


def test_a_token_is_made_with_limits(alice: Person, acme: Organization) -> None:
    make = {"name": "CI", "scopes": "memory:read", "lifetime": "30"}
    assert alice.client.post("/tokens/new", make | LIMITS).status_code == 303
    with scope(acme.pk):
        token = Token.objects.get(name="CI")
    assert Limits.of(token) == Limits(requests_per_minute=500, tokens_per_minute=100_000, monthly_cost=Decimal("25.50"))


PROVIDER = {"name": "Mine", "kind": "openai", "base_url": "https://models.test/v1", "priority": "5", "is_active": "on"}


def test_a_providers_prices_are_typed_one_a_line(alice: Person, acme: Organization) -> None:
    typed = "gpt-4o*  2.50 10\r\n\r\n my model 0 .5 "
    assert alice.client.post("/providers/new", PROVIDER | {"prices": typed}).status_code == 303
    with scope(acme.pk):
        made = ProviderConnection.objects.get(name="Mine")
    assert made.prices == {
        "gpt-4o*": {"prompt": "2.5", "completion": "10"},
        "my model": {"prompt": "0", "completion": "0.5"},
    }
    shown = alice.client.get(f"/providers/{made.pk}/edit").context["form"]["prices"].value()
    assert shown == "gpt-4o* 2.5 10\nmy model 0 0.5"
    alice.client.post(f"/providers/{made.pk}/edit", PROVIDER | {"prices": ""})
    with scope(acme.pk):
        assert ProviderConnection.objects.get(name="Mine").prices == {}


@pytest.mark.parametrize(
    ("typed", "line"),
    [
        ("gpt-4o", 1),
        ("gpt-4o 2.50", 1),
        ("fine 1 2\n\ngpt-4o two 10", 3),
        ("gpt-4o 1 -2", 1),
        ("gpt-4o 1 2\ngpt-4o 1 2", 2),
        ("x" * 257 + " 1 2", 1),
    ],
)
def test_a_wrong_price_is_named_by_its_line(alice: Person, acme: Organization, typed: str, line: int) -> None:
    response = alice.client.post("/providers/new", PROVIDER | {"prices": typed})
    assert response.status_code == 422
    [message] = response.context["form"].errors["prices"]
    assert message.startswith(f"Line {line}: ")
    assert "gpt-4o two" not in message
    with scope(acme.pk):
        assert not ProviderConnection.objects.filter(name="Mine").exists()
