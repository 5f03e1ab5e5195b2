"""Migration operations that put a table under Row-Level Security and tie its edges to its tenant."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from django.conf import settings
from django.db import models
from django.db.migrations.operations import AlterField
from django.db.migrations.operations.base import Operation

TENANT = "nullif(current_setting('app.current_org_id', true), '')::uuid"

_WAITS_A_LITTLE = "SET LOCAL lock_timeout = '5s'"
"""For the locks that a change of keys takes: calls wait behind whoever waits for them. The migration is run again."""


def app_role() -> str:
    """The database role that the application connects as."""
    return str(settings.DATABASES["default"]["USER"])


def system_role() -> str:
    """The one database role that may cross tenants."""
    return str(settings.DATABASES["system"]["USER"])


class _Statements(Operation):
    """Plain SQL made when the migration runs, because role names belong to the deployment."""

    reduces_to_sql = True
    reversible = True

    def state_forwards(self, app_label: str, state: Any) -> None:
        """The models' state does not change."""

    def database_forwards(self, app_label: str, schema_editor: Any, from_state: Any, to_state: Any) -> None:
        for statement in self.forwards():
            schema_editor.execute(statement)

    def database_backwards(self, app_label: str, schema_editor: Any, from_state: Any, to_state: Any) -> None:
        for statement in self.backwards():
            schema_editor.execute(statement)

    def forwards(self) -> list[str]:
        raise NotImplementedError

    def backwards(self) -> list[str]:
        return []


class IsolateTenant(_Statements):
    """ENABLE and FORCE Row-Level Security with one policy, reading and writing; `column` names the tenant."""

    def __init__(self, table: str, column: str = "org_id") -> None:
        self.table, self.column = table, column

    def forwards(self) -> list[str]:
        rule = f"{self.column} = {TENANT}"
        return [
            f"ALTER TABLE {self.table} ENABLE ROW LEVEL SECURITY",
            f"ALTER TABLE {self.table} FORCE ROW LEVEL SECURITY",
            f"CREATE POLICY tenant ON {self.table} USING ({rule}) WITH CHECK ({rule})",
        ]

    def backwards(self) -> list[str]:
        return [
            f"DROP POLICY tenant ON {self.table}",
            f"ALTER TABLE {self.table} NO FORCE ROW LEVEL SECURITY",
            f"ALTER TABLE {self.table} DISABLE ROW LEVEL SECURITY",
        ]

    def describe(self) -> str:
        return f"Isolate the tenants of {self.table}"


class TieToTenant(_Statements):
    """A foreign key over (org_id, column): an edge across tenants cannot be stored at all.

    `keep_row`: deleting the parent empties the column; otherwise the row goes with its parent.
    """

    def __init__(self, table: str, column: str, parent: str, *, keep_row: bool = False) -> None:
        self.table, self.column, self.parent, self.keep_row = table, column, parent, keep_row

    @property
    def _name(self) -> str:
        return f"{self.table}_{self.column}_tenant_fk"

    def forwards(self) -> list[str]:
        action = f"SET NULL ({self.column})" if self.keep_row else "CASCADE"
        return [
            f"ALTER TABLE {self.table} ADD CONSTRAINT {self._name} FOREIGN KEY (org_id, {self.column}) "
            f"REFERENCES {self.parent} (org_id, id) ON DELETE {action} DEFERRABLE INITIALLY IMMEDIATE"
        ]

    def backwards(self) -> list[str]:
        return [f"ALTER TABLE {self.table} DROP CONSTRAINT {self._name}"]

    def describe(self) -> str:
        return f"Tie {self.table}.{self.column} to its tenant"


class Untie(TieToTenant):
    """Take such a key away: whoever writes the column sees to it that the parent is there, and the tenant's own.

    Only for tables that grow with every call: the key is looked up, and its parent's row marked, for each new row.
    """

    def forwards(self) -> list[str]:
        return [_WAITS_A_LITTLE, *super().backwards()]

    def backwards(self) -> list[str]:
        return [_WAITS_A_LITTLE, *super().forwards()]

    def describe(self) -> str:
        return f"Leave {self.table}.{self.column} to those who write it"


