"""Charts in templates: `{% load ibex_charts %}`. The pictures are drawn by ibex.dashboard.charts."""

from __future__ import annotations

from django import template

from ibex.dashboard import charts

register = template.Library()

register.simple_tag(charts.sparkline, name="sparkline")
register.simple_tag(charts.lines, name="line_chart")
register.simple_tag(charts.bars, name="bar_chart")
register.simple_tag(charts.share, name="share_bar")
