"""C that is compiled where it runs, and what happens where it cannot be."""

from __future__ import annotations

import ctypes
from collections.abc import Iterator
from pathlib import Path

import pytest

from ibex.core import native
from ibex.env import env

TWICE = "int twice(int number) { return 2 * number; }\n"
THRICE = "int twice(int number) { return 3 * number; }\n"

pytestmark = pytest.mark.skipif(
    not native.processor_flags() >= native.NEEDED, reason="this processor has no AVX2: nothing is compiled here"
)


@pytest.fixture
def source(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A C file, and an empty place for what is made of it."""
    monkeypatch.setenv("IBEX_MODEL_DIR", str(tmp_path / "built"))
    _forget()
    file = tmp_path / "double.c"
    file.write_text(TWICE)
    yield file
    monkeypatch.undo()
    _forget()


def _forget() -> None:
    env.cache_clear()
    native.library.cache_clear()
    native.processor_flags.cache_clear()


def _made(source: Path) -> list[Path]:
    return sorted((source.parent / "built" / "native").iterdir())


def test_what_a_file_offers_can_be_called(source: Path) -> None:
    code = native.library(source)
    assert isinstance(code, ctypes.CDLL)
    assert code.twice(21) == 42


def test_it_is_compiled_once_and_again_when_it_has_changed(source: Path) -> None:
    native.library(source)
    (made,) = _made(source)
    written = made.stat().st_mtime_ns
    native.library.cache_clear()
    native.library(source)
    assert [path.stat().st_mtime_ns for path in _made(source)] == [written]

    source.write_text(THRICE)
    native.library.cache_clear()
    code = native.library(source)
    assert code is not None
    assert code.twice(2) == 6
    assert len(_made(source)) == 2


def test_another_processor_compiles_for_itself(source: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    native.library(source)
    other = tmp_path / "cpuinfo"
    other.write_text("processor : 0\nflags : fma avx2 brand_new\n")
    monkeypatch.setattr(native, "CPU_INFO", other)
    native.library.cache_clear()
    native.processor_flags.cache_clear()
    native.library(source)
    assert len(_made(source)) == 2


@pytest.mark.parametrize("told", ["flags : fma sse4_2\n", "no flags at all\n"])
def test_a_processor_without_avx2_has_none(
    source: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, told: str
) -> None:
    (tmp_path / "cpuinfo").write_text(told)
    monkeypatch.setattr(native, "CPU_INFO", tmp_path / "cpuinfo")
    native.processor_flags.cache_clear()
    assert native.library(source) is None


def test_where_it_is_switched_off_there_is_none(source: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("IBEX_NATIVE_CODE", "false")
    env.cache_clear()
    assert native.library(source) is None


def test_without_a_compiler_there_is_none(source: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    assert native.library(source) is None


def test_of_a_file_that_does_not_compile_there_is_none_and_nothing_is_left(source: Path) -> None:
    source.write_text("int twice(int number) { return")
    assert native.library(source) is None
    assert _made(source) == []
