from __future__ import annotations

import pytest
from django.db import connections

from agents.models import AuditEvent, Organization, ProviderConnection
from agents.services import providers
from ibex.core.tenancy import scope
from tests.agents.test_provider_services import KEY, ModelServer, model_server
from tests.factories import Person

__all__ = ["model_server"]

GOOD = {
    "name": "Mine",
    "kind": "openai",
    "base_url": "https://models.test/v1",
    "key": KEY,
    "model_patterns": "gpt-*\r\n\r\no3 ",
    "priority": "5",
    "is_active": "on",
}


@pytest.fixture
def mine(acme: Organization) -> ProviderConnection:
    """A provider with a key."""
    with scope(acme.pk):
        return providers.save(
            org=acme, actor="system", name="Mine", kind="openai", base_url="https://models.test/v1", key=KEY
        )


def rows(acme: Organization) -> list[dict[str, object]]:
    with scope(acme.pk):
        return list(ProviderConnection.objects.order_by("pk").values())


def row(acme: Organization, name: str = "Mine") -> ProviderConnection:
    with scope(acme.pk):
        return ProviderConnection.objects.get(name=name)


def names(response) -> list[str]:
    return [shown.record.name for shown in response.context["table"].paginated_rows]


@pytest.mark.parametrize(
    ("query", "found"),
    [
        ("", ["Mine", "Sandbox", "Spare"]),
        ("kind=openai", ["Mine"]),
        ("is_active=false", ["Spare"]),
        ("kind=sandbox&is_active=true", ["Sandbox"]),
        ("kind=anthropic", []),
        ("kind=nonsense", []),
    ],
)
def test_the_list_is_filtered_by_kind_and_state(
    alice: Person, acme: Organization, mine: ProviderConnection, query: str, found: list[str]
) -> None:
    with scope(acme.pk):
        providers.save(org=acme, actor="system", name="Spare", kind="sandbox", is_active=False)
    assert sorted(names(alice.client.get(f"/providers?{query}"))) == found
    listed = alice.client.get(f"/api/v1/providers?{query}", headers=alice.bearer)
    if query == "kind=nonsense":
        assert listed.status_code == 400
    else:
        assert sorted(item["name"] for item in listed.json()["items"]) == found


def test_a_provider_is_added(alice: Person, acme: Organization, audited) -> None:
    response = alice.client.post("/providers/new", GOOD)
    assert (response.status_code, response.url) == (303, "/providers")
    made = row(acme)
    assert (made.kind, made.base_url, made.key()) == ("openai", "https://models.test/v1", KEY)
    assert (made.model_patterns, made.priority, made.is_active) == (["gpt-*", "o3"], 5, True)
    assert audited(acme)[0] == "provider.created"
    with scope(acme.pk):
        event = AuditEvent.objects.order_by("-pk")[0]
    assert (event.actor, event.address) == (f"operator:{alice.operator.pk}", "127.0.0.1")


def test_the_list_shows_everything_but_the_key(alice: Person, mine: ProviderConnection) -> None:
    response = alice.client.get("/providers")
    assert names(response) == ["Sandbox", "Mine"]
    page = response.content.decode()
    for words in ("Mine", "OpenAI-compatible", "https://models.test/v1", "Every model", "100", "Active", "Set"):
        assert words in page
    assert KEY not in page
    assert bytes(mine.sealed_key).decode() not in page


def test_providers_stand_in_the_order_in_which_they_are_asked(alice: Person) -> None:
    alice.client.post("/providers/new", GOOD)
    assert names(alice.client.get("/providers")) == ["Mine", "Sandbox"]


@pytest.mark.parametrize("sort", ["name", "kind", "priority", "is_active"])
@pytest.mark.parametrize("sign", ["", "-"])
def test_every_column_that_offers_it_sorts(alice: Person, mine: ProviderConnection, sort: str, sign: str) -> None:
    assert set(names(alice.client.get(f"/providers?sort={sign}{sort}"))) == {"Mine", "Sandbox"}


def test_no_form_ever_holds_the_key(alice: Person, mine: ProviderConnection) -> None:
    url = f"/providers/{mine.pk}/edit"
    assert KEY not in alice.client.get(url).content.decode()
    refused = alice.client.post(url, GOOD | {"priority": "-1"})
    assert refused.status_code == 422
    assert KEY not in refused.content.decode()


def test_an_empty_key_keeps_the_stored_one(alice: Person, acme: Organization, mine: ProviderConnection) -> None:
    alice.client.post(f"/providers/{mine.pk}/edit", GOOD | {"key": "", "name": "Renamed"})
    assert row(acme, "Renamed").key() == KEY
    alice.client.post(f"/providers/{mine.pk}/edit", GOOD | {"key": "sk-new"})
    assert row(acme).key() == "sk-new"
    alice.client.post(f"/providers/{mine.pk}/edit", GOOD | {"key": "", "removes_key": "on"})
    assert row(acme).key() == ""


