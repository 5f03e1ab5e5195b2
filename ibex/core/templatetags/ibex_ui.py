"""Template tags of the interface: `{% load ibex_ui %}`. docs/reference/interface.md shows each one in use.

Nothing here queries a database, and nothing emits a style attribute or an inline script, so pages keep a strict
content security policy.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from datetime import UTC, date, datetime
from itertools import dropwhile
from typing import Any, Final

from django import template
from django.forms import BoundField, CheckboxInput, CheckboxSelectMultiple, RadioSelect
from django.template import Context
from django.template.loader import render_to_string
from django.utils.html import format_html
from django.utils.safestring import SafeString, mark_safe

from ibex.core.templatetags.icons import ICONS

register = template.Library()

CATEGORIES: Final = frozenset({"factual", "preference", "behavioral", "episodic", "procedural"})

STATUS_TONES: Final[Mapping[str, str]] = {
    # memories
    "active": "ok",
    "quarantined": "danger",
    "pending_review": "warn",
    "superseded": "faint badge--hollow",
    "merged": "faint badge--hollow",
    "archived": "faint",
    # agents, members, tokens
    "paused": "warn",
    "suspended": "danger",
    "invited": "accent badge--hollow",
    "revoked": "faint badge--hollow",
    "expired": "faint badge--hollow",
    # sessions and turns
    "completed": "ok badge--hollow",
    "abandoned": "faint badge--hollow",
    "error": "danger",
    "partial": "warn badge--hollow",
    "waiting": "accent badge--hollow",
    # jobs
    "queued": "accent badge--hollow",
    "running": "accent",
    "succeeded": "ok",
    "failed": "danger",
    "dead": "danger",
}

EN_DASH: Final = "\u2013"
"""What stands where a value is missing."""

LOW_CONFIDENCE: Final = 0.5
"""Below this share a memory waits for review (SPEC section 5)."""
FIRM_CONFIDENCE: Final = 0.8
"""Above this share a decision is made without an operator (SPEC section 5)."""

REGEX_SYNTAX: Final = re.compile(r"[\^$\\.*+?()\[\]{}|/]")
"""What an HTML pattern must escape; more (as re.escape does) is an error in the browser's unicode mode."""

MESSAGE_ICONS: Final[Mapping[str, str]] = {"success": "check", "warning": "alert", "error": "alert"}


@register.simple_tag
def icon(name: str, label: str = "", css: str = "") -> SafeString:
    """A 16 px stroke icon; decorative unless `label` names it. Raises KeyError for a name that ICONS lacks."""
    body = mark_safe(ICONS[name])  # noqa: S308 - our own constant
    classes = f"icon {css}".strip()
    named = format_html('role="img" aria-label="{}"', label) if label else mark_safe('aria-hidden="true"')
    return format_html('<svg class="{}" viewBox="0 0 16 16" {}>{}</svg>', classes, named, body)


@register.filter
def humanize_choice(value: object) -> str:
    """`pending_review` as `Pending review`."""
    words = str(value).replace("_", " ").strip()
    return words[:1].upper() + words[1:]


@register.simple_tag
def badge(value: object, label: str = "", tone: str = "") -> SafeString:
    """A category (tinted pill), a status (dot and word), or with `tone` any short word as a tinted pill."""
    key = str(value)
    text = label or humanize_choice(key)
    if tone or key in CATEGORIES:
        return format_html('<span class="badge badge--{}">{}</span>', tone or key, text)
    if key in STATUS_TONES:
        return format_html('<span class="badge badge--status badge--{}">{}</span>', STATUS_TONES[key], text)
    return format_html('<span class="badge">{}</span>', text)


