"""Search functions that may use the full-text index, and storage that suits vectors."""

from __future__ import annotations

from django.db import migrations

from ibex.core.tenancy.operations import TENANT, SystemFunction

TOUCHED_MAX = 2_500
"""Rows that one question may rank; a word that stands in more of them says nothing."""
_RANKED = f"""
  SELECT touched.id FROM (
     SELECT row.id, row.search_text FROM {{table}} row
      WHERE row.org_id = {{tenant}} AND (p_agent IS NULL OR row.agent_id = p_agent)
        AND (p_users IS NULL OR row.end_user = ANY(p_users))
        AND (row.expires_at IS NULL OR row.expires_at > now())
        AND {{more}} AND row.search_text @@ p_any
      LIMIT {TOUCHED_MAX}
   ) AS touched
   CROSS JOIN LATERAL (
     SELECT sum(term.weight) AS weight FROM unnest(p_terms, p_weights) AS term(query, weight)
      WHERE touched.search_text @@ term.query
   ) AS found
   ORDER BY found.weight DESC NULLS LAST, touched.id DESC LIMIT p_rows
"""


class SearchFunction(SystemFunction):
    """A system function that is planned for each call's own agent and words."""

    def forwards(self) -> list[str]:
        statements = super().forwards()
        return [
            *statements[:-1],
            f"ALTER FUNCTION {self.signature} ROWS 100 SET plan_cache_mode = force_custom_plan",
            statements[-1],
        ]


class Migration(migrations.Migration):
    dependencies = [("memories", "0001_initial")]

    operations = [
        SearchFunction(
            "ibex_memory_words(p_agent uuid, p_users text[], p_statuses text[], p_categories text[], p_any tsquery,"
            " p_terms tsquery[], p_weights float8[], p_rows int)",
            "TABLE (id uuid)",
            _RANKED.format(
                table="memories_memory",
                tenant=TENANT,
                more="row.status = ANY(p_statuses) AND row.deleted_at IS NULL"
                " AND (p_categories IS NULL OR row.category = ANY(p_categories))",
            ),
        ),
        SearchFunction(
            "ibex_excerpt_words(p_agent uuid, p_users text[], p_roles text[], p_any tsquery, p_terms tsquery[],"
            " p_weights float8[], p_rows int)",
            "TABLE (id uuid)",
            _RANKED.format(
                table="memories_excerpt", tenant=TENANT, more="(p_roles IS NULL OR row.role = ANY(p_roles))"
            ),
        ),
        # Vectors are read whole and do not compress: they stay in the row.
        migrations.RunSQL(
            "ALTER TABLE memories_memory ALTER COLUMN embedding SET STORAGE PLAIN;"
            "ALTER TABLE memories_excerpt ALTER COLUMN embedding SET STORAGE PLAIN;"
            "CREATE INDEX memories_memory_exact_scan ON memories_memory (org_id, agent_id, end_user) WHERE deleted_at IS NULL;"
            "CREATE INDEX memories_excerpt_exact_scan ON memories_excerpt (org_id, agent_id, end_user);"
            # Without them the planner multiplies the selectivities of columns that depend on each other.
            "CREATE STATISTICS memories_memory_place (dependencies) ON org_id, agent_id FROM memories_memory;"
            "CREATE STATISTICS memories_excerpt_place (dependencies) ON org_id, agent_id FROM memories_excerpt;",
            "DROP STATISTICS memories_excerpt_place; DROP STATISTICS memories_memory_place;"
            "DROP INDEX memories_excerpt_exact_scan; DROP INDEX memories_memory_exact_scan;"
            "ALTER TABLE memories_memory ALTER COLUMN embedding SET STORAGE DEFAULT;"
            "ALTER TABLE memories_excerpt ALTER COLUMN embedding SET STORAGE DEFAULT;",
        ),
    ]
