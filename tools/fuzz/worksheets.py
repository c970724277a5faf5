"""Worksheets that people filled in, as ``galena campaign answers`` takes them."""

from __future__ import annotations

import json
import math
from pathlib import Path
from random import Random

from campaigns.oracles.inbox.answers import read_answers
from campaigns.oracles.sanity import RANGES
from campaigns.oracles.specs import Quantity
from tools.fuzz.group import READ, reason_class
from tools.fuzz.mutate import mutated, mutated_tree
from tools.fuzz.reasons import Unsound, check_reason, refused

IDS = ("GaAs-1a2b", "ZnS-3c4d", "=cmd", "Mg2Si-5e6f")
WANTED = (
    Quantity(name="band_gap", unit="eV", min=0.0, max=20.0),
    Quantity(name="energy_above_hull", unit="eV/atom"),
    Quantity(name="resistance", unit=""),
)
_SUFFIXES = (".csv", ".json", ".tsv", ".txt")
_CELLS = (
    *("1.4", "0,52", "1,234", "1.234,5", "1 000", "1'000", "1.4 eV", "520 meV", "1.4 MeV"),
    *(
        "nan",
        "inf",
        "-1",
        "1e308",
        "1e999",
        "٣",
        "½",
        "",
        " ",
        "—",
        "n/a",
        "=1+1",
        "=cmd|' /C'!A0",
    ),
    *(
        "+1",
        "-0",
        "1.4±0.1",
        "1.4(2)",
        "0x10",
        "9" * 400,
        "'1.4",
        '"',
        '""',
        "a;b",
        "\0",
        "\r",
    ),
    *(
        "TRUE",
        "2026-01-02",
        "1.4 eV eV",
        "−1",
        "1\u00a0000",
        "e5",
        "1e",
        "<b>1</b>",
        "." * 3000,
    ),
)
_HEADS = (
    *("candidate_id", "band_gap [meV]", "Band gap / eV", "band gap (J)", "failed_because"),
    *(
        "band_gap",
        "energy above hull",
        "resistance",
        "note",
        "",
        "band_gap,in eV",
        "[" * 99,
    ),
    *("formula", "candidate id", "CANDIDATE_ID", "a\nb", "(" * 300 + ")" * 300),
)


def seeds() -> list[bytes]:
    """Worksheets in the forms that are taken, the suffix in the first line."""
    plain = (
        "candidate_id,formula,structure,band_gap [eV],energy_above_hull [eV/atom],"
        'failed_because,note\nGaAs-1a2b,GaAs,a.cif,1.42,0.0,,\nZnS-3c4d,ZnS,b.cif,,,"it '
        'melted",see p. 3\n'
    )
    german = "candidate_id;band_gap;resistance\nGaAs-1a2b;1,42;0,5\nZnS-3c4d;3,6;1\n"
    rows = [{"candidate_id": "GaAs-1a2b", "band_gap": 1.42}, {"candidate_id": "ZnS-3c4d"}]
    return [
        f".csv\n{plain}".encode(),
        f".csv\n{german}".encode(),
        f".tsv\n{german.replace(';', chr(9))}".encode("utf-8-sig"),
        f".json\n{json.dumps(rows)}".encode(),
        f".json\n{json.dumps({'answers': rows})}".encode(),
    ]


def changed(data: bytes, pool: list[bytes], random: Random) -> bytes:
    """Text or values changed, or a sheet made of odd cells."""
    if random.random() < 0.5:
        suffix, _, content = data.partition(b"\n")
        change = mutated_tree if suffix == b".json" else mutated
        return (
            suffix + b"\n" + change(content, [s.partition(b"\n")[2] for s in pool], random)
        )
    mark = random.choice(",,,;\t")
    heads = [random.choice(_HEADS) for _ in range(random.randrange(1, 7))]
    if random.random() < 0.8:
        heads[0] = "candidate_id"
    if random.random() < 0.8:
        heads.append("band_gap")
    lines = [heads]
    for _ in range(random.choice((0, 1, 2, 5, 20))):
        width = len(heads) + random.choice((0, 0, 0, 0, 1, -1))
        cells = [random.choice(_CELLS) for _ in range(width)]
        lines.append([random.choice((*IDS, *IDS, "", "other")), *cells[1:]])
    text = random.choice(("\n", "\r\n", "\r")).join(
        mark.join(_quoted(cell, random) for cell in cells) for cells in lines
    )
    coded = random.choice(("utf-8", "utf-8", "utf-8-sig", "utf-16", "cp1252", "utf-32"))
    return b".csv\n" + text.encode(coded, "replace")


def feed(content: bytes, folder: Path) -> str:
    """Read it; every row is an answer, empty, or a problem that says where it is."""
    suffix, _, rest = content.partition(b"\n")
    known = suffix.decode("latin-1") if suffix.decode("latin-1") in _SUFFIXES else ".csv"
    path = folder / f"answers{known}"
    path.write_bytes(rest)
    with refused(path) as outcome:
        answers = read_answers(path, IDS, WANTED)
        for answer in answers.good:
            if answer.candidate_id not in IDS:
                raise Unsound(
                    f"an answer about {answer.candidate_id!r}, which nobody asked"
                )
            for name, value in answer.values.items():
                low, high = RANGES.get(name, (-math.inf, math.inf))
                if not (math.isfinite(value) and low <= value <= high):
                    raise Unsound(f"{name} is {value}")
        for problem in answers.bad:
            check_reason(str(problem))
        if answers.bad and not answers.good:
            return reason_class(answers.bad[0].reason)
        return READ
    return outcome.reason


def _quoted(cell: str, random: Random) -> str:
    return '"' + cell.replace('"', '""') + '"' if random.random() < 0.4 else cell
