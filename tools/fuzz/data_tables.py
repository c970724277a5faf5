"""Tables of labels, answers, phases and formulas: CSV, JSON, JSON lines, Parquet, text."""

from __future__ import annotations

import io
import json
import os
from collections.abc import Callable
from pathlib import Path
from random import Random
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
from pymatgen.core import Lattice, Structure

from campaigns.cli.formulas import read_formulas
from campaigns.oracles.failures import AttemptFailed
from campaigns.oracles.lookup import Lookup
from campaigns.oracles.specs import LookupSpec
from campaigns.protocols import Candidate
from materials.errors import GalenaError
from materials.hull.tables import read_phases
from materials.known import formula_entries, reduced_formula
from materials.sustainability.fractions import atom_fractions
from models.small.reading import read_table
from tools.fuzz.binary import bytes_changed
from tools.fuzz.group import READ, reason_class
from tools.fuzz.mutate import mutated, mutated_tree
from tools.fuzz.reasons import Unsound, check_reason, refused

_GAAS = Structure(Lattice.cubic(5.65), ["Ga", "As"], [[0, 0, 0], [0.25, 0.25, 0.25]])
_CANDIDATES = (
    Candidate("a", "GaAs", "zb", ("As", "Ga"), _GAAS),
    Candidate("b", "GaAs", "zb", ("As", "Ga"), _GAAS),
)
_ROWS: tuple[dict[str, Any], ...] = (
    {"material_id": "a", "formula": "GaAs", "band_gap": 1.4, "energy_per_atom": -4.1},
    {"material_id": "b", "formula": "ZnS", "band_gap": 3.5, "energy_per_atom": -3.9},
    {"material_id": "c", "formula": "Ca(NO3)2", "band_gap": None, "energy_per_atom": -1e1},
)
_CELLS: tuple[Any, ...] = (
    *(
        None,
        "",
        " ",
        0,
        -1,
        1.5,
        True,
        10**30,
        1e308,
        float("nan"),
        float("inf"),
        "nan",
        "1,4",
    ),
    *(
        "Zn1e9O",
        "((((" * 99,
        "H" * 3000,
        "Zn0O",
        "Zn-1",
        "9" * 999,
        "ZnO" + "9" * 400,
        "X2O",
    ),
    *(
        "D2O",
        "Fe3+",
        "NaCl·H2O",
        "Zn0.00000001O",
        "(H2)" * 300,
        "Zn{",
        "Zn[O]2",
        "Nq",
        "No",
        "Y",
    ),
    *(
        "=cmd()",
        "<script>",
        "a\nb",
        '"',
        "\0",
        "☃",
        "1e999",
        [],
        {},
        [1],
        {"a": 1},
        "x" * 9999,
    ),
    *(
        "Ga99999999999As",
        "Ga1e-300As",
        "Ga.5As",
        "GaAs)",
        "Ga(As",
        "()",
        "(())2",
        "Ga2147483648As",
    ),
)
_FORMULAS = tuple(cell for cell in _CELLS if isinstance(cell, str) and cell.strip())


def seeds() -> list[bytes]:
    """Tables that can be used; reader and suffix in the first line."""
    text = "material_id,formula,band_gap,energy_per_atom,origin\n" + "".join(
        f"{r['material_id']},{r['formula']},{r['band_gap'] or ''},{r['energy_per_atom']},x\n"
        for r in _ROWS
    )
    rows = [row | {"origin": "x"} for row in _ROWS]
    lines = "".join(json.dumps(row) + "\n" for row in rows)
    return [
        *(
            _named(f"{reader}.csv", text.encode())
            for reader in ("lookup", "labels", "phases")
        ),
        _named("known.csv", text.encode()),
        _named("labels.json", json.dumps(rows).encode()),
        _named("phases.json", json.dumps(rows).encode()),
        *(_named(f"{reader}.jsonl", lines.encode()) for reader in ("labels", "phases")),
        _named("formulas.txt", b"GaAs\nCu2ZnSnS4\nCa(NO3)2\n"),
        _named("formula.txt", b"Cu2ZnSnS4"),
        *(
            _named(f"{reader}.parquet", _parquet(rows))
            for reader in ("lookup", "labels", "phases")
        ),
    ]


def changed(data: bytes, pool: list[bytes], random: Random) -> bytes:
    """A file changed as what it is, or a readable one with odd cells in it."""
    name, _, content = data.partition(b"\n")
    if random.random() < 0.5:
        return name + b"\n" + _mutated(name, content, pool, random)
    if name == b"formula.txt":
        return _named("formula.txt", _formula(random).encode("utf-8", "surrogatepass"))
    if name == b"formulas.txt":
        lines = [_formula(random) for _ in range(random.randrange(4))]
        return _named("formulas.txt", "\n".join(lines).encode("utf-8", "surrogatepass"))
    rows = [dict(row, origin="x") for row in _ROWS]
    for row in rows:
        for _ in range(random.choice((0, 1, 1, 3))):
            row[random.choice(list(row))] = random.choice(_CELLS)
    if random.random() < 0.3:
        old = random.choice(list(rows[0]))
        new = random.choice(
            ("", "x", "structure", "cif", "formula ", "Formula", "a,b", "\0")
        )
        rows = [{new if key == old else key: row[key] for key in row} for row in rows]
    if name.endswith(b".parquet"):
        return name + b"\n" + _parquet(rows)
    if name.endswith(b".csv"):
        return name + b"\n" + _csv(rows, random)
    dumped = [json.dumps(row) for row in rows]
    text = "\n".join(dumped) if name.endswith(b"l") else f"[{','.join(dumped)}]"
    return name + b"\n" + text.encode()