def test_a_box_that_is_not_ticked_switches_it_off(alice: Person, acme: Organization, mine: ProviderConnection) -> None:
    alice.client.post(
        f"/providers/{mine.pk}/edit", {name: value for name, value in GOOD.items() if name != "is_active"}
    )
    assert row(acme).is_active is False


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"name": ""}, "name"),
        ({"name": "x" * 121}, "name"),
        ({"name": "\0"}, "name"),
        ({"kind": "oracle"}, "kind"),
        ({"base_url": "ftp://models.test"}, "base_url"),
        ({"base_url": "https://me:secret@models.test"}, "base_url"),
        ({"base_url": "https://elsewhere.test/v1", "key": ""}, "key"),
        ({"kind": "anthropic", "base_url": "", "key": ""}, "key"),
        ({"key": "schlüssel"}, "key"),
        ({"removes_key": "on"}, "removes_key"),
        ({"model_patterns": "x" * 257}, "model_patterns"),
        ({"model_patterns": "\n".join(map(str, range(101)))}, "model_patterns"),
        ({"priority": "soon"}, "priority"),
        ({"priority": "99999"}, "priority"),
    ],
)
def test_a_wrong_field_is_named_and_nothing_changes(
    alice: Person, acme: Organization, mine: ProviderConnection, change: dict[str, str], field: str
) -> None:
    before = rows(acme)
    response = alice.client.post(f"/providers/{mine.pk}/edit", GOOD | change)
    assert response.status_code == 422
    assert field in response.context["form"].errors
    assert rows(acme) == before


def test_the_form_comes_as_a_drawer_and_as_a_page(alice: Person, mine: ProviderConnection) -> None:
    for url in ("/providers/new", f"/providers/{mine.pk}/edit"):
        whole = alice.client.get(url).content.decode()
        piece = alice.client.get(url, headers={"HX-Request": "true"}).content.decode()
        assert "<html" in whole
        assert "<html" not in piece
        assert f'action="{url}"' in piece


def test_deleting_asks_first_and_is_audited(
    alice: Person, acme: Organization, mine: ProviderConnection, audited
) -> None:
    url = f"/providers/{mine.pk}/delete"
    assert f'<form method="post" action="{url}">' in alice.client.get("/providers").content.decode()
    assert alice.client.get(url).status_code == 405
    page = alice.client.post(url, follow=True)
    assert "Mine is deleted" in page.content.decode()
    assert names(page) == ["Sandbox"]
    assert audited(acme)[0] == "provider.deleted"


def test_without_providers_the_list_says_what_to_do(alice: Person, victor: Person, acme: Organization) -> None:
    with scope(acme.pk):
        ProviderConnection.objects.all().delete()
    assert "No providers yet" in alice.client.get("/providers").content.decode()
    assert "An admin of this organization" in victor.client.get("/providers").content.decode()


def test_a_provider_is_tested_outside_of_any_transaction(
    alice: Person, acme: Organization, model_server: ModelServer, audited, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen: list[bool] = []
    count_models = providers._count_models

    def observed(provider: ProviderConnection):
        seen.append(connections["default"].in_atomic_block)
        return count_models(provider)

    monkeypatch.setattr(providers, "_count_models", observed)
    alice.client.post("/providers/new", GOOD | {"base_url": model_server.base_url})
    page = alice.client.post(f"/providers/{row(acme).pk}/test", follow=True).content.decode()
    assert "Mine: It answers, and lists 2 models." in page
    assert seen == [False]
    assert audited(acme)[0] == "provider.tested"


def test_a_test_that_fails_says_why(alice: Person, acme: Organization, model_server: ModelServer) -> None:
    model_server.status, model_server.body = 401, f'{{"error": {{"message": "Wrong key: {KEY}"}}}}'
    alice.client.post("/providers/new", GOOD | {"base_url": model_server.base_url})
    page = alice.client.post(f"/providers/{row(acme).pk}/test", follow=True).content.decode()
    assert "Mine: The model provider refused the key" in page
    assert KEY not in page


def test_the_navigation_leads_here(victor: Person) -> None:
    assert '<a class="nav__link"\n     href="/providers"' in victor.client.get("/").content.decode()


def test_the_queries_of_the_list_do_not_grow_with_its_rows(alice: Person, acme: Organization, query_count) -> None:
    few = query_count(alice, "/providers")
    with scope(acme.pk):
        for number in range(4):
            providers.save(org=acme, actor="system", name=f"No. {number}", kind="openai", key=KEY)
    assert query_count(alice, "/providers") == few
