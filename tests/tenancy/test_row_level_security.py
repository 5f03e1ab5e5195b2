"""The floor: the catalog itself is asked, so a table added without a policy fails here."""

from __future__ import annotations

import pytest
from django.conf import settings
from django.db import DatabaseError, connection, connections, transaction

from agents.models import Agent, AuditEvent, Checkpoint, Session
from ibex.core.ids import uuid7
from ibex.core.tenancy import async_scope, cross_tenant, scope

TENANT_TABLES = """
    SELECT c.relname, c.relrowsecurity, c.relforcerowsecurity,
        (SELECT count(*) FROM pg_policy p
         WHERE p.polrelid = c.oid AND p.polqual IS NOT NULL AND p.polwithcheck IS NOT NULL)
    FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
    WHERE n.nspname = 'public' AND c.relkind IN ('r', 'p')
        AND (c.relname = 'agents_organization' OR EXISTS (
            SELECT 1 FROM pg_attribute a WHERE a.attrelid = c.oid AND a.attname = 'org_id' AND NOT a.attisdropped))
"""
PLAIN_EDGES = """
    SELECT con.conname FROM pg_constraint con JOIN pg_class child ON child.oid = con.conrelid
    JOIN pg_class parent ON parent.oid = con.confrelid
    WHERE con.contype = 'f' AND cardinality(con.conkey) = 1
        AND parent.relname NOT IN ('agents_organization', 'agents_operator')
        AND EXISTS (SELECT 1 FROM pg_attribute a WHERE a.attrelid = child.oid AND a.attname = 'org_id')
        AND EXISTS (SELECT 1 FROM pg_attribute a WHERE a.attrelid = parent.oid AND a.attname = 'org_id')
"""
UNTIED_EDGES = """
    SELECT table_name, column_name FROM information_schema.columns c
    WHERE table_schema = 'public' AND column_name IN (
        'agent_id', 'session_id', 'checkpoint_id', 'memory_id', 'source_id', 'target_id', 'directive_id')
    AND table_name ~ '^(agents|memories|context|proxy)_' AND NOT EXISTS (
        SELECT 1 FROM pg_constraint con JOIN pg_class t ON t.oid = con.conrelid
        JOIN pg_attribute a ON a.attrelid = t.oid AND a.attnum = ANY (con.conkey)
        WHERE con.contype = 'f' AND t.relname = c.table_name AND a.attname = c.column_name
            AND cardinality(con.conkey) = 2)
"""
UNTIED = [("context_injection", "agent_id"), ("context_injection", "memory_id")]
"""Whose key would be looked up forty times a call: the drain looks once a batch whether memories are there and its
tenant's own (`context.receipts`), and triggers remove what is left of those that go. Nobody writes `agent_id` any more.
"""
TRIGGERS = """
    SELECT t.tgrelid::regclass::text, t.tgname::text FROM pg_trigger t
    WHERE NOT t.tgisinternal AND t.tgenabled = 'O' AND t.tgoldtable = 'gone' AND t.tgname LIKE 'context_injection%'
    ORDER BY 1
"""

TENANT_ALONE = """
    SELECT i.indexrelid::regclass::text FROM pg_index i
    JOIN pg_attribute a ON a.attrelid = i.indrelid AND a.attnum = i.indkey[0]
    WHERE i.indnatts = 1 AND a.attname = 'org_id' AND i.indrelid::regclass::text ~ '^(agents|memories|context|proxy)_'
"""


def rows(query: str) -> list[tuple]:
    with connection.cursor() as cursor:
        cursor.execute(query)
        return cursor.fetchall()


def test_every_table_of_a_tenant_has_a_forced_policy_for_reading_and_writing():
    tables = rows(TENANT_TABLES)
    assert len(tables) >= 15
    assert not [table for table, enabled, forced, policies in tables if not (enabled and forced and policies)]


