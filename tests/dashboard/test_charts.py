from __future__ import annotations

import xml.etree.ElementTree as ET

import pytest
from django.template import Context, Template
from hypothesis import given
from hypothesis import strategies as st

from ibex.dashboard.charts import PLOT_HEIGHT, PLOT_WIDTH, Mark, Part, Series, bars, lines, nice_top, share, sparkline

COUNTS = st.lists(st.floats(min_value=0, max_value=1e9), max_size=60)


def drawing(html: str) -> ET.Element:
    return ET.fromstring(html)  # noqa: S314 - our own markup


def heights(html: str) -> list[float]:
    return [float(bar.attrib["height"]) for bar in drawing(html).iter("rect")]


def points(html: str) -> list[list[tuple[float, float]]]:
    found = drawing(html).iter("polyline")
    return [[tuple(map(float, dot.split(","))) for dot in line.attrib["points"].split()] for line in found]


@given(COUNTS)
def test_any_numbers_make_well_formed_pictures_inside_their_frame(values):
    labels = [str(i) for i in range(len(values))]
    for html in (sparkline(values), bars(values, labels, "x"), lines([Series(name="x", values=values)], labels, "x")):
        drawing(html)
    [line] = points(sparkline(values, width=120, height=28))
    assert all(0 <= x <= 120 and 0 <= y <= 28 for x, y in line)


@given(st.floats(min_value=1e-6, max_value=1e12))
def test_the_top_of_a_scale_holds_the_peak_and_wastes_little(peak):
    assert peak <= nice_top(peak) <= peak * 2.0001


def test_a_scale_without_values_still_has_a_top():
    assert nice_top(0) == 1


def test_bars_are_as_high_as_their_values():
    assert heights(bars([0, 50, 100], ["a", "b", "c"], "x")) == [0, PLOT_HEIGHT / 2, PLOT_HEIGHT]


def test_a_bar_tells_its_value_on_hover_with_the_unit():
    assert "<title>Mon: 1,234 ms</title>" in bars([1234], ["Mon"], "x", unit="ms")


def test_a_gap_in_the_values_is_a_gap_in_the_line():
    html = lines([Series(name="x", values=[1, 2, None, 3, 4])], ["a", "b", "c", "d", "e"], "x")
    assert [len(run) for run in points(html)] == [2, 2]


def test_the_scale_grows_to_show_a_mark_above_every_value():
    html = lines(
        [Series(name="Overhead", values=[3, 4])], ["a", "b"], "x", unit="ms", marks=[Mark(name="Limit", at=20)]
    )
    mark = next(line for line in drawing(html).iter("line") if "chart__mark" in line.attrib["class"])
    assert float(mark.attrib["y1"]) == 0
    assert "<li>20 ms</li>" in html


def test_an_upright_mark_stands_at_its_place_among_the_bars():
    html = bars([1, 1, 1, 1], list("abcd"), "x", marks=[Mark(name="p95", at=3)])
    mark = next(line for line in drawing(html).iter("line") if "chart__mark" in line.attrib["class"])
    assert float(mark.attrib["x1"]) == PLOT_WIDTH * 3 / 4


def test_the_parts_of_a_whole_fill_it_in_order():
    html = share([Part(name="a", value=1), Part(name="b", value=2)], "x", total=4)
    whole, first, second = drawing(html).iter("rect")
    assert float(whole.attrib["width"]) == PLOT_WIDTH
    assert (float(first.attrib["x"]), float(first.attrib["width"])) == (0, PLOT_WIDTH / 4)
    assert (float(second.attrib["x"]), float(second.attrib["width"])) == (PLOT_WIDTH / 4, PLOT_WIDTH / 2)


def test_parts_that_outgrow_the_total_stay_inside_the_bar():
    html = share([Part(name="a", value=3), Part(name="b", value=3)], "x", total=4)
    assert sum(float(rect.attrib["width"]) for rect in list(drawing(html).iter("rect"))[1:]) == PLOT_WIDTH


@pytest.mark.parametrize("count", [1, 6, 7, 24, 90])
def test_no_more_labels_are_shown_than_a_phone_has_room_for(count):
    labels = [f"d{i}" for i in range(count)]
    shown = [
        label for label in labels if f"<li>{label}</li>" in lines([Series(name="x", values=[1] * count)], labels, "x")
    ]
    assert 1 <= len(shown) <= 6
    assert shown[0] == "d0"
    assert shown[-1] == labels[-1]
    assert bars([1] * count, labels, "x").count("<li>d") <= 6


def test_every_picture_has_a_name_and_escapes_it():
    for html in (
        sparkline([1, 2], label="<x>"),
        bars([1], ["a"], "<x>"),
        lines([Series(name="<y>", values=[1])], ["a"], "<x>"),
        share([Part(name="<y>", value=1)], "<x>"),
    ):
        assert 'role="img"' in html
        assert 'aria-label="&lt;x&gt;"' in html
        assert "<y>" not in html


def test_a_sparkline_without_a_label_says_its_numbers():
    assert 'aria-label="From 1 to 3, highest 9"' in sparkline([1, 9, 3])


def test_no_picture_needs_a_style_attribute():
    html = share([Part(name="a", value=1)], "x") + bars([1], ["a"], "x") + sparkline([1])
    assert "style=" not in html


def test_the_tags_draw_from_a_template():
    source = """
        {% load ibex_charts %}{% sparkline v %}{% bar_chart v labels=l label="x" unit="ms" %}{% share_bar p label="x" %}
    """
    html = Template(source).render(Context({"v": [1, 2], "l": ["a", "b"], "p": [Part(name="a", value=1)]}))
    assert html.count("<svg") == 3
