from __future__ import annotations

from typing import Any

import pytest
from django.test import Client
from drf_spectacular.drainage import GENERATOR_STATS
from drf_spectacular.generators import SchemaGenerator

from ibex.api import router


@pytest.fixture(scope="module")
def schema() -> Any:
    GENERATOR_STATS.reset()
    return SchemaGenerator().get_schema(request=None, public=True)


def test_every_operation_is_described_without_a_warning(schema: Any) -> None:
    assert schema["paths"]
    assert not GENERATOR_STATS


def test_every_operation_says_how_it_fails_and_who_may_call(schema: Any) -> None:
    for path in schema["paths"].values():
        for operation in path.values():
            assert operation["responses"]["default"]["content"]["application/json"]["schema"] == {
                "$ref": "#/components/schemas/Error"
            }
            assert operation["security"] == [{"token": []}, {"session": []}]


def test_lists_are_pages(schema: Any) -> None:
    operation = schema["paths"]["/api/v1/agents"]["get"]
    assert {parameter["name"] for parameter in operation["parameters"]} == {
        "cursor",
        "limit",
        "status",
        "slug",
        "search",
    }
    name = operation["responses"]["200"]["content"]["application/json"]["schema"]["$ref"].rsplit("/", 1)[1]
    assert set(schema["components"]["schemas"][name]["properties"]) == {"items", "next_cursor"}


def test_every_action_of_every_resource_declares_its_scope() -> None:
    for _, viewset, _ in router.registry:
        declared = set(viewset.scopes)
        routed = {
            action
            for route in router.get_routes(viewset)
            for action in router.get_method_map(viewset, route.mapping).values()
        }
        assert routed <= declared, viewset.__name__
        assert declared <= routed, f"{viewset.__name__} declares scopes of actions that it does not have"


def test_the_document_and_its_pages_are_served_offline(anonymous: Client) -> None:
    assert anonymous.get("/api/schema/").status_code == 200
    page = anonymous.get("/api/docs/").content.decode()
    assert "https://" not in page
