"""Files that cannot be used are refused with a sentence, and leave nothing behind."""

from __future__ import annotations

import io
import json
import struct
import zipfile

import pytest

from ibex.core.errors import FieldCode, InvalidRequest
from ibex.core.tenancy import scope
from memories.models import ImportPart, ImportRun
from memories.transfer import intake
from memories.transfer.intake import PART_BYTES, FileTooLarge
from tests.factories import make_agent
from tests.memories.transfer.bringing import bring, chatgpt, fresh, imported, items_of, results_of, texts

CAT = "The user's cat is called Gustavo."


def refused(agent, file, kind="memories", **fields):
    """The sentence and the field's code; and that nothing is left."""
    with pytest.raises(InvalidRequest) as raised:
        bring(agent, file, kind, **fields)
    with scope(agent.org_id):
        assert not ImportRun.objects.filter(agent=agent).exists()
        assert not ImportPart.objects.exists()
    [problem] = raised.value.field_errors
    return problem.message, problem.code


def zipped(**files: bytes) -> bytes:
    data = io.BytesIO()
    with zipfile.ZipFile(data, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in files.items():
            archive.writestr(name.replace("__", "/").replace("_", "."), content)
    return data.getvalue()


@pytest.mark.parametrize("file", [b"", b" \n\r\n", b"\xef\xbb\xbf\n"])
@pytest.mark.parametrize("kind", ["memories", "conversations"])
def test_an_empty_file(agent, file, kind):
    assert refused(agent, file, kind) == ("The file is empty.", FieldCode.REQUIRED)


@pytest.mark.parametrize("encoding", ["utf-16", "utf-16-le"])
def test_utf_16(agent, encoding):
    assert refused(agent, texts(CAT).encode(encoding))[0].startswith("The file is UTF-16")


def test_a_byte_that_is_not_utf_8_is_named_by_its_line(agent):
    file = texts(*["The user likes tea."] * 9000).encode() + '{"content": "Café"}\n'.encode("latin-1")
    assert len(file) > PART_BYTES
    assert refused(agent, file)[0].startswith("Line 9001 is not UTF-8")


def test_a_character_that_is_cut_off_at_the_end(agent):
    assert "not UTF-8" in refused(agent, texts(CAT).encode() + b"\xc3")[0]


def test_a_character_across_two_pieces_is_read(agent):
    line = '{"content": "' + "é" * 8_000 + '"}\n'
    run = imported(agent, " " + line * 40)
    assert (run.done, results_of(run)[0]) == (40, "created")


def test_a_line_that_is_too_long(agent):
    file = texts(CAT) + '{"content": "' + "x" * intake.LINE_MAX_BYTES + '"}\n'
    assert refused(agent, file) == ("Line 2 is over 1 MiB.", FieldCode.TOO_LONG)


def test_too_many_lines(agent, monkeypatch):
    monkeypatch.setattr(intake, "LINES_MAX", 3)
    assert refused(agent, texts(CAT, CAT, CAT, CAT))[1] == FieldCode.TOO_MANY


def test_a_file_that_is_too_large(agent, monkeypatch):
    monkeypatch.setattr(intake, "FILE_MAX_BYTES", 1000)
    with pytest.raises(FileTooLarge) as raised:
        bring(agent, texts(*[CAT] * 50))
    assert raised.value.status == 413


def test_a_zip_bomb_is_too_large_as_soon_as_it_is(agent, monkeypatch):
    monkeypatch.setattr(intake, "FILE_MAX_BYTES", 3 * PART_BYTES)
    bomb = zipped(conversations_json=b"[" + b" " * 50_000_000)
    assert len(bomb) < 100_000
    with pytest.raises(FileTooLarge):
        bring(agent, bomb, "conversations")


def test_a_zip_that_lies_about_its_contents(agent):
    good = zipped(conversations_json=json.dumps([chatgpt([("user", "Hi there")])]).encode())
    end = good.rfind(b"PK\x05\x06")
    many = good[: end + 10] + struct.pack("<H", 60_000) + good[end + 12 :]
    assert "files" in refused(agent, many, "conversations")[0]
    large = good[: end + 12] + struct.pack("<L", 2**31) + good[end + 16 :]
    assert "files" in refused(agent, large, "conversations")[0]
    assert "cut off" in refused(agent, good[:end], "conversations")[0]
    broken = bytearray(good)
    broken[60:70] = b"\xff" * 10
    assert "damaged" in refused(agent, bytes(broken), "conversations")[0]


def test_a_zip_of_several_files_or_none(agent):
    assert "must hold one file" in refused(agent, zipped(a_csv=b"content\n", b_csv=b"content\n"))[0]
    assert "must hold one file" in refused(agent, zipped())[0]


def test_a_zip_that_is_locked_or_packed_in_another_way(agent):
    locked = bytearray(zipped(a_csv=b"content\nThe user likes tea.\n"))
    place = locked.find(b"PK\x01\x02")
    locked[place + 8] |= 1
    assert "password" in refused(agent, bytes(locked))[0]
    data = io.BytesIO()
    with zipfile.ZipFile(data, "w", zipfile.ZIP_LZMA) as archive:
        archive.writestr("a.csv", "content\n")
    assert "deflate" in refused(agent, data.getvalue())[0]


def test_one_file_in_a_zip_is_read(agent):
    run = imported(agent, zipped(folder__memories_ndjson=texts(CAT).encode()))
    assert results_of(run) == ["created"]


def test_columns_that_are_not_known_are_named_by_their_number(agent):
    assert "number 2, 3" in refused(agent, "content,colour,size\nx,red,1\n")[0]
    assert "names a column twice" in refused(agent, "content,content\nx,y\n")[0]
    assert "`content` is required" in refused(agent, "memory,category\nx,factual\n")[0]


def test_a_json_list_of_memories_is_told_how_it_should_be(agent):
    assert "NDJSON" in refused(agent, '[{"content": "x"}]')[0]
    assert "ChatGPT" in refused(agent, "content\nx\n", "conversations")[0]


@pytest.mark.parametrize(
    "file",
    ['[{"a": 1}', '[{"a": 1}, oops]', "[" * 100_000, '[{"a": ' + "[" * 100_000, "[]", "[   ", '[{"a": 1}, {"b"', "[1]"],
)
def test_a_broken_export_fails_before_anything_is_written(agent, file):
    run = imported(agent, file, "conversations")
    assert (run.status, run.done, items_of(run)) == ("failed", 0, [])
    assert run.error


def test_an_agent_that_is_elsewhere_archived_or_does_not_learn(agent, foreign_agent, acme):
    here, file = agent.org_id, texts(CAT)
    foreign_agent.org_id = here
    assert "no such agent" in refused(foreign_agent, file)[0]
    assert "no such agent" in refused(make_agent(acme, "Old", status="archived"), file)[0]
    deaf = make_agent(acme, "Deaf", learns=False)
    assert "does not learn" in refused(deaf, '{"at": "2026-01-01", "user": "Hi"}', "conversations")[0]
    assert refused(agent, file, end_user="u" * 201)[1] == FieldCode.TOO_LONG


def test_a_name_that_the_database_cannot_hold_is_mended(agent):
    assert fresh(bring(agent, texts(CAT), file_name="a\x00b\ud800.ndjson")).file_name == "ab?.ndjson"
