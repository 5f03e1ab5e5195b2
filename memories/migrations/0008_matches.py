"""Word search that touches fewer rows, and finds the own indexes of large agents.

The functions of migration 0002 stay for the code of before, which may still run.
"""

from __future__ import annotations

from django.db import migrations

from ibex.core.tenancy.operations import TENANT, SystemFunction

TOUCHED_MAX = 1_500
"""Rows that one question may rank: half as many again as rare words are expected to bring up."""
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
_OPTIONS = (
    "ROWS 100",
    # Planned for each call's own agent and words, so that a large agent's own index of words can serve; and never as a
    # walk over all rows of the agent in their order.
    "SET plan_cache_mode = force_custom_plan",
    "SET enable_indexscan = off",
    "SET enable_seqscan = off",
)


class Migration(migrations.Migration):
    dependencies = [("memories", "0007_same_words")]

    operations = [
        SystemFunction(
            "ibex_memory_matches(p_agent uuid, p_users text[], p_statuses text[], p_categories text[], p_any tsquery,"
            " p_terms tsquery[], p_weights float8[], p_rows int)",
            "TABLE (id uuid)",
            _RANKED.format(
                table="memories_memory",
                tenant=TENANT,
                more="row.status = ANY(p_statuses) AND row.deleted_at IS NULL"
                " AND (p_categories IS NULL OR row.category = ANY(p_categories))",
            ),
            _OPTIONS,
        ),
        SystemFunction(
            "ibex_excerpt_matches(p_agent uuid, p_users text[], p_roles text[], p_any tsquery, p_terms tsquery[],"
            " p_weights float8[], p_rows int)",
            "TABLE (id uuid)",
            _RANKED.format(
                table="memories_excerpt", tenant=TENANT, more="(p_roles IS NULL OR row.role = ANY(p_roles))"
            ),
            _OPTIONS,
        ),
    ]
