"""How to get the same numbers again."""

from __future__ import annotations

import hashlib

import yaml

from campaigns.reports.content import Column, Fold, Kind, Listing, Paragraph, Section, Table
from campaigns.reports.marks import code, name
from campaigns.reports.telling import Telling


def reproduce(tell: Telling) -> Section:
    """One command, the versions, the specification."""
    say, view = tell.say, tell.view
    spec = yaml.safe_dump(dict(view.spec), sort_keys=False, allow_unicode=True)
    file = f"{view.name}.yaml"
    rows = {**view.versions, **view.sources}
    table = Table(
        say("Versions and hashes"),
        (Column(say("What"), kind=Kind.NAME), Column(say("Version or hash"), weight=2.5)),
        (
            *((name(part.replace("_", " ")), code(found)) for part, found in rows.items()),
            (name("specification"), code(f"sha256:{_sha256(spec)}")),
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


def _sha256(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()
