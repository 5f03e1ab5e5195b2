"""Word search of large agents by their own index of words, whatever the planner expects of the others.

Agent, organization and end user say the same thing of a row, which the planner does not know: it takes their
conditions for independent, expects few rows, and reads all rows of the agent, or of the organization beside the words'
own index. Behind a fence it sees the words and the agent only (10,000 memories among a million: from 34 ms to 8).

The functions of migration 0008 serve agents without such an index, and the code of before.
"""

from __future__ import annotations

from django.db import migrations

from ibex.core.tenancy.operations import TENANT, SystemFunction

RARE_MAX, COMMON_MAX = 1_000, 500
"""Rows of a rare word, and besides them rows of common words together, that one question may rank. Counted apart, so that
the many do not crowd out those that a rare word names."""
WEIGHED_MAX = 48
"""Words of one question (`memories.retrieval.words.TERMS_MAX`)."""
_WEIGHT = " + ".join(
    f"CASE WHEN touched.search_text @@ p_terms[{place}] THEN p_weights[{place}] ELSE 0 END"
    for place in range(1, WEIGHED_MAX + 1)
)
"""The words' weights in one expression, of which the planner keeps those that there are: cheaper than a join with them
for each row."""
# OFFSET 0 is the fence.
_TOUCHED = f"""
     SELECT row.id, row.search_text FROM (
        SELECT * FROM {{table}} WHERE agent_id = p_agent AND search_text @@ {{words}} OFFSET 0
      ) AS row
      WHERE row.org_id = {TENANT}
        AND (p_users IS NULL OR row.end_user = ANY(p_users))
        AND (row.expires_at IS NULL OR row.expires_at > now())
        AND {{more}}
"""
_RANKED = f"""
  SELECT touched.id FROM (
    ({_TOUCHED.replace("{words}", "p_alone")} LIMIT {RARE_MAX})
    UNION ALL
    ({_TOUCHED.replace("{words}", "p_together")} AND NOT row.search_text @@ p_alone LIMIT {COMMON_MAX})
  ) AS touched
  ORDER BY {_WEIGHT} DESC, touched.id DESC LIMIT p_rows
"""
_OPTIONS = (
    "ROWS 100",
    "SET plan_cache_mode = force_custom_plan",
    "SET enable_indexscan = off",
    "SET enable_seqscan = off",
)


class Migration(migrations.Migration):
    dependencies = [("memories", "0015_room_for_counts")]

    operations = [
        SystemFunction(
            "ibex_memory_matches_own(p_agent uuid, p_users text[], p_statuses text[], p_categories text[],"
            " p_alone tsquery, p_together tsquery, p_terms tsquery[], p_weights float8[], p_rows int)",
            "TABLE (id uuid)",
            _RANKED.format(
                table="memories_memory",
                more="row.status = ANY(p_statuses) AND row.deleted_at IS NULL"
                " AND (p_categories IS NULL OR row.category = ANY(p_categories))",
            ),
            _OPTIONS,
        ),
        SystemFunction(
            "ibex_excerpt_matches_own(p_agent uuid, p_users text[], p_roles text[], p_alone tsquery,"
            " p_together tsquery, p_terms tsquery[], p_weights float8[], p_rows int)",
            "TABLE (id uuid)",
            _RANKED.format(table="memories_excerpt", more="(p_roles IS NULL OR row.role = ANY(p_roles))"),
            _OPTIONS,
        ),
    ]
