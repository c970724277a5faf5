"""Bring the catalogues up to date with the messages in the code.

Run after a message was written or changed:

    python tools/messages.py            # update every catalogue
    python tools/messages.py --check    # say what is not up to date, and exit with 1
    python tools/messages.py --add fr   # begin the catalogue of another language

Messages are what code and templates give to ``say``, ``say.several`` and ``noted`` as plain
strings, and the text of notebook 01. In a catalogue a changed message keeps its translation,
marked fuzzy, for a person to look at; until then the message is said in English. One that is
gone is dropped.
"""

from __future__ import annotations

import argparse
import ast
import io
import re
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from babel import Locale
from babel.messages.catalog import Catalog
from babel.messages.pofile import read_po, write_po
from jinja2 import Environment, nodes

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))  # so that tools find each other when run as scripts

from tools.notebook_text import TRANSLATED, messages_of  # noqa: E402

CATALOGUES = ROOT / "campaigns" / "words" / "catalogues"
KEYWORDS = {"say": 1, "noted": 1, "several": 2}
"""Functions, and how many of their arguments are a message."""
TEMPLATES = (".html", ".jinja", ".j2")
_ALIKE = ("ca", "es", "fr", "it", "pt")
"""Languages whose third form is for whole millions; no message is about so many."""
_CHANGING = re.compile(r'"(POT-Creation-Date|PO-Revision-Date|Generated-By): .*\\n"\n')
"""Headers that would differ with every run."""
_WIDTH = 92


def found(root: Path = ROOT) -> Catalog:
    """Every message of the code, with the files it is in."""
    catalog = Catalog()
    for path in sorted((root / "campaigns").rglob("*")):
        if path.suffix == ".py":
            messages = _of_code(path.read_text(encoding="utf-8"))
        elif path.suffix in TEMPLATES:
            messages = _of_template(path.read_text(encoding="utf-8"))
        else:
            continue
        for message in messages:
            catalog.add(message, locations=[(path.relative_to(root).as_posix(), 1)])
    if (root / TRANSLATED).exists():
        for message in messages_of(root / TRANSLATED):
            catalog.add(message, locations=[(TRANSLATED, 1)])
    return catalog


def _of_code(text: str) -> Iterator[str | tuple[str, str]]:
    """What code gives as plain strings; Babel's own reader passes over calls in f-strings."""
    calls = [node for node in ast.walk(ast.parse(text)) if isinstance(node, ast.Call)]
    for call in sorted(calls, key=lambda call: (call.lineno, call.col_offset)):
        given = call.args[: KEYWORDS.get(_name(call), 0)]
        texts = [a.value for a in given if isinstance(a, ast.Constant)]
        yield from _whole(texts, KEYWORDS.get(_name(call), 0))


def _whole(texts: Sequence[object], wanted: int) -> Iterator[str | tuple[str, str]]:
    """The message, if all of it is there."""
    said = [text for text in texts if isinstance(text, str)]
    if wanted and len(said) == wanted:
        yield said[0] if wanted == 1 else (said[0], said[1])


def _of_template(text: str) -> Iterator[str | tuple[str, str]]:
    """What a template gives to ``say(…)`` and ``say.several(…)``."""
    for call in Environment(autoescape=True).parse(text).find_all(nodes.Call):
        target = call.node
        name = getattr(target, "attr", None) or getattr(target, "name", None)
        wanted = KEYWORDS.get(str(name), 0)
        given = call.args[:wanted]
        yield from _whole([a.value for a in given if isinstance(a, nodes.Const)], wanted)


def built(root: Path = ROOT) -> Iterator[str]:
    """Places where a message is put together before it is said, so that none can find it."""
    for path in sorted((root / "campaigns").rglob("*.py")):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Call):
                for message in node.args[: KEYWORDS.get(_name(node), 0)]:
                    if isinstance(message, ast.JoinedStr | ast.BinOp | ast.IfExp):
                        yield f"{path.relative_to(root)}:{node.lineno}"


def _name(call: ast.Call) -> str:
    target: Any = call.func
    return str(getattr(target, "attr", None) or getattr(target, "id", ""))


def updated(path: Path, template: Catalog) -> str:
    """A catalogue with exactly the messages of ``template``, as text."""
    with path.open("rb") as file:
        catalog = read_po(file, locale=path.stem, abort_invalid=True)
    catalog.update(template, update_header_comment=False)
    catalog.obsolete.clear()
    for message in catalog:
        message.previous_id = []
    return _text(catalog)


def _text(catalog: Catalog) -> str:
    stream = io.BytesIO()
    write_po(
        stream,
        catalog,
        width=_WIDTH,
        include_lineno=False,
        ignore_obsolete=True,
        sort_by_file=True,
    )
    return _CHANGING.sub("", stream.getvalue().decode("utf-8"))


def begin(language: str) -> Path:
    """An empty catalogue for another language."""
    path = CATALOGUES / f"{language}.po"
    if path.exists():
        raise SystemExit(f"{path} exists; without --add it is updated")
    catalog = Catalog(
        locale=language,
        project="Galena",
        version="1",
        msgid_bugs_address="see CONTRIBUTING.md",
        last_translator="the Galena developers",
        language_team="the Galena developers",
        header_comment=f"# Galena in {Locale.parse(language).english_name}.",
        fuzzy=False,
    )
    if catalog.num_plurals == 3 and language in _ALIKE:
        catalog.mime_headers = [("Plural-Forms", "nplurals=2; plural=(n != 1);")]
    path.write_text(_text(catalog), encoding="utf-8")
    return path


def main() -> int:
    """Update or check every catalogue."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    what = parser.add_mutually_exclusive_group()
    what.add_argument("--check", action="store_true", help="change nothing; exit with 1")
    what.add_argument("--add", metavar="CODE", help="begin another language")
    options = parser.parse_args()
    problems = [f"{place}: put together; give say() one string" for place in built()]
    if options.add:
        begin(options.add)
    template = found()
    for path in sorted(CATALOGUES.glob("*.po")):
        text = updated(path, template)
        if text != path.read_text(encoding="utf-8"):
            if options.check:
                problems.append(f"{path.name}: run python tools/messages.py")
            else:
                path.write_text(text, encoding="utf-8")
        catalog = read_po(io.BytesIO(text.encode()), locale=path.stem)
        missing = [m for m in catalog if m.id and (m.fuzzy or not _complete(m.string))]
        print(f"{path.stem}: {len(catalog)} messages, {len(missing)} to translate")
    for problem in problems:
        print(problem)
    return int(bool(problems))


def _complete(string: str | tuple[str, ...] | list[str] | None) -> bool:
    return bool(string) if isinstance(string, str) else bool(string) and all(string)


if __name__ == "__main__":
    raise SystemExit(main())
