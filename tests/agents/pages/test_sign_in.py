from __future__ import annotations

import secrets

import pytest
from django.test import Client
from django.urls import reverse

from agents.choices import Role
from agents.models import Member, Operator
from agents.views import sign_in
from ibex.core import redis as redis_module
from ibex.core.tenancy import scope
from tests.factories import PASSWORD, make_organization, make_person

SIGN_IN = "/sign-in"


def told(client: Client, email: str, password: str = PASSWORD, **fields: str):
    return client.post(SIGN_IN, {"email": email, "password": password, **fields}, REMOTE_ADDR="198.51.100.7")


def test_the_right_words_lead_home(anonymous, alice, acme, audited):
    response = told(anonymous, alice.operator.email)
    assert (response.status_code, response.url) == (303, "/")
    assert anonymous.get("/agents").status_code == 200
    assert audited(acme)[0] == "operator.signed_in"


def test_the_email_may_be_written_in_capitals(anonymous, alice):
    assert told(anonymous, alice.operator.email.upper()).status_code == 303


@pytest.mark.parametrize(
    ("wanted", "reached"),
    [("/agents?status=active", "/agents?status=active"), ("https://evil.test/", "/"), ("//evil.test", "/"), ("", "/")],
)
def test_signing_in_leads_to_the_page_that_was_asked_for_if_it_is_ours(anonymous, alice, wanted, reached):
    assert told(anonymous, alice.operator.email, next=wanted).url == reached


def test_wrong_words_are_refused_in_the_same_way_whoever_they_name(anonymous, alice, acme, audited):
    known = told(anonymous, alice.operator.email, "not the password")
    unknown = told(anonymous, "nobody@example.test", "not the password")
    for response in (known, unknown):
        assert response.status_code == 422
        assert sign_in.WRONG in response.content.decode()
    assert audited(acme)[0] == "operator.sign_in_failed"


@pytest.mark.parametrize("fields", [{}, {"email": "x", "password": "y"}, {"email": "a@b.test", "password": "x" * 5000}])
def test_a_form_that_is_no_form_is_answered_422(anonymous, fields):
    assert anonymous.post(SIGN_IN, fields).status_code == 422


def test_after_too_many_attempts_even_the_right_words_must_wait(alice):
    email = alice.operator.email
    for _ in range(sign_in.ATTEMPTS_AS_ONE):
        assert told(Client(), email, "wrong").status_code == 422
    refused = told(Client(), email)
    assert refused.status_code == 429
    assert int(refused["Retry-After"]) >= 1


def test_one_that_is_throttled_does_not_lock_out_others(alice, bob):
    for _ in range(sign_in.ATTEMPTS_AS_ONE + 1):
        told(Client(), alice.operator.email, "wrong")
    assert told(Client(), bob.operator.email).status_code == 303


def test_a_dead_redis_locks_nobody_out(alice, monkeypatch, anonymous):
    dead = redis_module.Redis.from_url("redis://127.0.0.1:1", socket_connect_timeout=0.1)
    monkeypatch.setattr("agents.throttle.redis", lambda: dead)
    assert told(anonymous, alice.operator.email).status_code == 303


def test_who_is_a_member_of_nothing_is_told_so(anonymous):
    operator = Operator.objects.create_user(f"{secrets.token_hex(6)}@example.test", PASSWORD)
    response = told(anonymous, operator.email)
    assert response.status_code == 422
    assert "not a member" in response.content.decode()


def test_an_operator_who_was_deactivated_does_not_come_in(anonymous, alice):
    Operator.objects.filter(pk=alice.operator.pk).update(is_active=False)
    assert told(anonymous, alice.operator.email).status_code == 422


def test_who_is_signed_in_needs_no_form(alice):
    assert alice.client.get(SIGN_IN).url == "/"


def test_a_partial_that_lands_at_the_door_is_told_so_instead_of_showing_it(anonymous):
    response = anonymous.get("/agents", headers={"HX-Request": "true"}, follow=True)
    assert response.status_code == 401
    assert b"<form" not in response.content


def test_signing_out_ends_the_session(alice, acme, audited):
    response = alice.client.post("/sign-out")
    assert (response.status_code, response.url) == (303, SIGN_IN)
    assert alice.client.get("/agents").status_code == 302
    assert audited(acme)[0] == "operator.signed_out"


def test_signing_out_twice_is_no_error(anonymous):
    assert anonymous.post("/sign-out").status_code == 303


def test_nobody_is_signed_out_by_a_link(alice):
    assert alice.client.get("/sign-out").status_code == 405


def test_forms_need_their_token(alice):
    strict = Client(enforce_csrf_checks=True)
    strict.force_login(alice.operator)
    for path in ("/sign-out", "/switch-organization", "/agents/new", "/tokens/new"):
        assert strict.post(path, {}).status_code == 403, path
    assert strict.post(SIGN_IN, {"email": alice.operator.email, "password": PASSWORD}).status_code == 403


def test_an_operator_moves_between_their_organizations(alice, acme):
    other = make_organization("Other")
    with scope(other.pk):
        Member.objects.create(org=other, operator=alice.operator, role=Role.VIEWER)
    response = alice.client.post("/switch-organization", {"organization": str(other.pk)})
    assert (response.status_code, response.url) == (303, "/")
    assert alice.client.get("/agents/new").status_code == 403, "a viewer there"
    alice.client.post("/switch-organization", {"organization": str(acme.pk)})
    assert alice.client.get("/agents/new").status_code == 200


def test_nobody_moves_into_an_organization_of_others(charlie, acme):
    make_person("dora", acme, Role.OWNER)
    for wanted in (str(acme.pk), "", "not-a-uuid"):
        assert charlie.client.post("/switch-organization", {"organization": wanted}).status_code == 404
    assert charlie.client.get(reverse("agents:list")).status_code == 200
