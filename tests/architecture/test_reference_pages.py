"""What the reference says is what there is: its pages are made from the product."""

from __future__ import annotations

from pathlib import Path

from drf_spectacular.generators import SchemaGenerator

from ibex.embedded.command_line import COMMANDS
from scripts import rest_page, settings_page

PAGE = Path(__file__).resolve().parents[2] / "docs" / "reference" / "commands.md"


def test_the_page_of_settings_is_that_of_the_settings() -> None:
    assert settings_page.PAGE.read_text() == settings_page.page()


def test_the_page_of_the_rest_api_is_that_of_its_document() -> None:
    assert rest_page.PAGE.read_text() == rest_page.page(SchemaGenerator().get_schema(request=None, public=True))


def test_every_operation_says_what_it_does_and_which_scope_it_needs() -> None:
    document = SchemaGenerator().get_schema(request=None, public=True)
    operations = [operation for path in document["paths"].values() for operation in path.values()]
    assert [operation["operationId"] for operation in operations if not operation.get("summary")] == []
    assert [operation["operationId"] for operation in operations if not operation.get("x-scope")] == []


def test_the_page_of_commands_names_every_command_and_no_other() -> None:
    root = PAGE.parents[2]
    there = {path.stem for path in root.glob("*/management/commands/[a-z]*.py")}
    there |= {path.stem for path in root.glob("ibex/*/management/commands/[a-z]*.py")}
    rows = [line for line in PAGE.read_text().splitlines() if line.startswith("| `manage.py ")]
    named = {row.removeprefix("| `manage.py ").replace("`", " ").split()[0] for row in rows}
    assert named == there | set(COMMANDS)
