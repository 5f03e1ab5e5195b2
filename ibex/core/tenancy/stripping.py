"""The one way in which what was said in a turn leaves its row, which is append-only: once it is in an archive."""

from __future__ import annotations

from ibex.core.tenancy.operations import TENANT, SystemFunction


class StripFunction(SystemFunction):
    """`name(turns, hashes, prints)`: take what was said out of these checkpoints, and leave a hash of each, and the
    prints of its lines ('{1,2}'); how many were changed.

    Only of the tenant that is set, and only turns up to the last one that the session's archive holds: nobody who may
    call it can wipe what is nowhere else.
    """

    def __init__(self, name: str) -> None:
        body = f"""
            WITH gone AS (
                UPDATE agents_checkpoint AS c
                SET messages = '[]', user_text = '', assistant_text = '', tool_calls = '[]', stripped_at = now(),
                    content_hash = told.hash, asked_prints = told.prints::bigint[]
                FROM unnest(turns, hashes, prints) AS told(id, hash, prints), agents_archive AS a
                WHERE c.org_id = {TENANT} AND c.id = told.id AND c.stripped_at IS NULL
                    AND a.org_id = c.org_id AND a.session_id = c.session_id
                    AND a.written_at IS NOT NULL AND a.removed_at IS NULL AND a.last_turn >= c.number
                RETURNING 1
            ) SELECT count(*) FROM gone
        """  # noqa: S608 - the migration's own words
        super().__init__(f"{name}(turns uuid[], hashes text[], prints text[])", "bigint", body)
        self.name = name

    def deconstruct(self) -> tuple[str, list[str], dict[str, str]]:
        return type(self).__name__, [self.name], {}

    def forwards(self) -> list[str]:
        create, *rest = super().forwards()
        return [create.replace("LANGUAGE sql STABLE", "LANGUAGE sql VOLATILE"), *rest]