@register.simple_tag
def confidence(value: float | None, label: str = "Confidence") -> SafeString:
    """A bar and a number for a share in [0, 1]; a dash when there is none."""
    if value is None:
        return _nothing()
    share = min(max(float(value), 0.0), 1.0)
    level = "low" if share < LOW_CONFIDENCE else "mid" if share < FIRM_CONFIDENCE else "high"
    return format_html(
        '<span class="meter meter--{}"><svg viewBox="0 0 100 4" preserveAspectRatio="none" aria-hidden="true">'
        '<rect class="meter__track" width="100" height="4"/><rect class="meter__fill" width="{}" height="4"/></svg>'
        '<span class="meter__value"><span class="visually-hidden">{} </span>{}</span></span>',
        level,
        round(share * 100),
        label,
        f"{share:.2f}",
    )


@register.simple_tag
def timestamp(value: datetime | date | None, style: str = "relative", missing: str = "") -> SafeString:
    """A `<time>` in UTC that app.js turns into the reader's own; `style` is relative, ahead (for
    what is due), datetime or date."""
    if value is None:
        return _nothing(missing)
    if not isinstance(value, datetime):
        return format_html('<time datetime="{}">{}</time>', value.isoformat(), value.strftime("%d %b %Y"))
    moment = (value if value.tzinfo else value.replace(tzinfo=UTC)).astimezone(UTC).replace(microsecond=0)
    shown = moment.strftime("%d %b %Y" if style == "date" else "%d %b %Y, %H:%M UTC")
    machine = moment.isoformat().replace("+00:00", "Z")
    return format_html('<time datetime="{}" data-style="{}">{}</time>', machine, style, shown)


def _nothing(words: str = "") -> SafeString:
    return format_html('<span class="faint">{}</span>', words or EN_DASH)


@register.simple_tag
def copy_button(text: str = "", target: str = "", label: str = "Copy") -> SafeString:
    """Copies `text`, or the text of the element that the CSS selector `target` finds."""
    return format_html(
        '<button type="button" class="button button--ghost button--small button--icon copy" data-copy="{}" '
        'data-copy-from="{}" aria-label="{}" title="{}">{}{}</button>',
        text,
        target,
        label,
        label,
        icon("copy", css="icon-copy"),
        icon("check", css="icon-done"),
    )


@register.simple_tag(takes_context=True)
def sort_header(context: Context, label: str, field: str, numeric: bool = False, param: str = "sort") -> SafeString:
    """A `<th>` whose link sorts by `field`, then by `-field`; it keeps the other filters and drops the cursor."""
    query = context["request"].GET.copy()
    current = query.get(param, "")
    ascending, descending = current == field, current == f"-{field}"
    query[param] = f"-{field}" if ascending else field
    for stale in ("cursor", "before", "page"):
        query.pop(stale, None)
    state = "ascending" if ascending else "descending" if descending else "none"
    arrow = icon("arrow-up" if ascending else "arrow-down" if descending else "sort")
    css = mark_safe(' class="num"') if numeric else ""
    url = f"?{query.urlencode()}"
    return format_html('<th scope="col" aria-sort="{}"{}><a href="{}">{}{}</a></th>', state, css, url, label, arrow)


@register.simple_tag
def field(bound: BoundField, label: str = "", help_text: str = "", optional: bool = True) -> SafeString:
    """One form field with its label, help and errors tied together for a screen reader."""
    widget = bound.field.widget
    described = [f"{bound.auto_id}_helptext"] if help_text or bound.help_text else []
    described += [f"{bound.auto_id}_error"] if bound.errors else []
    described_by = " ".join(described)
    attrs: dict[str, Any] = {"aria-describedby": described_by} if described else {}
    context = {
        "field": bound,
        "label": label or bound.label,
        "help_text": help_text or bound.help_text,
        "optional": optional and not bound.field.required,
        "described_by": described_by,
        "is_check": isinstance(widget, CheckboxInput),
        "is_group": isinstance(widget, CheckboxSelectMultiple | RadioSelect),
        "control": bound.as_widget(attrs=attrs),
    }
    return render_to_string("components/field.html", context)


@register.inclusion_tag("components/form_errors.html")
def form_errors(form: Any) -> dict[str, Any]:
    """The errors that belong to a form and to none of its fields, as one alert."""
    return {"errors": form.non_field_errors()}


