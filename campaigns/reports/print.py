"""The report as a PDF: tagged, with outline, language and texts for pictures.

Typst sets it, a compiled typesetter that comes as a wheel with its fonts. The template is ours;
what the report says goes in as data and is never read as markup. Nothing is fetched.
"""

from __future__ import annotations

import json
import re
import struct
import tempfile
import unicodedata
from collections.abc import Iterator
from dataclasses import fields
from enum import Enum
from pathlib import Path
from typing import Any

from campaigns.reports.content import Figure, Report
from campaigns.reports.files import ReportError
from campaigns.reports.marks import Mark, bare, spans

_UNPRINTABLE = re.compile(r"could not be displayed|not.{0,40}(glyph|font)", re.IGNORECASE)
_NO_FONT = re.compile(r'the text `"((?:[^"\\]|\\.)*)"` could not be displayed')
_ESCAPED = re.compile(r"\\u\{([0-9a-fA-F]+)\}")
_MOST_WIDE, _MOST_HIGH = 12.0, 14.5  # cm
_CONTROL = re.compile(r"[\x00-\x08\x0b-\x1f\x7f]")


def render_pdf(report: Report) -> bytes:
    """The PDF (PDF/UA-1), the same bytes for the same report.

    What no font has is set by its number, ``[U+1F680]``, and a note says so.

    Raises:
        ReportError: it could not be set.
    """
    import typst

    with tempfile.TemporaryDirectory(prefix="galena-report-") as name:
        root = Path(name)
        template = Path(__file__).with_name("report.typ").read_text(encoding="utf-8")
        (root / "report.typ").write_text(template, encoding="utf-8")
        content = _Packing(root).packed(report)
        (root / "content.json").write_text(
            json.dumps(content, ensure_ascii=False), encoding="utf-8"
        )
        compiler = typst.Compiler(root / "report.typ", root=root, ignore_system_fonts=True)
        try:
            return _compiled(compiler, ["ua-1"])
        except typst.TypstError as error:
            missing = unprintable(str(error.diagnostic))
            if not missing and not _UNPRINTABLE.search(str(error)):
                raise _failed(error) from error
        content = substituted(content, missing) | {"note": report.labels.missing}
        (root / "content.json").write_text(
            json.dumps(content, ensure_ascii=False), encoding="utf-8"
        )
        try:
            return _compiled(compiler, ["ua-1"])
        except typst.TypstError as error:
            if not _UNPRINTABLE.search(str(error)):
                raise _failed(error) from error
        try:
            return _compiled(compiler, [])
        except typst.TypstError as error:
            raise _failed(error) from error


def unprintable(diagnostic: str) -> frozenset[str]:
    """The signs that no font has, as the typesetter names them."""
    found = "".join(_NO_FONT.findall(diagnostic))
    plain = _ESCAPED.sub(lambda code: chr(int(code[1], 16)), found)
    return frozenset(plain) - {" "}


def substituted(content: Any, missing: frozenset[str]) -> Any:
    """The content with ``[U+1F680]`` for each sign that no font has; joiners go."""
    if isinstance(content, str):
        return "".join(_in_place(sign) if sign in missing else sign for sign in content)
    if isinstance(content, list):
        return [substituted(each, missing) for each in content]
    if isinstance(content, dict):
        return {key: substituted(each, missing) for key, each in content.items()}
    return content


def _in_place(sign: str) -> str:
    if unicodedata.category(sign) in {"Cf", "Mn"}:
        return ""
    return f"[U+{ord(sign):04X}]"


def _compiled(compiler: Any, standards: list[str]) -> bytes:
    pdf: bytes = compiler.compile(format="pdf", pdf_standards=standards)
    return pdf


def _failed(error: Exception) -> ReportError:
    return ReportError(
        f"report.pdf: could not be set: {error}; report.html has the same content. Please "
        "report this"
    )


class _Packing:
    """Content as JSON, pictures as files beside it."""

    def __init__(self, root: Path) -> None:
        self.root, self.n_images = root, 0

    def packed(self, report: Report) -> dict[str, Any]:
        """The report for the template."""
        return {
            "language": report.language,
            "title": _clean(report.title),
            "status": _clean(report.status),
            "lead": [_text(line) for line in report.lead],
            "footer": _text(report.footer),
            "labels": {
                each.name: _clean(getattr(report.labels, each.name))
                for each in fields(report.labels)
            },
            "sections": [
                {
                    "id": section.id,
                    "title": _text(section.title),
                    "blocks": [self._block(block) for block in section.blocks],
                }
                for section in report.sections
            ],
        }

    def _block(self, block: Any) -> dict[str, Any]:
        packed = {
            each.name: self._value(getattr(block, each.name)) for each in fields(block)
        }
        if isinstance(block, Figure):
            packed["alt"] = _clean(bare(block.alt))
            packed["width"] = _width(block.image)
        return packed | {"type": type(block).__name__}

    def _value(self, value: Any) -> Any:
        if isinstance(value, str):
            return _text(value)
        if isinstance(value, tuple):
            return [self._value(item) for item in value]
        if isinstance(value, bytes):
            return self._image(value)
        if isinstance(value, Enum):
            return value.value
        if hasattr(value, "__dataclass_fields__"):
            return self._block(value)
        return value

    def _image(self, content: bytes) -> str:
        self.n_images += 1
        name = f"{self.n_images}.png"
        (self.root / name).write_bytes(content)
        return name


def _width(png: bytes) -> float:
    """cm, so that two pictures find room on a page and none is higher than it."""
    width, height = struct.unpack(">II", png[16:24])  # of the header chunk, which is first
    return float(min(_MOST_WIDE, _MOST_HIGH * width / height))


def _text(text: str) -> list[dict[str, Any]]:
    """Marked text as pieces."""
    return list(_pieces(text))


def _pieces(text: str) -> Iterator[dict[str, Any]]:
    for span in spans(text):
        piece: dict[str, Any] = {"text": _clean(span.text)}
        names = sorted(mark.name.lower() for mark in span.marks)
        if names:
            piece["marks"] = names
        if Mark.LINK in span.marks and span.target.startswith("https://"):
            piece["target"] = span.target
        yield piece


def _clean(text: str) -> str:
    """Without the signs that no font has and no reader sees."""
    return _CONTROL.sub(" ", text)
