"""The palette keeps WCAG AA in light and in dark: 4.5 for text (1.4.3), 3 for the edges of controls (1.4.11)."""

from __future__ import annotations

import re

import pytest

from ibex.env import REPOSITORY

CSS = REPOSITORY / "static" / "css"
PAIR = re.compile(r"--([\w-]+):\s*(?:light-dark\((#[0-9a-f]{6}), (#[0-9a-f]{6})\)|(#[0-9a-f]{6}));")

SURFACES = ("page", "rail", "surface", "sunken", "raised", "hover", "selected")
TINTED = ("ok", "warn", "danger", "factual", "preference", "behavioral", "episodic", "procedural")
TEXT = [(ink, surface) for ink in ("ink", "ink-2", "ink-3", "accent", "danger", "ok", "warn") for surface in SURFACES]
TEXT += [(tone, f"{tone}-soft") for tone in (*TINTED, "accent")]
TEXT += [("on-fill", fill) for fill in ("accent-fill", "accent-fill-hover", "danger-fill", "danger-fill-hover")]
EDGES = [(edge, surface) for edge in ("line-field", "accent", "danger") for surface in ("page", "surface", "raised")]


def palette() -> dict[str, tuple[str, str]]:
    found = PAIR.findall((CSS / "tokens.css").read_text())
    return {name: (light or both, dark or both) for name, light, dark, both in found}


def luminance(colour: str) -> float:
    """Relative luminance of `#rrggbb` (WCAG 2.2)."""
    channels = [int(colour[i : i + 2], 16) / 255 for i in (1, 3, 5)]
    red, green, blue = (c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in channels)
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


def contrast(one: str, other: str) -> float:
    light, dark = sorted((luminance(one), luminance(other)), reverse=True)
    return (light + 0.05) / (dark + 0.05)


@pytest.mark.parametrize(("theme", "index"), [("light", 0), ("dark", 1)])
@pytest.mark.parametrize(("needed", "pairs"), [(4.5, TEXT), (3.0, EDGES)], ids=["text", "edges"])
def test_every_colour_can_be_read_on_every_ground_it_stands_on(theme, index, needed, pairs):
    colours = palette()
    ratios = {f"{ink} on {ground}": contrast(colours[ink][index], colours[ground][index]) for ink, ground in pairs}
    assert {pair: round(ratio, 2) for pair, ratio in ratios.items() if ratio < needed} == {}, theme


def test_only_the_tokens_name_raw_colours():
    for sheet in CSS.glob("*.css"):
        if sheet.name != "tokens.css":
            assert re.findall(r"#[0-9a-f]{3,8}\b|rgba?\(|hsla?\(|oklch\(", sheet.read_text()) == [], sheet.name


def test_every_variable_that_a_sheet_uses_is_defined():
    text = "".join(sheet.read_text() for sheet in CSS.glob("*.css"))
    assert set(re.findall(r"var\((--[\w-]+)", text)) - set(re.findall(r"(--[\w-]+):", text)) == set()


def test_the_interface_asks_nothing_of_another_host():
    for path in (REPOSITORY / "static").rglob("*.*"):
        words = path.read_text().replace("http://www.w3.org/2000/svg", "")
        assert "http://" not in words, path.name
        assert "https://" not in words, path.name
