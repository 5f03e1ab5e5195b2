"""The one way in which append-only rows go: a door that removes the old ones of the tenant that is set."""

from __future__ import annotations

from datetime import timedelta

from ibex.core.tenancy.operations import TENANT, SystemFunction

YOUNGEST = timedelta(days=1)
"""What is younger is never forgotten, whatever the door is asked: nobody who may call it can wipe their traces."""


class ForgetFunction(SystemFunction):
    """`ibex_forget_…(before, at_most)`: remove rows of `table` with an id before that one, the oldest first; how many.

    Ids are UUIDv7, so that `before` is a time. Rows that another transaction holds are left for the next call. Edges
    that point at a row go or are emptied with it, as their keys say.
    """

    def __init__(self, name: str, table: str) -> None:
        body = f"""
            WITH old AS (
                SELECT id FROM {table}
                WHERE org_id = {TENANT} AND id < before
                    AND created_at < now() - interval '{YOUNGEST.total_seconds():.0f} seconds'
                ORDER BY id LIMIT at_most FOR UPDATE SKIP LOCKED
            ), gone AS (DELETE FROM {table} AS t USING old WHERE t.id = old.id RETURNING 1)
            SELECT count(*) FROM gone
        """  # noqa: S608 - the migration's own words
        super().__init__(f"{name}(before uuid, at_most integer)", "bigint", body)
        self.name, self.table = name, table

    def deconstruct(self) -> tuple[str, list[str], dict[str, str]]:
        return type(self).__name__, [self.name, self.table], {}

    def forwards(self) -> list[str]:
        create, *rest = super().forwards()
        return [create.replace("LANGUAGE sql STABLE", "LANGUAGE sql VOLATILE"), *rest]
