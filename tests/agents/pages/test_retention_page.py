"""How long an organization keeps what was said: seen by members, set by admins, on the page and by REST."""

from __future__ import annotations

import pytest

from agents.models import Organization
from agents.models.retention import KEPT_DAYS, KEPT_DAYS_MAX
from ibex.core.tenancy import scope

PAGE = "/settings/retention"
DEFAULT = (KEPT_DAYS,) * 3


def days(organization: Organization) -> tuple[int, int, int]:
    with scope(organization.pk):
        stored = Organization.objects.get(pk=organization.pk)
    return stored.turn_retention_days, stored.archive_retention_days, stored.trace_retention_days


def chosen(turns: str, archives: str, traces: str) -> dict[str, str]:
    return {"turn_retention_days": turns, "archive_retention_days": archives, "trace_retention_days": traces}


def test_an_owner_sets_each_and_another_organization_keeps_its_own(alice, acme, globex, audited):
    response = alice.client.post(PAGE, chosen("30", "14", "7"))
    assert (response.status_code, response.url) == (303, PAGE)
    assert days(acme) == (30, 14, 7)
    assert days(globex) == DEFAULT
    assert "organization.updated" in audited(acme)


@pytest.mark.parametrize("value", ["0", "-1", str(KEPT_DAYS_MAX + 1), "", "soon", "1.5"])
def test_what_cannot_be_is_refused(alice, acme, value):
    for fields in (chosen(value, "7", "7"), chosen("7", value, "7"), chosen("7", "7", value)):
        assert alice.client.post(PAGE, fields).status_code == 422
    assert days(acme) == DEFAULT


@pytest.mark.parametrize("role", ["bob", "victor"])
def test_members_see_and_do_not_change_it(role, acme, request):
    who = request.getfixturevalue(role)
    assert "90" in who.client.get(PAGE).content.decode()
    assert who.client.post(PAGE, chosen("1", "1", "1")).status_code == 403
    assert days(acme) == DEFAULT


def test_strangers_are_sent_away(anonymous):
    assert anonymous.get(PAGE).status_code == 302


def test_rest_reads_and_writes_the_same(alice, acme):
    def patch(**fields: object):
        return alice.client.patch("/api/v1/organization", fields, content_type="application/json", headers=alice.bearer)

    assert patch(turn_retention_days=14).json()["turn_retention_days"] == 14
    assert patch(archive_retention_days=21).json()["archive_retention_days"] == 21
    assert days(acme) == (14, 21, KEPT_DAYS)
    for wrong in (0, KEPT_DAYS_MAX + 1, "x", None):
        refused = patch(turn_retention_days=wrong)
        assert refused.status_code == 400
        assert refused.json()["error"]["field_errors"][0]["field"] == "turn_retention_days"
    assert days(acme) == (14, 21, KEPT_DAYS)
