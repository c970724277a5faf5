"""A pool is predicted once, ranked anew each round, and its best become candidates."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest

from campaigns.acquisition import probability_of_success
from campaigns.beliefs import Beliefs
from campaigns.config import CampaignConfig
from campaigns.evaluation.serial import SerialEvaluator
from campaigns.loop import Machinery, run_campaign
from campaigns.pools import CrystalPool
from campaigns.propose import Proposer
from campaigns.protocols import Verdict
from campaigns.records import Proposed
from campaigns.sources import input_versions
from campaigns.surrogate import TARGETS
from materials.candidates.prototypes import aflow_prototypes, decorate
from materials.errors import InputError
from materials.table import CrystalTable
from tests.campaigns.fakes import FakeOracle, FakePredictor

pytestmark = pytest.mark.usefixtures("without_study")

PAIRS = [(m, x) for m in ("Mg", "Zn", "Na", "Sn", "Ca") for x in ("O", "S", "Se", "F")]


@dataclass
class Counting(FakePredictor):
    """Counts the crystals it is asked about."""

    asked: int = 0

    def predict(self, structures, *, progress=False):
        self.asked += len(structures)
        return super().predict(structures, progress=progress)


@pytest.fixture(scope="module")
def table(tmp_path_factory: pytest.TempPathFactory) -> Path:
    prototypes = [
        p for p in aflow_prototypes(n_species=(2,), max_sites=4) if p.n_species == 2
    ][:3]
    structures = [decorate(p, pair) for p in prototypes for pair in PAIRS]
    path = tmp_path_factory.mktemp("pool") / "pool.parquet"
    ids = [f"row-{i}" for i in range(len(structures))]
    CrystalTable.from_structures(structures, ids=ids).write(path)
    return path


def pool_config(table: Path, **changes: object) -> CampaignConfig:
    content = {
        "name": "pool",
        "targets": {"band_gap": {"min": 1.0, "max": 2.0}},
        "pool": {"table": str(table), "per_round": 8},
        "search": {"asks": 0},
        "rounds": 3,
        "batch_size": 4,
    }
    return CampaignConfig.model_validate(content | changes)


def campaign(config: CampaignConfig, folder: Path, predictor: FakePredictor):
    proposer = Proposer.build(config, predictor, cache=folder / "pool")
    versions = {"galena": "0", "predictor": "fake-1", "potential": "fake"}
    machinery = Machinery(proposer, (SerialEvaluator(FakeOracle()),), versions)
    return run_campaign(config, folder, machinery=machinery)


def test_every_choice_is_from_the_pool_and_made_once(table: Path, tmp_path: Path) -> None:
    predictor = Counting()
    view = campaign(pool_config(table), tmp_path / "c", predictor)
    chosen = view.verdicts["candidate_id"]
    assert len(chosen) == 12
    assert chosen.is_unique
    assert set(chosen) <= {f"row-{i}" for i in range(60)}
    assert predictor.asked == 60 + view.rounds["n_valid"].sum()
    again = Counting()
    campaign(pool_config(table), tmp_path / "c", again)
    assert again.asked == 0  # finished: nothing is predicted


def test_an_empty_pool_ends_a_campaign_at_once(table: Path, tmp_path: Path) -> None:
    pool = {"table": str(table), "per_round": 25}
    config = pool_config(table, rounds=20, batch_size=25, pool=pool)
    view = campaign(config, tmp_path / "c", FakePredictor())
    assert view.status == "finished"
    *chosen, last = view.rounds["n_chosen"].tolist()
    assert last == 0 < min(chosen)
    assert sum(chosen) == len(view.verdicts) > 50
    again = campaign(config, tmp_path / "c", FakePredictor())
    assert len(again.rounds) == len(view.rounds)


def test_the_ranking_is_that_of_the_whole_pool(table: Path) -> None:
    config = pool_config(table)
    pool = CrystalPool(config.pool, config, FakePredictor())
    found = pool.predicted(lambda n: None)
    beliefs = Beliefs.of_network(config.targets)
    best = pool.best(found, beliefs, seen=set(), settled=set())
    whole = beliefs.score(found.base(np.arange(len(found))))
    worth = probability_of_success(whole, config.targets, found.n_elements, found.n_sites)
    order = np.argsort(-worth, kind="stable")[:8]
    assert [draft.name for draft in best] == [str(found.ids[i]) for i in order]
    later = pool.best(found, beliefs, seen={best[0].name}, settled=set())
    assert [d.name for d in later][:7] == [d.name for d in best][1:]
    formula = best[0].candidate.formula
    rest = pool.best(found, beliefs, seen=set(), settled={formula})
    assert formula not in {d.candidate.formula for d in rest}


def test_forbidden_elements_never_reach_the_network(table: Path) -> None:
    config = pool_config(table, elements={"allowed": ["Mg", "Zn", "S", "O"]})
    predictor = Counting()
    pool = CrystalPool(config.pool, config, predictor)
    found = pool.predicted(lambda n: None)
    assert predictor.asked == len(found) == 12
    assert found.turned_down == {"allowed_elements": 48}


def test_the_cache_serves_and_a_damaged_one_is_made_again(table: Path, tmp_path: Path):
    config = pool_config(table)
    first = CrystalPool(config.pool, config, Counting(), cache=tmp_path)
    found = first.predicted(lambda n: None)
    (file,) = tmp_path.glob("*.npz")
    predictor = Counting()
    again = CrystalPool(config.pool, config, predictor, cache=tmp_path)
    assert np.array_equal(again.predicted(lambda n: None).mean, found.mean)
    assert predictor.asked == 0
    file.write_bytes(file.read_bytes()[:100])
    assert np.array_equal(again.predicted(lambda n: None).embedding, found.embedding)
    assert predictor.asked == 60
    other = CrystalPool(config.pool, config, Counting(version="fake-2"), cache=tmp_path)
    assert other.predicted(lambda n: None) is not None
    assert len(list(tmp_path.glob("*.npz"))) == 2


def test_pool_and_sampler_in_one_campaign(table: Path, tmp_path: Path) -> None:
    config = pool_config(
        table,
        elements={"allowed": ["Na", "Mg", "Zn", "Sn", "S", "Se", "O"]},
        search={"asks": 60, "chunk": 30, "max_sites": 8},
    )
    view = campaign(config, tmp_path / "c", FakePredictor())
    prototypes = set(view.candidates["prototype"])
    assert "pool" in prototypes
    assert len(prototypes) > 1


def test_a_pool_that_lacks_names_of_their_own_is_refused(tmp_path: Path) -> None:
    prototype = next(p for p in aflow_prototypes(n_species=(2,)) if p.n_species == 2)
    for name in ("one", "two"):
        crystal = decorate(prototype, ("Zn", "S"))
        one = CrystalTable.from_structures([crystal], ids=["a"])
        one.write(tmp_path / f"{name}.parquet")
    config = pool_config(tmp_path)
    with pytest.raises(InputError, match="row 2: material_id 'a' is there twice"):
        CrystalPool(config.pool, config, FakePredictor()).predicted(lambda n: None)


def test_an_empty_pool_says_what_emptied_it(table: Path) -> None:
    config = pool_config(
        table, elements={"allowed": ["Pb", "Te"]}, search={"asks": 0, "n_species": [2]}
    )
    with pytest.raises(InputError, match="60 by allowed_elements"):
        CrystalPool(config.pool, config, FakePredictor()).predicted(lambda n: None)


def test_a_pool_needs_no_elements_and_says_so(table: Path) -> None:
    config = pool_config(table)
    assert len(config.elements.allowed) == 118
    assert json.loads(config.model_dump_json())["pool"]["per_round"] == 8
    with pytest.raises(ValueError, match="exceeds the 8 proposals"):
        pool_config(table, batch_size=9)


def test_a_large_pool_is_looked_at_closely_where_there_is_hope(
    table: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    config = pool_config(table)
    pool = CrystalPool(config.pool, config, FakePredictor())
    found = pool.predicted(lambda n: None)
    plain = pool.worth(found, Beliefs.of_network(config.targets))
    crystal = pool.best(
        found, Beliefs.of_network(config.targets), seen=set(), settled=set()
    )[0].candidate
    network = {f"{t}{s}": 0.3 for t in TARGETS for s in ("", "_std")}
    judged = Proposed(crystal, 1, False, 0.0, {}, network, found.embedding[0].astype(float))
    verdict = Verdict(crystal.id, band_gap=1.5, energy_above_hull=0.0)
    beliefs = Beliefs.learned(config, [judged], {crystal.id: verdict})
    everything = pool.worth(found, beliefs)
    monkeypatch.setattr("campaigns.pools._CLOSER", 10)
    some = pool.worth(found, beliefs)
    looked_at = np.isfinite(some)
    assert looked_at.sum() == 10
    assert plain[looked_at].min() >= plain[~looked_at].max()
    assert some[looked_at] == pytest.approx(everything[looked_at], abs=0)


def test_elements_may_be_forbidden_without_naming_all_others(table: Path) -> None:
    config = pool_config(table, elements={"forbidden": ["Pb", "O"]})
    assert len(config.elements.allowed) == 116
    assert config.search.asks == 0
    narrow = pool_config(table, elements={"allowed": ["Zn", "S"]}, search={"asks": 0})
    assert narrow.search.n_species == (2, 3)  # nothing is made, so nothing is wrong


def test_a_pool_that_is_not_there_or_cannot_be_read_says_so(tmp_path: Path) -> None:
    for name, told in (
        ("no.cif", "does not exist"),
        ("bad.cif", "no crystals can be read"),
    ):
        if name == "bad.cif":
            (tmp_path / name).write_text("not a crystal")
        config = pool_config(tmp_path / name)
        with pytest.raises(InputError, match=told):
            CrystalPool(config.pool, config, FakePredictor()).predicted(lambda n: None)


def test_another_table_under_the_same_name_is_another_campaign(
    table: Path, tmp_path: Path
) -> None:
    own = tmp_path / "own.parquet"
    own.write_bytes(table.read_bytes())
    config = pool_config(own)
    before = input_versions(config)
    assert before["pool"].startswith("own.parquet sha256:")
    CrystalTable.open(own).write(tmp_path / "again.parquet")
    structures = list(CrystalTable.open(own).structures())[:50]
    CrystalTable.from_structures(structures).write(own)
    assert input_versions(config) != before
    predictor = FakePredictor()
    proposer = Proposer.build(config, predictor, cache=tmp_path / "cache")
    versions = {"predictor": "fake-1", "potential": "fake"}
    oracle = (SerialEvaluator(FakeOracle()),)
    first = Machinery(proposer, oracle, versions | before)
    run_campaign(config, tmp_path / "c", machinery=first)
    other = Machinery(proposer, oracle, versions | input_versions(config))
    with pytest.raises(InputError, match=r"begun with pool own\.parquet"):
        run_campaign(config, tmp_path / "c", machinery=other)
