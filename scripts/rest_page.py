"""Write docs/reference/rest.md from the OpenAPI document:
`.venv/bin/python -m ibex.embedded.testing .venv/bin/python scripts/rest_page.py`.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
PAGE = ROOT / "docs" / "reference" / "rest.md"
HEAD = """# The REST API

Every operation under `/api/v1/`; the fields are in `/api/docs/` of a running IBEX, or its OpenAPI at `/api/schema/`.
A token needs the scope that stands beside the operation; an operator who is signed in has those of the role. This page
is made by `scripts/rest_page.py`; a test compares the two.

Lists answer `items` and `next_cursor`, and take `cursor` and `limit`. A filter that does not exist is refused. What
belongs to another organization is not found. A write with an `Idempotency-Key` that is sent twice happens once.
"""
AGENT = """
## An agent's settings

What `POST /api/v1/agents` and `PATCH /api/v1/agents/{id}` take; the dashboard's form has the same. A change reaches
every process within a second.

| field | what it does |
| --- | --- |
"""
WORDING = """
## The words around memories

`PATCH /api/v1/wording` takes `{"locale": "de", "words": {"en": {"introduction": "…"}}}`. `locale` is `en` or `de`: the
language around memories of agents whose own `locale` is empty. `words` are the organization's own, by language and
place:

| place | where it stands |
| --- | --- |
| `introduction` | before every block of memories, one line; the end of the sentence is added |
| `procedures` | added where memories of how work is done are among them |
| `instructions` | added where standing instructions that operators wrote are among them |
| `excerpts` | added where something is quoted |
| `directive_in_user_message` | around the directive in a user's message; `{directive}` stands for it |

A change names what changes, and an empty text gives the template's back. The answer says all `texts` as they stand and
an example for each language. Blocks that a session was shown stay as they were.
"""


def page(document: dict[str, Any]) -> str:
    """The page's text, of an OpenAPI document."""
    settings = [f"| `{name}` | {about} |" for name, about in _agent_settings(document)]
    return HEAD + "".join(_tables(document)) + AGENT + "\n".join(settings) + "\n" + WORDING


def _tables(document: dict[str, Any]) -> Iterator[str]:
    """A table for each first word of the addresses."""
    resource = ""
    for path, operations in sorted(document["paths"].items()):
        if (named := path.split("/")[3]) != resource:
            resource = named
            yield f"\n## {named.capitalize()}\n\n| operation | what it does | scope |\n| --- | --- | --- |\n"
        for method, operation in operations.items():
            yield f"| `{method.upper()} {path}` | {operation['summary']} | {operation.get('x-scope', '')} |\n"


def _agent_settings(document: dict[str, Any]) -> Iterator[tuple[str, str]]:
    fields = document["components"]["schemas"]["Agent"]["properties"]
    for name, field in fields.items():
        if not field.get("readOnly"):
            yield name, field.get("description", "").partition("\n\n*")[0].replace("\n", " ")


if __name__ == "__main__":
    sys.path.insert(0, str(ROOT))
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "ibex.settings")
    import django

    django.setup()
    from drf_spectacular.generators import SchemaGenerator

    PAGE.write_text(page(SchemaGenerator().get_schema(request=None, public=True)))  # type: ignore[no-untyped-call]
