"""How to get the same numbers again."""

from __future__ import annotations

import hashlib

import yaml

from campaigns.reports.content import Column, Fold, Listing, Paragraph, Section, Table
from campaigns.reports.marks import code, name
from campaigns.reports.telling import Telling
from campaigns.words import Words
from campaigns.words.names import NAMES


def reproduce(tell: Telling) -> Section:
    """One command, the versions, the specification."""
    say, view = tell.say, tell.view
    spec = yaml.safe_dump(dict(view.spec), sort_keys=False, allow_unicode=True)
    file = f"{view.name}.yaml"
    rows = {**view.versions, **view.sources}
    table = Table(
        say("Versions and hashes"),
        (Column(say("What")), Column(say("Version or hash"), weight=2.5)),
        (
            *((_called(part, say), code(found)) for part, found in rows.items()),
            (_called("specification", say), code(f"sha256:{_sha256(spec)}")),
        ),
    )
    return Section(
        "reproduce",
        say("How to reproduce it"),
        (
            Paragraph(
                say(
                    "Save the specification below as {file}, install the versions listed, and "
                    "run this:",
                    file=code(file),
                )
            ),
            Listing(f"galena campaign run {file}"),
            table,
            Fold(say("Specification: {file}", file=code(file)), (Listing(spec),)),
        ),
    )


def _called(part: str, say: Words) -> str:
    """What people call a part; programs have their own names."""
    kind = part.replace("_", " ")
    return say(NAMES[kind]) if kind in NAMES else name(kind)


def _sha256(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()
