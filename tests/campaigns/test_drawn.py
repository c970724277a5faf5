"""Generators named in a campaign file give every round its share, beside the sampler."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import pytest
from pymatgen.core import Lattice, Structure

from campaigns.config import CampaignConfig
from campaigns.evaluation.protocol import EvaluationError
from campaigns.folder import CampaignFolder
from campaigns.generators import input_files
from campaigns.loop import run_campaign
from campaigns.results import explain
from materials.errors import InputError
from materials.table import CrystalTable
from tests.campaigns.fakes import FakeOracle, toy_config, toy_machinery

pytestmark = pytest.mark.usefixtures("without_study")


@pytest.fixture(scope="module")
def known(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Three crystals, from which other elements make others."""
    path = tmp_path_factory.mktemp("known") / "known.parquet"
    crystals = [
        Structure.from_spacegroup(
            "F-43m", Lattice.cubic(5.65), ["Ga", "As"], [[0] * 3, [0.25] * 3]
        ),
        Structure.from_spacegroup(
            "Fm-3m", Lattice.cubic(5.64), ["K", "Cl"], [[0] * 3, [0.5] * 3]
        ),
        Structure.from_spacegroup(
            "Pm-3m",
            Lattice.cubic(3.9),
            ["Ca", "Ti", "O"],
            [[0] * 3, [0.5] * 3, [0.5, 0.5, 0]],
        ),
    ]
    CrystalTable.from_structures(crystals, ids=["k-1", "k-2", "k-3"]).write(path)
    return path


def spec(known: Path) -> CampaignConfig:
    table = {"table": str(known), "n_species": [2, 3], "max_sites": 8}
    config = toy_config(
        generators=[{"kind": "prototypes", **table}, {"kind": "substitution", **table}],
        rounds=2,
    )
    search = config.search.model_copy(update={"asks": 60, "per_generator": 15})
    return config.model_copy(update={"search": search})


def test_each_round_takes_the_next_of_every_generator(known: Path, tmp_path: Path) -> None:
    config, place = spec(known), tmp_path / "campaign"

    class Stop(Exception):
        pass

    def stop(call: int) -> None:
        if call == 2:
            raise Stop

    with pytest.raises(EvaluationError, match="Stop"):
        run_campaign(
            config, place, machinery=toy_machinery(config, FakeOracle(before=stop))
        )
    view = run_campaign(config, place, machinery=toy_machinery(config))
    whole = run_campaign(config, tmp_path / "whole", machinery=toy_machinery(config))
    assert list(view.verdicts["candidate_id"]) == list(whole.verdicts["candidate_id"])
    ledger = CampaignFolder(place).open_existing()
    asks = [(n, ask) for n, _, ask in ledger.asks()]
    given = Counter((n, ask.params.get("generator", "sampler")) for n, ask in asks)
    for number in (1, 2):
        assert given[number, "sampler"] == 60
        assert given[number, "prototypes"] == given[number, "substitution"] == 15
    drawn = [p for p in ledger.candidates() if p.candidate.generator != "sampler"]
    assert drawn
    for p in drawn[:5]:
        (trace, *_) = explain(ledger, p.candidate.id)
        assert trace.generator == p.candidate.generator
        assert p.candidate.prototype in trace.steps[0].value
    ledger.close()


def test_the_files_that_decide_are_known(known: Path, tmp_path: Path) -> None:
    config = spec(known)
    assert [input_files(g) for g in config.generators] == [[known], [known]]
    types = tmp_path / "types.parquet"
    with_types = config.generators[0].model_copy(update={"types": types})
    assert input_files(with_types) == [known]
    types.touch()
    assert input_files(with_types) == [types]


def test_what_cannot_be_made_is_told_before_anything_is_spent(tmp_path: Path) -> None:
    missing = tmp_path / "nowhere.parquet"
    config = toy_config(generators=[{"kind": "swaps", "table": str(missing)}])
    with pytest.raises(InputError, match=r"nowhere\.parquet"):
        toy_machinery(config)
    with pytest.raises(InputError, match=r"generators.*known crystals are needed"):
        CampaignConfig.parse(
            "name: x\nelements: {allowed: [Zn, S, Sn]}\n"
            "targets: {band_gap: {min: 1.0, max: 2.0}}\n"
            "generators: [{kind: swaps}]\n",
            name="x.yaml",
        )