def test_no_edge_between_tenant_tables_leaves_the_tenant_out():
    assert rows(PLAIN_EDGES) == []
    assert sorted(rows(UNTIED_EDGES)) == UNTIED


def test_what_has_no_key_goes_with_its_parent_by_a_trigger():
    assert rows(TRIGGERS) == [
        ("memories_excerpt", "context_injection_excerpt_id_goes"),
        ("memories_memory", "context_injection_memory_id_goes"),
    ]


def test_no_index_is_of_the_tenant_alone_which_a_young_table_would_look_up_keys_by():
    assert rows(TENANT_ALONE) == []


def test_the_application_is_neither_owner_nor_superuser_nor_above_the_policies():
    role = settings.DATABASES["default"]["USER"]
    assert rows(f"SELECT rolsuper, rolbypassrls, rolcreaterole FROM pg_roles WHERE rolname = '{role}'") == [
        (False, False, False)
    ]
    assert rows(f"SELECT count(*) FROM pg_tables WHERE schemaname = 'public' AND tableowner = '{role}'") == [(0,)]
    assert rows("SELECT current_user") == [(role,)]


def test_without_a_tenant_there_are_no_rows(agent):
    assert not Agent.objects.exists()


def test_a_scope_sees_its_own_tenant_only(acme, agent, globex, foreign_agent):
    with scope(acme.pk):
        assert set(Agent.objects.values_list("pk", flat=True)) == {agent.pk}
    with scope(globex.pk):
        assert set(Agent.objects.values_list("pk", flat=True)) == {foreign_agent.pk}


def test_a_nested_scope_gives_the_outer_one_back(acme, agent, globex, foreign_agent):
    with scope(acme.pk):
        with scope(globex.pk):
            assert Agent.objects.get() == foreign_agent
        assert Agent.objects.get() == agent


def test_the_scope_ends_with_its_transaction(acme, agent):
    with scope(acme.pk):
        assert Agent.objects.exists()
    assert not Agent.objects.exists()


def test_a_row_of_another_tenant_cannot_be_written(acme, globex):
    with pytest.raises(DatabaseError, match="row-level security"), scope(acme.pk):
        Agent.objects.create(org=globex, name="Mole", slug="mole")


def test_an_edge_across_tenants_cannot_be_stored(acme, foreign_agent):
    now = foreign_agent.created_at
    with pytest.raises(DatabaseError, match="foreign key"), scope(acme.pk):
        Session.objects.create(org=acme, agent_id=foreign_agent.pk, started_at=now, last_turn_at=now)


def test_history_is_append_only_for_the_application(acme):
    with scope(acme.pk):
        AuditEvent.objects.create(
            org=acme, actor="system", action="test.ran", object_type="test", object_id=str(uuid7())
        )
    for statement in ("UPDATE agents_auditevent SET action = 'x'", "DELETE FROM agents_auditevent"):
        with pytest.raises(DatabaseError, match="permission denied"), scope(acme.pk), connection.cursor() as cursor:
            cursor.execute(statement)
    with pytest.raises(DatabaseError, match="permission denied"), scope(acme.pk):
        Checkpoint.objects.update(model="x")


def test_the_door_crosses_tenants_and_nothing_else_does(acme, agent, globex, foreign_agent):
    with cross_tenant("tests") as system:
        seen = set(Agent.objects.using(system).filter(pk__in=[agent.pk, foreign_agent.pk]).values_list("pk", flat=True))
    assert seen == {agent.pk, foreign_agent.pk}
    with transaction.atomic(), connections["default"].cursor() as cursor:
        cursor.execute("SELECT count(*) FROM agents_agent")
        assert cursor.fetchone() == (0,)


async def test_the_hot_path_sees_its_own_tenant_only(hot_path, acme, agent, foreign_agent):
    async with async_scope(acme.pk) as raw:
        found = await (await raw.execute("SELECT id FROM agents_agent")).fetchall()
    assert found == [(agent.pk,)]
