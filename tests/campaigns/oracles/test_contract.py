"""One contract for every kind of oracle."""

from __future__ import annotations

from pathlib import Path

import pytest

from campaigns.oracles.guard import Guard
from campaigns.oracles.guarded import guarded
from campaigns.oracles.isolated import Isolated
from campaigns.oracles.specs import DftSpec, LookupSpec
from tests.campaigns.oracles.contract import check_contract, copper
from tests.campaigns.oracles.isolated_toys import build_steady
from tests.campaigns.oracles.programs import GOOD, program


def of_lookup(folder: Path) -> Guard:
    (folder / "t.csv").write_text("material_id,formula,band_gap\nCu-1,Cu,1.25\n")
    columns = {"band_gap": "band_gap"}
    spec = LookupSpec(
        kind="lookup", table=Path("t.csv"), source="toy", columns=columns, cost=3
    )
    return guarded(spec, folder)


def of_command(folder: Path) -> Guard:
    return guarded(program(folder, GOOD, cost=3), folder)


def of_dft(folder: Path) -> Guard:
    emt = {"calculator": "ase.calculators.emt.EMT"}
    spec = DftSpec(kind="dft", recipe="ase", ase=emt, cost=3, retries=0)
    return guarded(spec, folder)


def of_child_process(folder: Path) -> Guard:
    return Guard(attempt=Isolated(build_steady, 60.0), name="isolated", cost=3)


@pytest.mark.parametrize(
    ("make", "name"),
    [
        (of_lookup, "lookup"),
        (of_command, "command"),
        (of_dft, "dft"),
        (of_child_process, "isolated"),
    ],
)
def test_every_oracle_keeps_the_contract(make, name: str, tmp_path: Path) -> None:
    oracle = make(tmp_path)
    check_contract(oracle, copper(), cost=3, name=name)
    if isinstance(oracle.attempt, Isolated):
        oracle.attempt.close()
