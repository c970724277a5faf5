"""The report as one HTML page that needs nothing but itself."""

from __future__ import annotations

import base64
from pathlib import Path

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup, escape

from campaigns.reports.content import Block, Report
from campaigns.reports.marks import Mark, Span, bare, formula, spans

_TAGS = {
    Mark.LOW: ("<sub>", "</sub>"),
    Mark.OVER: ('<span class="bar">', "</span>"),
    Mark.CODE: ('<code translate="no" lang="en">', "</code>"),
    Mark.STRONG: ("<strong>", "</strong>"),
    Mark.ENGLISH: ('<span lang="en">', "</span>"),
    Mark.NAME: ('<span translate="no">', "</span>"),
}
"""From the innermost to the outermost."""


def render(report: Report) -> str:
    """The page. Everything shown is escaped."""
    environment = Environment(
        loader=FileSystemLoader(Path(__file__).parent),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters["marked"] = marked_html
    environment.filters["bare"] = bare
    environment.filters["png"] = lambda image: data_uri(image, "image/png")
    environment.tests["of"] = _is_of
    style = Path(__file__).with_name("report.css").read_text(encoding="utf-8")
    template = environment.get_template("template.html")
    return template.render(report=report, style=Markup(style))  # noqa: S704 - our own file  # nosec B704


def data_uri(content: bytes, kind: str) -> str:
    """Content a page carries within itself."""
    return f"data:{kind};base64,{base64.b64encode(content).decode('ascii')}"


def marked_html(text: str) -> Markup:
    """Marked text as HTML."""
    return Markup("").join(_span_html(span) for span in spans(text))


def formula_html(text: str) -> Markup:
    """``SnO2`` with its number set low."""
    return marked_html(formula(text))


def _span_html(span: Span) -> Markup:
    html = escape(span.text)
    for mark, (opening, closing) in _TAGS.items():
        if mark in span.marks:
            html = Markup(opening) + html + Markup(closing)  # noqa: S704 - our own tags  # nosec B704
    if Mark.LINK in span.marks:
        is_file = span.target.startswith("data:")
        name = f"{span.text}.cif" if is_file else ""
        shape = '<a href="{}" download="{}">{}</a>' if is_file else '<a href="{}">{}</a>'
        parts = (span.target, name, html) if is_file else (span.target, html)
        html = Markup(shape).format(*parts)  # noqa: S704 - the parts are escaped  # nosec B704
    return html


def _is_of(block: Block, kind: str) -> bool:
    """Whether a block is of a kind, by the name of its class."""
    return type(block).__name__ == kind
