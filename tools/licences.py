"""Write docs/licences.md, or look that every dependency has a licence that goes with ours.

    .venv/bin/python tools/licences.py            # write the page
    .venv/bin/python tools/licences.py --check    # say what is wrong with it; exit 1

Every distribution of ``tools/locks`` stands on the page. What is installed speaks for itself
(metadata, then the text of its licence); tools/licence_terms.py has what was read elsewhere
and what is allowed.
"""

from __future__ import annotations

import argparse
import re
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from importlib.metadata import (
    Distribution,
    PackageNotFoundError,
    distribution,
    distributions,
)
from pathlib import Path

import licence_terms as terms
from license_expression import ExpressionError, Licensing, get_spdx_licensing
from lock import LOCKS, ROOT, entries, pin

PAGE = ROOT / "docs" / "licences.md"
MARK = "<!-- what follows: python tools/licences.py -->\n"
GROUPS = {
    "What Galena imports": ("torch", "runtime", "sdists"),
    "What builds it": ("build", "uv"),
    "Tests, notebooks, documentation and extras": ("dev", "docs", "fuzz"),
    "First principles, if you ask for them": ("gpaw",),
    "NVIDIA's libraries, where torch is the registry's on Linux": ("cuda",),
}
OURS = "galena-materials"


@dataclass(frozen=True, kw_only=True)
class Row:
    """One dependency."""

    name: str
    version: str
    lock: str
    licence: str
    """SPDX expression; empty if unknown."""


@cache
def spdx() -> Licensing:
    """The licences of SPDX by their keys."""
    return get_spdx_licensing()


def locked() -> Iterator[tuple[str, str, str]]:
    """Yield name, version and lock of whatever make may install."""
    for locks in GROUPS.values():
        for lock in locks:
            for name, entry in sorted(entries((LOCKS / f"{lock}.txt").read_text()).items()):
                yield name, pin(entry).partition("==")[2], lock


def rows() -> list[Row]:
    """Every locked distribution with its licence."""
    return [
        Row(name=name, version=version, lock=lock, licence=licence(name))
        for name, version, lock in locked()
    ]


def is_installed(name: str) -> bool:
    """Whether a distribution is in the environment that this runs in."""
    try:
        return bool(distribution(name))
    except PackageNotFoundError:
        return False


def licence(name: str) -> str:
    """SPDX expression of a distribution; empty where neither it nor the table says one."""
    if name in terms.READ:
        return terms.READ[name]
    try:
        found = distribution(name)
    except PackageNotFoundError:
        return ""
    fields = [found.metadata.get("License-Expression") or ""]
    fields.append((found.metadata.get("License") or "").strip())
    classifiers = found.metadata.get_all("Classifier") or []
    fields += [
        line.rpartition("::")[2].strip()
        for line in classifiers
        if line.startswith("License ::")
    ]
    return next((said for field in fields if (said := normalised(field))), from_text(found))


def normalised(field: str) -> str:
    """What a field of metadata says, in SPDX; empty if that cannot be told."""
    said = terms.SPELT.get(field.lower(), field)
    if not said or "\n" in said or len(said) > 200:
        return ""
    try:
        return str(spdx().parse(said, validate=True, strict=True))
    except ExpressionError:
        return ""


def from_text(found: Distribution) -> str:
    """BSD, which metadata seldom counts the clauses of, from the text itself."""
    for path in found.files or ():
        if re.match(r"licen[sc]e|copying", path.name.lower()) and "dist-info" in str(path):
            text = " ".join(Path(str(path.locate())).read_text(errors="replace").split())
            if "Redistribution and use in source and binary forms" in text:
                endorse = re.search(
                    r"neither the name|used to endorse", text, re.IGNORECASE
                )
                return "BSD-3-Clause" if endorse else "BSD-2-Clause"
            if "Permission is hereby granted, free of charge" in text:
                return "MIT"
    return ""


def kind(row: Row) -> str:
    """Why the licence goes with Apache-2.0, in a word or two; empty if it does not."""
    if not row.licence:
        return ""
    return _kind(spdx().parse(row.licence, validate=False), row.lock)


def _kind(node: object, lock: str) -> str:
    """The best of what one may choose, the strictest of what holds at once."""
    order = ("permissive", "weak copyleft", "confined", "")
    if isinstance(node, spdx().OR | spdx().AND):
        kinds = sorted((_kind(part, lock) for part in node.args), key=order.index)
        return kinds[0 if isinstance(node, spdx().OR) else -1]
    key = str(node)
    if key in terms.PERMISSIVE:
        return "permissive"
    if key in terms.WEAK:
        return "weak copyleft"
    return "confined" if lock in terms.CONFINED.get(key, ()) else ""


def problems() -> Iterator[str]:
    """Say what hinders, one line each."""
    all_rows = rows()
    for row in all_rows:
        if not row.licence:
            yield (
                f"{row.name} {row.version}: its licence is unknown; read it and add it to "
                "READ in tools/licence_terms.py (is it installed? make test installs all)"
            )
        elif not kind(row):
            yield (
                f"{row.name} {row.version}: {row.licence} is not allowed in the lock "
                f"{row.lock}; do without it, or say in tools/licence_terms.py why it may be"
            )
    known = {row.name for row in all_rows}
    extra = sorted(
        {_name(each) for each in distributions()} - known - {OURS, "pip", "wheel"}
    )
    if extra:
        yield f"installed, but in no lock: {', '.join(extra)}"
    if PAGE.read_text(encoding="utf-8") != page(all_rows):
        yield "docs/licences.md is not of today: python tools/licences.py"


def _name(found: Distribution) -> str:
    return re.sub(r"[-_.]+", "-", found.metadata["Name"]).lower()


def page(all_rows: list[Row]) -> str:
    """The page: what people wrote, up to the mark, and the tables."""
    parts = [PAGE.read_text(encoding="utf-8").partition(MARK)[0], MARK, data_table()]
    for title, locks in GROUPS.items():
        group = sorted((row for row in all_rows if row.lock in locks), key=lambda r: r.name)
        parts.append(f"\n## {title}\n\n{len(group)} distributions.\n\n")
        parts.append("| distribution | version | licence | |\n|---|---|---|---|\n")
        parts += [f"| {r.name} | {r.version} | {r.licence} | {kind(r)} |\n" for r in group]
    return "".join(parts)


def data_table() -> str:
    """Patterns of files that ship, their licence, and whether wheels have them."""
    lines = ["\n## Data and weights\n\n| files | licence | in wheels |\n|---|---|---|\n"]
    for pattern, said in terms.SHIPPED.items():
        where = "no, in the repository alone" if said in terms.NOT_DISTRIBUTED else "yes"
        lines.append(f"| `{pattern}` | {said} | {where} |\n")
    return "".join(lines)


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument(
        "--check", action="store_true", help="write nothing, say what is wrong"
    )
    if not parser.parse_args().check:
        PAGE.write_text(page(rows()), encoding="utf-8")
    found = list(problems())
    if found:
        sys.exit("\n".join(found))
    print(f"{len(rows())} distributions, each with a licence that goes with Apache-2.0")


if __name__ == "__main__":
    main()
