from __future__ import annotations

import pytest

from agents.secret import PREFIX_CHARS, digest, new_secret, presented, readable_prefix


def test_a_secret_is_its_mark_and_256_random_bits() -> None:
    secret = new_secret()
    assert secret.startswith("ibex_pat_")
    assert len(secret.removeprefix("ibex_pat_")) == 43
    assert secret != new_secret()


def test_what_is_kept_cannot_be_turned_back_and_the_prefix_is_short() -> None:
    secret = new_secret()
    assert len(digest(secret)) == 32
    assert secret.encode() not in digest(secret)
    assert readable_prefix(secret) == secret[:PREFIX_CHARS]


def test_a_bearer_header_presents_its_token() -> None:
    secret = new_secret()
    assert presented(f"Bearer {secret}") == presented(f"bearer  {secret} ") == secret


@pytest.mark.parametrize(
    "header",
    [
        "",
        "Bearer",
        "Bearer ",
        "Basic dXNlcjpwYXNz",
        "Bearer sk-something",
        "Bearer ibex_pat_short",
        "Bearer ibex_pat_" + "a" * 44,
        "Bearer ibex_pat_" + "a" * 42 + "!",
        "Bearer ibex_pat_" + "a" * 42 + "é",
        "ibex_pat_" + "a" * 43,
    ],
)
def test_what_has_no_tokens_form_is_no_token(header: str) -> None:
    assert presented(header) is None
