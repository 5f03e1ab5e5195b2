"""What an attacker, or a client with a bug, sends: JSON that is wrong at any place, in any way."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from copy import deepcopy
from typing import Any

from hypothesis import strategies as st

CANARY = "xyzzy-canary-0d9f"
"""Stands in everything that is sent, and may stand in nothing that IBEX says of its own."""
Path = tuple[str | int, ...]


class Twice(dict[str, Any]):
    """An object that says every one of its fields twice: first the canary, then the value."""


class Deep:
    """Lists in lists."""

    def __init__(self, depth: int) -> None:
        self.depth = depth


class Raw:
    """Written as it is, whatever JSON says."""

    def __init__(self, text: str) -> None:
        self.text = text


def written(value: Any) -> bytes:
    """`value` as JSON, with what no JSON library would write."""
    return _written(value).encode("utf-8", "surrogatepass")


def _written(value: Any) -> str:
    match value:
        case Deep():
            return "[" * value.depth + "]" * value.depth
        case Raw():
            return value.text
        case dict():
            fields = [f"{json.dumps(name)}:{_written(inner)}" for name, inner in value.items()]
            if isinstance(value, Twice):
                fields = [f'{json.dumps(name)}:"{CANARY}"' for name in value] + fields
            return "{" + ",".join(fields) + "}"
        case list():
            return "[" + ",".join(map(_written, value)) + "]"
    return json.dumps(value)


_NUMBERS: list[Any] = [
    0, -1, 1, 2, 0.5, -0.0, 1e308, 5e-324, 2**31, 2**63 - 1, 2**63, 2**64 - 1, 2**64, -(2**63) - 1, 10**30, 10**400,
    float("nan"), float("inf"), Raw("1e999"), Raw("-"), Raw("01"), Raw("1" * 5_000), Raw("0x10"), Raw("1_000"),
]  # fmt: skip
_TEXTS: list[Any] = [
    "", " ", "\0", f"{CANARY}\0", "\ud800", Raw('"\\ud800"'), Raw('"\\u0000"'), Raw('"\t"'), Raw("'x'"), CANARY,
    CANARY * 8_000, "é" * 60_000, f"\u202e{CANARY}", "\U0001f9a5", "\uffff", f"{CANARY}\r\nSet-Cookie: a=b",
    "' OR 1=1 --", "{{7*7}}", "../../etc/passwd", "data: [DONE]\n\n", "</memory>",
]  # fmt: skip
_SHAPES: list[Any] = [
    None, True, False, [], {}, [[]], [None], [{}], {"": CANARY}, {CANARY: CANARY}, {"\0": "\0"}, {"type": "text"},
    [{"type": "text", "text": CANARY}], [{"type": "text", "text": 5}], [{"type": CANARY}], [CANARY] * 1_001,
    [{"role": "user", "content": CANARY}] * 1_001, {f"k{i}": i for i in range(300)}, Deep(50), Deep(240), Deep(260),
    Deep(1_030), Deep(50_000), Raw(""), Raw("undefined"), Raw("{,}"), Raw("/* */ 1"), Raw("True"),
    Twice({"role": "user", "content": CANARY}),
]  # fmt: skip
hostile_values = st.sampled_from(_NUMBERS) | st.sampled_from(_TEXTS) | st.sampled_from(_SHAPES)

QUERY_TEXTS = [
    "",
    " ",
    "\0",
    f"{CANARY}\0",
    "0",
    "-1",
    "1.5",
    "1e400",
    "NaN",
    "Infinity",
    "true",
    "None",
    "[]",
    "{}",
    "\u0663",
    "\u00b2",
    "9" * 20,
    "9" * 5_000,
    "\u202e",
    "\u00e9" * 9_000,
    CANARY,
    CANARY * 500,
    "' OR 1=1 --",
    "%",
    "_",
    "\\",
    "0001-01-01",
    "9999-12-31",
    "10000-01-01",
    "2026-02-30",
    "2026-01-01 25:00",
    "0001-01-01T00:00:00+14:00",
    "0001-01-01T00:00:00",
    "9999-12-31T23:59:59-14:00",
    "2026-01-01T00:00:00+99:99",
    "2026-01-01T00:00:00+16:00",
    "2026-01-01T00:00:00-23:59",
    "not-a-uuid",
    "00000000-0000-0000-0000-000000000000",
    "//evil.test",
    "http://evil.test",
    "http://[::1",
    "javascript:alert(1)",
    "<script>alert(1)</script>",
    "-created_at",
    "--id",
    "id__in",
    "a\r\nb: c",
    ",",
    "a,b",
    "*",
    "=",
    "&",
    "#",
    "+",
]
"""Words for filters, orders and pages."""

json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=8), inner, max_size=4),
    max_leaves=12,
)


def paths_in(value: Any, path: Path = ()) -> Iterator[Path]:
    """Every place of a JSON value."""
    yield path
    inner = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for name, one in inner:
        yield from paths_in(one, (*path, name))


def changed(value: Any, path: Path, change: str, by: Any) -> Any:
    """`value` with one place replaced, removed, doubled, or given a field more. A place that is gone stays gone."""
    if not path:
        return by
    value = deepcopy(value)
    home = value
    try:
        for name in path[:-1]:
            home = home[name]
        _apply(home, path[-1], change, by)
    except (KeyError, IndexError, TypeError, AttributeError):
        return value
    return value


def _apply(home: Any, name: Any, change: str, by: Any) -> None:
    match change:
        case "replace":
            home[name] = by
        case "remove":
            del home[name]
        case "double" if isinstance(home, list):
            home.extend([home[name]] * 3)
        case "wrap":
            home[name] = [home[name], by]
        case "add" if isinstance(home[name], dict):
            home[name][CANARY] = by
        case "twice" if isinstance(home[name], dict):
            home[name] = Twice(home[name])


_CHANGES = st.sampled_from(["replace", "replace", "replace", "remove", "double", "wrap", "add", "twice"])


@st.composite
def bodies(draw: st.DrawFn, valid: Sequence[dict[str, Any]]) -> bytes:
    """One of the `valid` bodies, wrong at up to three places; sometimes its bytes are damaged as well."""
    body: Any = draw(st.sampled_from(valid))
    for _ in range(draw(st.integers(1, 3))):
        path = draw(st.sampled_from([p for p in paths_in(body) if p] or [()]))
        body = changed(body, path, draw(_CHANGES), draw(hostile_values | json_values))
    raw = written(body)
    return draw(damaged(raw)) if draw(st.integers(0, 5)) == 0 else raw


@st.composite
def damaged(draw: st.DrawFn, raw: bytes) -> bytes:
    """Bytes cut off, or with others put in between."""
    at = draw(st.integers(0, len(raw)))
    return raw[:at] + draw(st.binary(max_size=8)) + raw[at + draw(st.integers(0, 64)) :]
