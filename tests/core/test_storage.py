"""Files in both kinds of storage: whole or not at all, replaced in one step, and one kind of error."""

from __future__ import annotations

import io
import os
import socket
import threading
import urllib.request
from collections.abc import Iterator
from typing import Any

import pytest
from django.conf import settings
from django.core.files.storage import storages
from django.test import override_settings

from ibex.core import storage
from ibex.core.errors import StorageUnavailable
from ibex.env import env

KEY = "org/agent/2026/11/session.ndjson"
BUCKET = "ibex-archives"


@pytest.fixture(scope="module")
def store() -> Iterator[str]:
    """An S3 of our own; its address."""
    from moto.moto_server.threaded_moto_server import ThreadedMotoServer

    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    yield f"http://{host}:{port}"
    server.stop()


@pytest.fixture(params=["disk", "s3"])
def kept(request: pytest.FixtureRequest, tmp_path, monkeypatch) -> Iterator[str]:
    """Archives are on a disk, then in a bucket."""
    if request.param == "disk":
        backend: dict[str, Any] = {
            "BACKEND": "ibex.core.storage.DiskStorage",
            "OPTIONS": {"location": tmp_path / "archives"},
        }
    else:
        backend = {"BACKEND": "ibex.core.bucket.Bucket"}
        _use(monkeypatch, request.getfixturevalue("store"))
    with override_settings(STORAGES=settings.STORAGES | {"archives": backend}):
        if request.param == "s3":
            storages["archives"].connection.create_bucket(Bucket=BUCKET)
        yield request.param
    env.cache_clear()


def _use(monkeypatch: pytest.MonkeyPatch, address: str) -> None:
    for name, value in {
        "IBEX_S3_BUCKET": BUCKET,
        "IBEX_S3_ENDPOINT": address,
        "AWS_REGION": "us-east-1",
        "AWS_ACCESS_KEY_ID": "key",
        "AWS_SECRET_ACCESS_KEY": "secret",
    }.items():
        monkeypatch.setenv(name, value)
    env.cache_clear()


def put(content: bytes) -> None:
    storage.put(KEY, io.BytesIO(content))


def got() -> bytes:
    with storage.opened(KEY) as file:
        return file.read()


def test_what_is_put_is_there_and_what_is_put_again_replaces_it(kept):
    put(b"one\n")
    assert got() == b"one\n"
    put(b"one\ntwo\n")
    assert got() == b"one\ntwo\n"
    with storage.opened(KEY) as file:
        assert list(file) == [b"one\n", b"two\n"]


def test_what_is_removed_is_gone_and_removing_it_again_is_harmless(kept):
    put(b"one\n")
    storage.remove(KEY)
    storage.remove(KEY)
    with pytest.raises(FileNotFoundError), storage.opened(KEY):
        pass


def test_a_large_file_comes_back_as_it_was(kept):
    content = os.urandom(1 << 20) * 20
    put(content)
    assert got() == content


def test_only_the_store_has_addresses_of_its_own_and_they_end(kept, socket_enabled):
    put(b"one\n")
    link = storage.link(KEY, 900, "session.ndjson")
    if kept == "disk":
        assert link == ""
        return
    assert "X-Amz-Expires=900" in link
    with urllib.request.urlopen(link) as answer:
        assert answer.read() == b"one\n"
        assert answer.headers["Content-Disposition"] == 'attachment; filename="session.ndjson"'


def test_a_store_that_is_away_is_one_kind_of_error_without_addresses(monkeypatch):
    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))
        _use(monkeypatch, f"http://127.0.0.1:{closed.getsockname()[1]}")
        bucket = {"archives": {"BACKEND": "ibex.core.bucket.Bucket"}}
        with override_settings(STORAGES=settings.STORAGES | bucket):
            for act in (lambda: put(b"x"), got, lambda: storage.remove(KEY)):
                with pytest.raises(StorageUnavailable) as refused:
                    act()
                assert refused.value.cause == "EndpointConnectionError"
                assert "127.0.0.1" not in refused.value.message
    env.cache_clear()


def test_so_is_a_bucket_that_is_not_there(store, monkeypatch):
    _use(monkeypatch, store)
    monkeypatch.setenv("IBEX_S3_BUCKET", "no-such-bucket")
    env.cache_clear()
    with override_settings(STORAGES=settings.STORAGES | {"archives": {"BACKEND": "ibex.core.bucket.Bucket"}}):
        with pytest.raises(StorageUnavailable) as refused:
            put(b"x")
        assert refused.value.cause
    env.cache_clear()


def test_a_disk_that_cannot_be_written_is_one_too(tmp_path):
    (tmp_path / "archives").write_text("a file where a folder should be")
    backend = {"BACKEND": "ibex.core.storage.DiskStorage", "OPTIONS": {"location": tmp_path / "archives"}}
    with override_settings(STORAGES=settings.STORAGES | {"archives": backend}), pytest.raises(StorageUnavailable):
        put(b"x")


def test_two_writers_at_once_leave_one_whole_file(tmp_path):
    backend = {"BACKEND": "ibex.core.storage.DiskStorage", "OPTIONS": {"location": tmp_path / "archives"}}
    contents = [bytes([letter]) * (1 << 20) for letter in b"ab"]
    with override_settings(STORAGES=settings.STORAGES | {"archives": backend}):
        writers = [threading.Thread(target=put, args=(content,)) for content in contents]
        for writer in writers:
            writer.start()
        for writer in writers:
            writer.join()
        assert got() in contents


def test_a_key_that_leads_out_of_the_folder_is_refused(tmp_path):
    from django.core.exceptions import SuspiciousFileOperation

    backend = {"BACKEND": "ibex.core.storage.DiskStorage", "OPTIONS": {"location": tmp_path / "archives"}}
    with override_settings(STORAGES=settings.STORAGES | {"archives": backend}):
        with pytest.raises(SuspiciousFileOperation):
            storage.put("../outside", io.BytesIO(b"x"))
        assert not (tmp_path / "outside").exists()