@register.inclusion_tag("components/empty_state.html")
def empty_state(title: str, text: str = "", icon: str = "inbox", url: str = "", action: str = "") -> dict[str, str]:
    """What a list shows instead of nothing: why it is empty, and what to do next."""
    return {"title": title, "text": text, "icon": icon, "url": url, "action": action}


@register.inclusion_tag("components/pagination.html")
def pagination(page: Any, target: str = "") -> dict[str, Any]:
    """Previous and next of a cursor page: `page.previous_url` and `page.next_url`, either may be empty."""
    return {"page": page, "target": target}


@register.inclusion_tag("components/kv_list.html")
def kv_list(items: Iterable[tuple[str, Any]] | Mapping[str, Any], stacked: bool = False) -> dict[str, Any]:
    """Names and values; a value that is None or empty shows as a dash."""
    pairs = items.items() if isinstance(items, Mapping) else items
    return {"pairs": list(pairs), "stacked": stacked}


@register.inclusion_tag("components/skeleton.html")
def skeleton(lines: int = 3) -> dict[str, Any]:
    """Grey lines that hold the place of text while it loads."""
    return {"lines": range(lines)}


@register.inclusion_tag("components/diff.html")
def diff(lines: Iterable[str]) -> dict[str, Any]:
    """The lines of `difflib.unified_diff` as ins and del; its file header is left out."""
    kinds = {"+": "ins", "-": "del", "@": "gap"}
    hunks = dropwhile(lambda line: not line.startswith("@@"), lines)
    marked = ((kinds.get(line[:1], "same"), line.rstrip("\n")) for line in hunks)
    return {"lines": [(kind, line if kind == "gap" else line[1:]) for kind, line in marked]}


@register.simple_tag
def message_icon(level: str) -> SafeString:
    """The icon of a Django message's level tag."""
    return icon(MESSAGE_ICONS.get(level, "info"))


@register.simple_block_tag
def page_header(content: SafeString, title: str, subtitle: str = "") -> SafeString:
    """The head of a page; what stands between the tags are its actions."""
    return render_to_string("components/page_header.html", {"title": title, "subtitle": subtitle, "actions": content})


@register.simple_block_tag
def card(content: SafeString, title: str = "", css: str = "", flush: bool = False) -> SafeString:
    """A framed box; `flush` leaves the padding to what is inside (a table, a feed)."""
    context = {"title": title, "css": css, "flush": flush, "content": content}
    return render_to_string("components/card.html", context)


@register.simple_block_tag
def list_filters(content: SafeString, role: str = "") -> SafeString:
    """The filters of a list, sent as soon as one changes; without JavaScript by a button."""
    return render_to_string("components/list_filters.html", {"content": content, "role": role})


@register.simple_block_tag
def drawer(content: SafeString, title: str, page_url: str = "", label: str = "") -> SafeString:
    """A panel: inside the drawer it scrolls and closes, on a page of its own it is a framed article."""
    context = {"title": title, "page_url": page_url, "label": label, "content": content}
    return render_to_string("components/drawer.html", context)


@register.simple_block_tag(takes_context=True)
def confirm(
    context: Context,
    content: SafeString,
    *,
    action: str,
    title: str,
    verb: str,
    style: str = "danger",
    css: str = "",
    icon: str = "",
    type_word: str = "",
) -> SafeString:
    """A button that asks before it posts to `action`; between the tags: what will happen, and any hidden fields.

    `type_word` must be typed before the form can be sent (erasure). Without JavaScript the dialog is a popover.
    """
    return render_to_string(
        "components/confirm.html",
        {
            "id": f"confirm-{re.sub(r'[^a-z0-9]+', '-', action.lower()).strip('-')}",
            "action": action,
            "title": title,
            "verb": verb,
            "style": style,
            "css": css,
            "icon": icon,
            "type_word": type_word,
            "type_pattern": REGEX_SYNTAX.sub(r"\\\g<0>", type_word),
            "content": content,
            "csrf_token": context.get("csrf_token", ""),
        },
    )
