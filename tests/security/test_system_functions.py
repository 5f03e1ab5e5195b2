"""The doors that run as the system role look at the tenant's setting, whatever they are asked."""

from __future__ import annotations

import secrets

import pytest
from django.db import ProgrammingError, connection, transaction

from ibex.core.tenancy import scope
from tests.memories.making import remember

WORDS = """
    SELECT id FROM ibex_memory_words(%s, NULL, ARRAY['active'], NULL, 'oslo'::tsquery, ARRAY['oslo'::tsquery],
                                     ARRAY[1.0::float8], 1000)
"""
DOORS = (
    "ibex_memory_words",
    "ibex_excerpt_words",
    "ibex_token_by_digest",
    "ibex_token_with_limits",
    "ibex_forget_turns",
    "ibex_forget_injections",
    "ibex_forget_assemblies",
    "ibex_forget_readings",
    "context_injection_memory_id_goes",
    "context_injection_excerpt_id_goes",
)


def rows(statement: str, *arguments: object) -> list[tuple]:
    with connection.cursor() as cursor:
        cursor.execute(statement, arguments)
        return cursor.fetchall()


@pytest.fixture
def memory(agent):
    return remember(agent, "Kim lives in Oslo.")


def test_the_search_door_opens_to_its_own_tenant(agent, acme, memory):
    with scope(acme.pk):
        assert (memory.pk,) in rows(WORDS, agent.pk)


def test_a_stranger_who_names_the_agent_or_none_finds_nothing(agent, globex, memory):
    with scope(globex.pk):
        assert rows(WORDS, agent.pk) == []
        assert rows(WORDS, None) == []


def test_without_a_tenant_nothing_is_found(agent, memory):
    assert rows(WORDS, agent.pk) == []
    assert rows(WORDS, None) == []


def test_an_unknown_digest_opens_nothing():
    assert rows("SELECT * FROM ibex_token_by_digest(%s)", secrets.token_bytes(32)) == []
    assert rows("SELECT * FROM ibex_token_by_digest(NULL)") == []


@pytest.mark.parametrize("door", DOORS)
def test_a_door_is_the_systems_own_and_looks_names_up_nowhere_else(door):
    [(owner, is_definer, settings, public)] = rows(
        "SELECT r.rolname, p.prosecdef, p.proconfig, has_function_privilege('public', p.oid, 'EXECUTE')"
        " FROM pg_proc p JOIN pg_roles r ON r.oid = p.proowner WHERE p.proname = %s",
        door,
    )
    assert is_definer
    assert owner not in {rows("SELECT current_user")[0][0], "postgres"}
    assert "search_path=public, pg_temp" in settings
    assert not public


def test_the_application_cannot_put_a_function_of_its_own_before_them():
    with pytest.raises(ProgrammingError), transaction.atomic():
        rows("CREATE FUNCTION public.now_then() RETURNS int LANGUAGE sql AS 'SELECT 1'")