def feed(content: bytes, folder: Path) -> str:
    """Read it by what its first line names."""
    first, _, rest = content.partition(b"\n")
    reader, _, suffix = first.decode("latin-1").partition(".")
    if reader == "formula":
        return _feed_formula(rest.decode("utf-8", "replace"))
    if reader not in _READERS or suffix not in ("csv", "json", "jsonl", "parquet", "txt"):
        reader, suffix = "labels", "csv"
    path = folder / f"table.{suffix}"
    path.write_bytes(rest)
    with refused(path) as outcome:
        _READERS[reader](path)
        return READ
    return outcome.reason


def _feed_formula(text: str) -> str:
    """One formula, as given on a command line, where ``..`` is the folder above."""
    if os.path.exists(text):  # noqa: PTH110 - a Path cannot hold all of these
        return READ
    found = list(read_formulas([text]))
    if len(found) != 1:  # a path that is there, such as a dot
        return READ
    named = found[0]
    if named.formula is None:
        check_reason(named.error)
        return reason_class(named.error)
    atom_fractions([named.formula])
    try:
        reduced_formula(named.formula)
    except GalenaError as error:
        check_reason(str(error))
        return reason_class(str(error))
    return READ


def _lookup(path: Path) -> None:
    columns = {"band_gap": "band_gap", "energy_per_atom": "energy_per_atom"}
    spec = LookupSpec(kind="lookup", table=path, source="test", columns=columns)
    lookup = Lookup(spec)
    for candidate in _CANDIDATES:
        try:
            lookup(candidate)
        except AttemptFailed as failure:  # the answer to a candidate that is not there
            check_reason(str(failure))


def _labels(path: Path) -> None:
    read_table(path, ("band_gap",), path.parent)


def _phases(path: Path) -> None:
    for place, reason in read_phases(path).failures:
        check_reason(f"{place}: {reason}")


def _known(path: Path) -> None:
    for _, formula in formula_entries(path):
        try:
            reduced_formula(formula)
        except GalenaError as error:
            check_reason(str(error))


def _list(path: Path) -> None:
    for named in read_formulas([str(path)]):
        if (named.formula is None) == (named.error is None):
            raise Unsound("both a formula and a reason, or neither")


_READERS: dict[str, Callable[[Path], None]] = {
    "lookup": _lookup,
    "labels": _labels,
    "phases": _phases,
    "known": _known,
    "formulas": _list,
}


def _named(name: str, content: bytes) -> bytes:
    return name.encode() + b"\n" + content


def _mutated(name: bytes, content: bytes, pool: list[bytes], random: Random) -> bytes:
    others = [seed.partition(b"\n")[2] for seed in pool]
    if name.endswith(b".parquet"):
        return bytes_changed(content, others, random)
    change = mutated_tree if name.endswith(b".json") else mutated
    return change(content, others, random)


def _formula(random: Random) -> str:
    """Pieces of formulas put together, most of them none."""
    pieces = (
        "Zn",
        "O",
        "2",
        "0.5",
        "(",
        ")",
        "[",
        "]",
        "1e9",
        ".",
        "-",
        "+",
        "·",
        "*",
        " ",
        "9" * 50,
    )
    if random.random() < 0.3:
        return random.choice(_FORMULAS)
    return "".join(random.choice(pieces) for _ in range(random.choice((1, 3, 6, 12, 40))))


def _parquet(rows: list[dict[str, Any]]) -> bytes:
    out = io.BytesIO()
    columns = {}
    for name in rows[0]:
        values = [row.get(name) for row in rows]
        try:
            columns[name] = pa.array(values)
        except (pa.ArrowException, OverflowError, TypeError):
            columns[name] = pa.array([None if v is None else str(v) for v in values])
    try:
        pq.write_table(pa.table(columns), out)
    except pa.ArrowException:  # such as a struct without fields
        return _parquet([{"formula": "GaAs"}])
    return out.getvalue()


def _csv(rows: list[dict[str, Any]], random: Random) -> bytes:
    mark = random.choice((",", ",", ",", ";", "\t"))
    heads = list(rows[0])
    if random.random() < 0.2:
        heads.append(random.choice(heads))
    lines = [mark.join(heads)]
    for row in rows:
        cells = ["" if cell is None else str(cell) for cell in row.values()]
        cells += [""] * random.choice((0, 0, 0, 1, 2))
        quotes = random.random() < 0.3
        lines.append(mark.join(f'"{cell}"' if quotes else cell for cell in cells))
    coded = random.choice(("utf-8", "utf-8", "utf-8-sig", "utf-16", "cp1252"))
    return random.choice(("\n", "\r\n")).join(lines).encode(coded, "replace")
