"""An address of an archive: for a quarter of an hour, of one file, and of nobody else's."""

from __future__ import annotations

import hashlib
from datetime import UTC, datetime, timedelta
from urllib.parse import urlsplit
from uuid import uuid4

import pytest
from django.core import signing
from django.test import AsyncClient
from django.utils import timezone

from agents.archives import links
from agents.models import Organization, Session
from ibex.core import storage
from ibex.core.errors import StorageUnavailable
from ibex.core.tenancy import scope
from tests.agents.archives.making import archive, archived, end, row_of, spoken
from tests.agents.archives.test_removal import erase
from tests.factories import make_agent, make_token
from tests.jobs import change, only_own, run_whole

__all__ = ["only_own"]
pytestmark = pytest.mark.usefixtures("only_own")


@pytest.fixture
def session(agent) -> Session:
    return archived(agent)


def ask(who, session):
    return who.client.get(f"/api/v1/sessions/{session.pk}/archive", headers=who.bearer)


def path_of(who, session) -> str:
    return urlsplit(ask(who, session).json()["url"]).path


async def fetch(path: str):
    response = await AsyncClient().get(path)
    body = b"".join([chunk async for chunk in response]) if response.streaming else response.content
    return response, body


def test_rest_says_where_it_is_and_for_how_long(alice, session):
    answer = ask(alice, session)
    assert answer.status_code == 200
    told, row = answer.json(), row_of(session)
    assert told["url"].startswith("http")
    assert (told["turns"], told["bytes"], told["sha256"]) == (row.turns, row.bytes, row.digest)
    left = datetime.fromisoformat(told["expires_at"]) - datetime.now(UTC)
    assert timedelta(minutes=14) < left <= timedelta(minutes=15)


async def test_whoever_has_the_address_gets_the_file(alice, session, sync):
    path = await sync(path_of, alice, session)
    response, body = await fetch(path)
    row = await sync(row_of, session)
    assert (response.status_code, response.headers["Content-Type"]) == (200, "application/x-ndjson")
    assert hashlib.sha256(body).hexdigest() == row.digest
    assert response.headers["Content-Disposition"] == f'attachment; filename="{session.pk}.ndjson"'
    assert response.headers["Cache-Control"] == "private, no-store"


async def test_not_after_a_quarter_of_an_hour(alice, session, sync, monkeypatch):
    path = await sync(path_of, alice, session)
    now = links.signing.time.time()
    monkeypatch.setattr(signing.time, "time", lambda: now + links.LINK_S - 5)
    assert (await fetch(path))[0].status_code == 200
    monkeypatch.setattr(signing.time, "time", lambda: now + links.LINK_S + 5)
    response, body = await fetch(path)
    assert response.status_code == 404
    assert b"Rex" not in body
    assert b"15 minutes" in body


async def test_not_one_that_was_changed_or_made_up(alice, session, sync):
    path = await sync(path_of, alice, session)
    row = await sync(row_of, session)
    forged = signing.dumps([str(row.org_id), str(row.pk)], salt="another", key="x" * 50)
    other_salt = signing.dumps([str(row.org_id), str(row.pk)], salt="another")
    for wrong in (
        path[:-1] + ("a" if path[-1] != "a" else "b"),
        f"/archives/{forged}",
        f"/archives/{other_salt}",
        "/archives/x",
    ):
        assert (await fetch(wrong))[0].status_code == 404
    for odd in ("text", [1], ["x", "y"], [str(row.org_id)], None, [str(uuid4()), str(row.pk)]):
        assert (await fetch(f"/archives/{signing.dumps(odd, salt=links._SALT)}"))[0].status_code == 404


async def test_an_address_of_one_organization_never_names_a_file_of_another(session, globex, sync):
    """Even a well signed one: the row is looked for in the scope of the organization that the address names."""
    row = await sync(row_of, session)
    signed = signing.dumps([str(globex.pk), str(row.pk)], salt=links._SALT)
    assert (await fetch(f"/archives/{signed}"))[0].status_code == 404


@pytest.mark.parametrize("why", ["erased", "suspended", "removed", "lost"])
async def test_not_when_it_may_not_be_seen_any_more(alice, acme, session, sync, why):
    path = await sync(path_of, alice, session)
    await sync(_end_access, why, acme, session)
    assert (await fetch(path))[0].status_code == 404


def _end_access(why: str, acme: Organization, session: Session) -> None:
    if why == "erased":
        erase(session)
    elif why == "suspended":
        with scope(acme.pk):
            Organization.objects.filter(pk=acme.pk).update(status="suspended")
    elif why == "removed":
        change(row_of(session), written_at=timezone.now() - timedelta(days=91))
        run_whole("forget_archives")
    else:
        storage.remove(row_of(session).key)


async def test_a_storage_that_is_away_is_said_so(alice, session, sync, monkeypatch):
    path = await sync(path_of, alice, session)

    def away(key: str) -> None:
        raise StorageUnavailable

    monkeypatch.setattr(storage, "opened", away)
    response, body = await fetch(path)
    assert response.status_code == 503
    assert b"cannot be read now" in body


def test_the_cast_gets_what_is_theirs(alice, bob, victor, charlie, anonymous, session, foreign_agent):
    for member in (alice, bob, victor):
        assert ask(member, session).status_code == 200
        assert member.client.get(f"/sessions/{session.pk}/archive").status_code == 302
    assert ask(charlie, session).status_code == 404
    assert charlie.client.get(f"/sessions/{session.pk}/archive").status_code == 404
    assert anonymous.get(f"/api/v1/sessions/{session.pk}/archive").status_code == 401
    assert anonymous.get(f"/sessions/{session.pk}/archive").url.startswith("/sign-in")


def test_a_token_needs_the_scope_and_the_agent(acme, session, anonymous):
    url = f"/api/v1/sessions/{session.pk}/archive"

    def status(**token: object) -> int:
        bearer = {"Authorization": f"Bearer {make_token(acme, **token)}"}
        return anonymous.get(url, headers=bearer).status_code

    assert status(scopes=["memory:read"]) == 403
    assert status(scopes=["session:read"]) == 200
    assert status(agent=make_agent(acme, "Other")) == 404
    assert status(agent=session.agent) == 200


def test_what_is_not_there_is_said_so(alice, agent):
    going_on, waiting = spoken(agent), end(spoken(agent))
    for session in (going_on, waiting):
        answer = ask(alice, session)
        assert (answer.status_code, answer.json()["error"]["code"]) == (409, "ARCHIVE_NOT_READY")
    page = alice.client.get(f"/sessions/{waiting.pk}/archive", follow=True)
    assert "not archived yet" in page.content.decode()
    archive(waiting)
    change(row_of(waiting), written_at=timezone.now() - timedelta(days=91))
    run_whole("forget_archives")
    assert ask(alice, waiting).status_code == 410


def test_whoever_asked_for_an_address_is_in_the_audit_log(alice, acme, session, audited):
    ask(alice, session)
    alice.client.get(f"/sessions/{session.pk}/archive")
    assert audited(acme).count("session.archive_linked") == 2
