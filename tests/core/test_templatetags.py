from __future__ import annotations

import difflib
import re
import xml.etree.ElementTree as ET
from datetime import UTC, date, datetime, timedelta, timezone
from types import SimpleNamespace

import pytest
from django import forms
from django.template import Context, Template
from django.test import RequestFactory

from ibex.core.templatetags.ibex_ui import CATEGORIES, EN_DASH, STATUS_TONES
from ibex.core.templatetags.icons import ICONS


def show(source: str, **context: object) -> str:
    """The markup, with every run of white space as one space."""
    return " ".join(Template("{% load ibex_ui %}" + source).render(Context(context)).split())


def with_query(query: str) -> dict[str, object]:
    return {"request": RequestFactory().get(f"/memories{query}")}


@pytest.mark.parametrize("name", sorted(ICONS))
def test_every_icon_is_a_well_formed_drawing(name):
    svg = ET.fromstring(show(f'{{% icon "{name}" %}}'))  # noqa: S314 - our own drawing
    assert svg.attrib["viewBox"] == "0 0 16 16"
    assert len(svg) > 0


def test_an_icon_is_silent_unless_it_has_a_label():
    assert 'aria-hidden="true"' in show('{% icon "search" %}')
    named = show('{% icon "search" label=words %}', words="Search <here>")
    assert 'role="img"' in named
    assert "Search &lt;here&gt;" in named


def test_a_misspelt_icon_fails_loudly():
    with pytest.raises(KeyError):
        show('{% icon "sarch" %}')


@pytest.mark.parametrize("category", sorted(CATEGORIES))
def test_a_category_is_a_tinted_pill(category):
    assert show("{% badge c %}", c=category) == f'<span class="badge badge--{category}">{category.title()}</span>'


@pytest.mark.parametrize("status", sorted(STATUS_TONES))
def test_a_status_says_itself_in_words(status):
    html = show("{% badge s %}", s=status)
    assert "badge--status" in html
    assert html.endswith(f">{status.replace('_', ' ').capitalize()}</span>")


def test_a_word_that_is_neither_is_escaped_and_neutral():
    assert show("{% badge s %}", s="<b>x") == '<span class="badge">&lt;b&gt;x</span>'
    assert "badge--warn" in show('{% badge "late" tone="warn" %}')


@pytest.mark.parametrize(
    ("value", "level", "width"),
    [(0.0, "low", 0), (0.49, "low", 49), (0.5, "mid", 50), (0.8, "high", 80), (7.0, "high", 100)],
)
def test_confidence_is_a_bar_and_a_number(value, level, width):
    html = show("{% confidence v %}", v=value)
    assert f"meter--{level}" in html
    assert f'class="meter__fill" width="{width}"' in html
    assert "style=" not in html


def test_an_unknown_confidence_is_a_dash():
    assert EN_DASH in show("{% confidence v %}", v=None)


def test_a_time_is_machine_readable_in_utc_whatever_its_zone():
    moment = datetime(2025, 11, 21, 20, 57, 1, 999, tzinfo=timezone(timedelta(hours=2)))
    html = show("{% timestamp t %}", t=moment)
    assert 'datetime="2025-11-21T18:57:01Z"' in html
    assert "21 Nov 2025, 18:57 UTC" in html


def test_a_date_and_a_missing_time_are_shown_too():
    assert 'datetime="2025-11-21"' in show("{% timestamp t %}", t=date(2025, 11, 21))
    assert "never" in show('{% timestamp t missing="never" %}', t=None)
    assert ">21 Nov 2025<" in show('{% timestamp t "date" %}', t=datetime(2025, 11, 21, tzinfo=UTC))


def test_a_header_sorts_up_then_down_and_keeps_the_filters():
    first = show('{% sort_header "Learned" "learned" %}', **with_query("?category=factual&cursor=abc"))
    assert 'aria-sort="none"' in first
    assert 'href="?category=factual&amp;sort=learned"' in first
    again = show('{% sort_header "Learned" "learned" %}', **with_query("?sort=learned"))
    assert 'aria-sort="ascending"' in again
    assert 'href="?sort=-learned"' in again
    assert 'aria-sort="descending"' in show('{% sort_header "Learned" "learned" %}', **with_query("?sort=-learned"))


class AgentForm(forms.Form):
    name = forms.CharField(help_text="Shown to operators.")
    slug = forms.SlugField(required=False)
    learn = forms.BooleanField(required=False)
    scopes = forms.MultipleChoiceField(choices=[("r", "Read")], widget=forms.CheckboxSelectMultiple, required=False)
    secret = forms.CharField(widget=forms.HiddenInput, required=False)


