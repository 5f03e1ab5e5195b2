from __future__ import annotations

import json
from concurrent.futures import ThreadPoolExecutor

import pytest

from ibex.core.secrets import SecretsError, derive, load_or_create, private_folder

LONG_KEY = "a key of at least thirty-two characters"


def test_secrets_are_made_once_and_kept_private(setting, tmp_path):
    first = load_or_create(tmp_path / "data")
    assert load_or_create(tmp_path / "data") == first
    assert (tmp_path / "data").stat().st_mode & 0o777 == 0o700
    assert (tmp_path / "data" / "secrets.json").stat().st_mode & 0o777 == 0o600
    assert len({first.secret_key, first.postgres_password, first.redis_password}) == 3


def test_everybody_gets_the_same_secrets_when_many_make_them_at_once(setting, tmp_path):
    with ThreadPoolExecutor(16) as pool:
        made = list(pool.map(lambda _: load_or_create(tmp_path / "data"), range(64)))
    assert len(set(made)) == 1
    assert [path.name for path in (tmp_path / "data").iterdir()] == ["secrets.json"]


def test_a_given_key_wins_and_the_file_keeps_its_own(setting, tmp_path):
    own = load_or_create(tmp_path / "data")
    setting(IBEX_SECRET_KEY=LONG_KEY)
    given = load_or_create(tmp_path / "data")
    assert given.secret_key == LONG_KEY
    assert given.postgres_password == own.postgres_password
    assert json.loads((tmp_path / "data" / "secrets.json").read_text())["secret_key"] == own.secret_key


def test_a_short_key_is_refused_without_being_repeated(setting, tmp_path):
    setting(IBEX_SECRET_KEY="hunter2")
    with pytest.raises(SecretsError, match="shorter than 32 characters") as refused:
        load_or_create(tmp_path / "data")
    assert "hunter2" not in str(refused.value)


@pytest.mark.parametrize("text", ["", "{}", "[]", '{"secret_key": "x", "postgres_password": 1, "redis_password": ""}'])
def test_a_damaged_file_is_never_replaced(setting, tmp_path, text):
    private_folder(tmp_path / "data")
    (tmp_path / "data" / "secrets.json").write_text(text)
    with pytest.raises(SecretsError, match="is damaged"):
        load_or_create(tmp_path / "data")
    assert (tmp_path / "data" / "secrets.json").read_text() == text


def test_a_folder_that_is_a_file_is_one_sentence(setting, tmp_path):
    (tmp_path / "data").write_text("")
    with pytest.raises(SecretsError, match="IBEX_DATA_DIR"):
        load_or_create(tmp_path / "data")


def test_derived_values_differ_by_key_and_by_purpose_and_fit_into_a_url():
    values = {derive(key, purpose) for key in (LONG_KEY, LONG_KEY[::-1]) for purpose in ("postgres:a", "postgres:b")}
    assert len(values) == 4
    assert derive(LONG_KEY, "postgres:a") in values
    assert all(len(value) == 43 and value.replace("-", "").replace("_", "").isalnum() for value in values)


def test_secrets_do_not_show_in_their_repr(setting, tmp_path):
    assert repr(load_or_create(tmp_path / "data")) == "Secrets()"
