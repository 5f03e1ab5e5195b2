from __future__ import annotations

import pytest

from agents.models import Directive
from agents.models.directive import DIRECTIVE_MAX_BYTES
from agents.services import directives
from ibex.core.tenancy import scope
from tests.agents.pages.conftest import fresh


@pytest.fixture
def editor(directed) -> str:
    return f"/agents/{directed.pk}/directive"


def contents(agent) -> list[str]:
    with scope(agent.org_id):
        return list(Directive.objects.filter(agent=agent).order_by("version").values_list("content", flat=True))


def test_saving_makes_a_version_that_is_in_force(bob, directed, editor, acme, audited):
    response = bob.client.post(editor, {"content": "Third.", "note": "Shorter", "base": "2"}, follow=True)
    assert fresh(directed).directive.version == 3
    assert contents(directed)[-1] == "Third."
    with scope(acme.pk):
        saved = Directive.objects.get(agent=directed, version=3)
    assert (saved.note, saved.author_id) == ("Shorter", bob.operator.pk)
    assert "Save as version 4" in response.content.decode()
    assert audited(acme)[0] == "directive.saved"


def test_lines_end_as_they_do_elsewhere_and_spaces_are_kept(bob, directed, editor):
    bob.client.post(editor, {"content": "  One\r\nTwo\r\n", "base": "2"})
    assert contents(directed)[-1] == "  One\nTwo\n"


@pytest.mark.parametrize(
    "content", ["", "   \n ", "x" * (DIRECTIVE_MAX_BYTES + 1), "é" * (DIRECTIVE_MAX_BYTES // 2 + 1), "a\0b"]
)
def test_a_directive_that_cannot_be_is_refused_and_kept_in_the_editor(bob, directed, editor, content):
    response = bob.client.post(editor, {"content": content, "base": "2"})
    assert response.status_code == 422
    assert "content" in response.context["form"].errors
    assert fresh(directed).directive.version == 2


def test_who_saves_over_a_version_they_have_not_seen_is_asked_first(bob, directed, editor):
    with scope(directed.org_id):
        directives.save(directed, "Alice's words.", actor="system")
    response = bob.client.post(editor, {"content": "Bob's words.", "base": "2"})
    page = response.content.decode()
    assert response.status_code == 422
    assert "Version 3 was saved while you were writing" in page
    assert "Bob&#x27;s words." in page
    assert 'value="3"' in page
    assert bob.client.post(editor, {"content": "Bob's words.", "base": "3"}).status_code == 303
    assert contents(directed)[-2:] == ["Alice's words.", "Bob's words."]


def test_an_earlier_version_comes_back_as_a_new_one(bob, directed, editor, acme, audited):
    bob.client.post(f"{editor}/roll-back", {"version": "1"})
    assert fresh(directed).directive.version == 3
    assert contents(directed)[2] == contents(directed)[0]
    assert audited(acme)[0] == "directive.saved"


@pytest.mark.parametrize("version", ["", "x", "-1", "1.0", "9" * 30])
def test_what_is_no_version_is_not_there(bob, editor, version):
    assert bob.client.post(f"{editor}/roll-back", {"version": version}).status_code == 404


def test_a_version_that_never_was_changes_nothing(bob, directed, editor):
    response = bob.client.post(f"{editor}/roll-back", {"version": "77"}, follow=True)
    assert "no such version" in response.content.decode()
    assert fresh(directed).directive.version == 2


def test_deactivating_keeps_the_versions(bob, directed, editor):
    page = bob.client.post(f"{editor}/deactivate", follow=True).content.decode()
    assert fresh(directed).directive is None
    assert "Version 2" in page
    assert "No directive is in force" in page


def test_a_version_shows_what_it_changed(victor, editor):
    page = victor.client.get(f"{editor}/2").content.decode()
    assert "<del>Be kind.</del>" in page
    assert "<ins>Be exact.</ins>" in page


def test_any_two_versions_can_be_compared(bob, editor, victor):
    bob.client.post(editor, {"content": "Be brief.\nBe exact.\nBe quick.", "base": "2"})
    page = victor.client.get(f"{editor}/3?against=1").content.decode()
    assert "Changes from version 1" in page
    assert "<ins>Be quick.</ins>" in page


@pytest.mark.parametrize("against", ["", "x", "2", "99", "9" * 40, "-1"])
def test_what_cannot_be_compared_is_not(victor, editor, against):
    assert victor.client.get(f"{editor}/2?against={against}").status_code == 200


@pytest.mark.parametrize("number", ["0", "99", "99999999999999999999"])
def test_a_version_that_is_not_there_is_answered_404(victor, editor, number):
    assert victor.client.get(f"{editor}/{number}").status_code == 404


def test_a_viewer_reads_the_directive_without_an_editor(victor, editor):
    page = victor.client.get(editor).content.decode()
    assert "Be exact." in page
    assert "<textarea" not in page
    assert "deactivate" not in page


def test_what_a_directive_says_is_never_markup(bob, victor, editor):
    bob.client.post(editor, {"content": "<script>alert(1)</script>", "note": "<b>x</b>", "base": "2"})
    for path in (editor, f"{editor}/3", editor.removesuffix("/directive")):
        page = victor.client.get(path).content.decode()
        assert "<script>alert" not in page
        assert "<b>x" not in page


def test_the_queries_do_not_grow_with_the_versions(bob, directed, editor, query_count):
    few = query_count(bob, editor)
    with scope(directed.org_id):
        for number in range(6):
            directives.save(directed, f"Text {number}", author=bob.operator, actor="system")
    assert query_count(bob, editor) == few