def test_a_field_is_tied_to_its_label_help_and_errors():
    html = show("{% field form.name %}", form=AgentForm({"name": ""}))
    assert '<label class="field__label" for="id_name">Name</label>' in html
    described = re.search(r'aria-describedby="([^"]+)"', html)
    assert described is not None
    assert described[1].split() == ["id_name_helptext", "id_name_error"]
    for target in described[1].split():
        assert f'id="{target}"' in html
    assert 'aria-invalid="true"' in html


def test_a_help_text_given_by_the_page_is_announced_as_well():
    html = show('{% field form.slug help_text="Lower case." %}', form=AgentForm())
    assert 'aria-describedby="id_slug_helptext"' in html
    assert "optional" in html


def test_a_checkbox_a_group_and_a_hidden_field_have_their_own_shape():
    form = AgentForm()
    assert "<label" in show("{% field form.learn %}", form=form)
    assert "<legend" in show("{% field form.scopes %}", form=form)
    assert show("{% field form.secret %}", form=form).startswith("<input")


def test_the_errors_of_a_whole_form_are_an_alert():
    form = AgentForm({"name": "x"})
    form.add_error(None, "That <slug> is taken.")
    html = show("{% form_errors form %}", form=form)
    assert 'role="alert"' in html
    assert "That &lt;slug&gt; is taken." in html


def test_pagination_is_silent_when_there_is_one_page():
    assert show("{% pagination page %}", page=SimpleNamespace(previous_url="", next_url="")) == ""
    html = show('{% pagination page target="#list" %}', page=SimpleNamespace(previous_url="", next_url="?cursor=n"))
    assert 'rel="next" href="?cursor=n" hx-get="?cursor=n"' in html
    assert 'aria-disabled="true"' in html


def test_names_and_values_show_a_dash_for_what_is_missing():
    html = show("{% kv_list items %}", items={"Model": "sandbox", "Ended": None})
    assert "<dd>sandbox</dd>" in html
    assert EN_DASH in html


def test_a_diff_marks_what_came_and_what_went():
    lines = difflib.unified_diff(["one", "two"], ["one", "<b>"], lineterm="")
    html = show("{% diff lines %}", lines=list(lines))
    assert "<del>two</del>" in html
    assert "<ins>&lt;b&gt;</ins>" in html
    assert "+++" not in html


def test_a_changed_line_that_begins_with_dashes_is_not_taken_for_the_header():
    lines = difflib.unified_diff(["-- rule", "? ask"], ["++ rule", "? ask"], lineterm="")
    html = show("{% diff lines %}", lines=list(lines))
    assert "<del>-- rule</del>" in html
    assert "<ins>++ rule</ins>" in html
    assert "? ask" in html


def test_an_empty_list_says_what_to_do_next():
    html = show('{% empty_state "No agents yet" "Make one." url="/agents/new" action="New agent" %}')
    assert '<a class="button button--primary" href="/agents/new">New agent</a>' in html


def test_a_confirm_asks_first_and_posts_with_the_csrf_token():
    opening = '{% confirm action="/agents/7/erase/" title="Erase?" verb="Erase" type_word="a.b-c" %}'
    html = show(opening + "<p>Gone.</p>{% endconfirm %}", csrf_token="tok")
    assert '<form method="post" action="/agents/7/erase/">' in html
    assert 'value="tok"' in html
    assert "<p>Gone.</p>" in html
    assert 'pattern="a\\.b-c"' in html
    assert html.count('popovertarget="confirm-agents-7-erase"') == 2


def test_block_tags_keep_what_is_inside_and_escape_their_titles():
    for tag in ("page_header", "card", "drawer"):
        html = show(f"{{% {tag} title %}}<em>{{{{ word }}}}</em>{{% end{tag} %}}", title="<i>", word="<u>")
        assert "&lt;i&gt;" in html
        assert "<em>&lt;u&gt;</em>" in html


def test_filters_of_a_list_are_sent_by_a_button_where_there_is_no_javascript():
    html = show("{% list_filters %}<em>{{ word }}</em>{% endlist_filters %}", word="<u>")
    assert "<em>&lt;u&gt;</em>" in html
    assert "data-autosubmit" in html
    assert '<noscript> <button class="button" type="submit">Filter</button>' in html
    assert "role=" not in html
    assert 'role="search"' in show('{% list_filters role="search" %}{% endlist_filters %}')


def test_a_copy_button_carries_its_text_as_an_attribute():
    assert 'data-copy="a&quot;b"' in show("{% copy_button text=t %}", t='a"b')
