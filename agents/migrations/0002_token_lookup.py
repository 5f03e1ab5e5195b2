from __future__ import annotations

from django.db import migrations

from ibex.core.tenancy.operations import SystemFunction


class Migration(migrations.Migration):
    """The one question that is asked before the tenant is known: whose token is this?"""

    dependencies = [("agents", "0001_initial")]

    operations = [
        SystemFunction(
            "ibex_token_by_digest(wanted bytea)",
            "TABLE (digest bytea, token_id uuid, org_id uuid, agent_id uuid, scopes varchar[], "
            "expires_at timestamptz, revoked_at timestamptz, org_status varchar, org_limit integer, token_limit integer)",
            "SELECT t.digest, t.id, t.org_id, t.agent_id, t.scopes, t.expires_at, t.revoked_at, "
            "o.status, o.requests_per_minute, t.requests_per_minute "
            "FROM agents_token t JOIN agents_organization o ON o.id = t.org_id WHERE t.digest = wanted",
        ),
    ]