class GoWithParent(Untie):
    """In place of a key: rows of `table` go with the row of `parent` that `column` names, whoever removes that row.

    A trigger a statement looks for them, by an index that begins with (org_id, column); a new row costs nothing. It is
    the system role's, because the application may not remove rows of an append-only table.
    """

    @property
    def _trigger(self) -> str:
        return f"{self.table}_{self.column}_goes"

    def forwards(self) -> list[str]:
        name = self._trigger
        gone = f"DELETE FROM {self.table} AS t USING gone WHERE t.org_id = gone.org_id AND t.{self.column} = gone.id"  # noqa: S608 - the migration's own words
        return [
            _WAITS_A_LITTLE,
            f"CREATE FUNCTION {name}() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER "
            f"SET search_path = public, pg_temp AS $body$ BEGIN {gone}; RETURN NULL; END $body$",
            f"CREATE TRIGGER {name} AFTER DELETE ON {self.parent} REFERENCING OLD TABLE AS gone "
            f"FOR EACH STATEMENT EXECUTE FUNCTION {name}()",
            f"REVOKE ALL ON FUNCTION {name}() FROM PUBLIC",
            f'ALTER FUNCTION {name}() OWNER TO "{system_role()}"',
            *super().forwards(),
        ]

    def backwards(self) -> list[str]:
        name = self._trigger
        return [
            *super().backwards(),
            f"DROP TRIGGER {name} ON {self.parent}",
            f'SET LOCAL ROLE "{system_role()}"',
            f"DROP FUNCTION {name}()",
            "RESET ROLE",
        ]

    def describe(self) -> str:
        return f"Let rows of {self.table} go with their {self.parent}"


class AppendOnly(_Statements):
    """The application may add and read rows, never change or remove them."""

    def __init__(self, table: str) -> None:
        self.table = table

    def forwards(self) -> list[str]:
        return [f'REVOKE UPDATE, DELETE, TRUNCATE ON {self.table} FROM "{app_role()}"']

    def backwards(self) -> list[str]:
        return [f'GRANT UPDATE, DELETE ON {self.table} TO "{app_role()}"']

    def describe(self) -> str:
        return f"Make {self.table} append-only for the application"


class WithoutOrgIndex(AlterField):
    """Take away the index of `org` alone, which others begin with, without blocking anybody: the migration is not
    atomic.
    """

    def __init__(self, model_name: str) -> None:
        org = models.ForeignKey(
            "agents.Organization", on_delete=models.CASCADE, editable=False, related_name="+", db_index=False
        )
        super().__init__(model_name, "org", org)

    def deconstruct(self) -> tuple[str, list[Any], dict[str, Any]]:
        return type(self).__name__, [self.model_name], {}

    def database_forwards(self, app_label: str, schema_editor: Any, from_state: Any, to_state: Any) -> None:
        with schema_editor.connection.cursor() as cursor:
            table = _table(app_label, self.model_name, to_state)
            there = schema_editor.connection.introspection.get_constraints(cursor, table)
        for name, one in there.items():
            if one["index"] and one["columns"] == ["org_id"] and not one["unique"]:
                schema_editor.execute(f"DROP INDEX CONCURRENTLY IF EXISTS {schema_editor.quote_name(name)}")

    def database_backwards(self, app_label: str, schema_editor: Any, from_state: Any, to_state: Any) -> None:
        table = schema_editor.quote_name(_table(app_label, self.model_name, to_state))
        schema_editor.execute(f"CREATE INDEX CONCURRENTLY ON {table} (org_id)")

    def describe(self) -> str:
        return f"Leave {self.model_name} to the indexes that begin with its tenant"


def _table(app_label: str, model_name: str, state: Any) -> str:
    return str(state.apps.get_model(app_label, model_name)._meta.db_table)  # noqa: SLF001 - Django's documented door


class SystemFunction(_Statements):
    """A SECURITY DEFINER function owned by the role that may cross tenants: a door of one narrow purpose.

    `options`: what `ALTER FUNCTION` sets besides, each as it is written there.
    """

    def __init__(self, signature: str, returns: str, body: str, options: Sequence[str] = ()) -> None:
        self.signature, self.returns, self.body, self.options = signature, returns, body, options

    def forwards(self) -> list[str]:
        return [
            f"CREATE FUNCTION {self.signature} RETURNS {self.returns} LANGUAGE sql STABLE SECURITY DEFINER "
            f"SET search_path = public, pg_temp AS $body$ {self.body} $body$",
            f"REVOKE ALL ON FUNCTION {self.signature} FROM PUBLIC",
            f'GRANT EXECUTE ON FUNCTION {self.signature} TO "{app_role()}"',
            *(f"ALTER FUNCTION {self.signature} {option}" for option in self.options),
            f'ALTER FUNCTION {self.signature} OWNER TO "{system_role()}"',
        ]

    def backwards(self) -> list[str]:
        return [f"DROP FUNCTION {self.signature}"]

    def describe(self) -> str:
        return f"Create the system function {self.signature}"


__all__ = [
    "AppendOnly",
    "GoWithParent",
    "IsolateTenant",
    "SystemFunction",
    "TieToTenant",
    "Untie",
    "WithoutOrgIndex",
    "app_role",
    "system_role",
]
