from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from campaigns.backtests.prepare import bounds_of, prepare, within
from campaigns.backtests.records import Records
from campaigns.backtests.replay import Replay, starting_rows
from campaigns.backtests.run import RECORDS, RESULT, Watch, run_backtest
from campaigns.backtests.spec import BacktestSpec, Constraints, Window
from campaigns.backtests.verdict import warning
from materials.errors import InputError
from tests.campaigns.backtests.toys import Guesser, spec_of, write_table


@pytest.fixture(scope="module")
def table(tmp_path_factory):
    return write_table(tmp_path_factory.mktemp("data") / "toy.parquet")


def run(table, folder, *, model=None, workers=1, watch=None, **changes):
    return run_backtest(
        spec_of(table, **changes),
        model or Guesser(table),
        data=table.parent,
        output=folder,
        cache=folder.parent / "cache",
        workers=workers,
        watch=watch,
    )


def test_a_good_network_accelerates(table, tmp_path):
    result = run(table, tmp_path / "out")
    (one,) = result.strategies
    assert one.acceleration.last.mean > 2
    assert one.verdict == "accelerates"
    assert one.hits.last.mean <= result.n_hits
    document = json.loads((tmp_path / "out" / RESULT).read_text())
    assert (
        document["strategies"][0]["acceleration"]["mean"][-1] == one.acceleration.last.mean
    )
    assert document["facts"]["model"] == "guesser+1"
    assert document["facts"]["tables"].keys() == {"toy.parquet"}


def test_a_second_run_does_nothing_again_and_more_seeds_go_on(table, tmp_path):
    counted = []
    watch = Watch(replayed=counted.append)
    model = Guesser(table)
    first = run(table, tmp_path / "out", model=model, watch=watch)
    asked = model.asked
    again = run(table, tmp_path / "out", model=model, watch=watch)
    assert (len(counted), model.asked) == (2, asked)
    assert again.document() == first.document()
    more = run(table, tmp_path / "out", model=model, watch=watch, seeds=3)
    assert len(counted) == 3
    assert more.strategies[0].per_seed[:2] == first.strategies[0].per_seed


def test_a_slow_strategy_may_have_fewer_seeds(table, tmp_path):
    names = ["network", "greedy"]
    changes = {"strategies": names, "seeds": 3, "fewer_seeds": {"greedy": 2, "tpe": 2}}
    counted = []
    watch = Watch(replayed=counted.append)
    result = run(table, tmp_path / "out", watch=watch, **changes)
    assert [one.n_seeds for one in result.strategies] == [3, 2]
    assert len(counted) == 5
    again = run(table, tmp_path / "out", strategies=names, seeds=3)  # goes on
    assert [one.n_seeds for one in again.strategies] == [3, 3]
    assert again.strategies[1].per_seed[:2] == result.strategies[1].per_seed
    assert spec_of(table, seeds=2, fewer_seeds={"greedy": 5}).seeds_of("greedy") == 2


def test_a_line_cut_short_is_done_again(table, tmp_path):
    first = run(table, tmp_path / "out")
    file = tmp_path / "out" / RECORDS
    file.write_bytes(file.read_bytes()[:-30])
    counted = []
    again = run(table, tmp_path / "out", watch=Watch(replayed=counted.append))
    assert counted == [1]
    assert again.strategies[0].per_seed == first.strategies[0].per_seed


def test_a_line_that_lacks_but_its_end_is_done_again(tmp_path):
    file = tmp_path / "r.jsonl"
    first, second = (Replay("a", seed, (1,), (2,), (0.5,)) for seed in (0, 1))
    Records(file, {}).add(first)
    file.write_bytes(file.read_bytes()[:-1])
    records = Records(file, {})
    assert records.done == {}
    records.add(second)
    assert list(Records(file, {}).done) == [("a", 1)]


@pytest.mark.parametrize("number", [1, 2])
@pytest.mark.parametrize("line", ['{"strategy": "netw', '"words"', '{"seed": 1}', ""])
def test_damage_before_the_last_line_is_refused(table, tmp_path, number, line):
    run(table, tmp_path / "out")
    file = tmp_path / "out" / RECORDS
    lines = file.read_text().splitlines()
    file.write_text("\n".join([*lines[: number - 1], line, *lines[number:]]) + "\n")
    before = file.read_bytes()
    with pytest.raises(InputError, match=rf"{RECORDS}, line {number}: .*start over"):
        run(table, tmp_path / "out")
    assert file.read_bytes() == before


@pytest.mark.parametrize(
    "change",
    [
        {"chosen": [*range(900, 915)]},
        {"chosen": [1]},
        {"start": [-1] * 10},
        {"seconds": []},
    ],
)
def test_a_replay_that_cannot_be_one_of_this_pool_is_refused(table, tmp_path, change):
    run(table, tmp_path / "out")
    file = tmp_path / "out" / RECORDS
    lines = file.read_text().splitlines()
    lines[1] = json.dumps(json.loads(lines[1]) | change)
    file.write_text("\n".join(lines) + "\n")
    with pytest.raises(
        InputError, match="the replay of network with seed 0 names other rows"
    ):
        run(table, tmp_path / "out")


def test_finished_replays_are_summed_up_anew(table, tmp_path):
    first = run(table, tmp_path / "out")
    file = tmp_path / "out" / RESULT
    right = file.read_text()
    file.write_text("old")
    assert run(table, tmp_path / "out").document() == first.document()
    assert file.read_text() == right


def test_another_budget_or_model_does_not_go_on(table, tmp_path):
    run(table, tmp_path / "out")
    with pytest.raises(InputError, match=r"spec.rounds: begun with 3, now 2"):
        run(table, tmp_path / "out", rounds=2)
    model = Guesser(table)
    model.version = "guesser+2"
    with pytest.raises(InputError, match="model: begun with"):
        run(table, tmp_path / "out", model=model)


def test_processes_find_what_one_finds(table, tmp_path):
    one = run(table, tmp_path / "one")
    two = run(table, tmp_path / "two", workers=2)
    assert two.strategies[0].per_seed == one.strategies[0].per_seed


def test_records_keep_every_replay(tmp_path):
    replay = Replay("a", 1, (1, 2), (3, 4), (0.5,))
    Records(tmp_path / "r.jsonl", {"x": 1}).add(replay)
    assert Records(tmp_path / "r.jsonl", {"x": 1}).done == {("a", 1): replay}
    with pytest.raises(InputError, match="x: begun with 1, now 2"):
        Records(tmp_path / "r.jsonl", {"x": 2})


def test_constraints_cut_the_pool(table, tmp_path):
    whole = prepared(table, tmp_path)
    cut = prepared(table, tmp_path, constraints={"forbidden": ["Cd"], "allowed": []})
    assert 0 < len(cut.pool) < len(whole.pool)
    assert not any("Cd" in formula for formula in cut.pool.view.formulas)
    few = prepared(table, tmp_path, constraints={"burden": {"max": 0.3}})
    assert 25 < len(few.pool) < len(whole.pool)


def prepared(table, cache, **changes):
    spec = spec_of(table, **changes)
    return prepare(spec, Guesser(table), data=table.parent, cache=cache)


def test_only_allowed_elements_stay():
    counts = np.zeros((3, 119), dtype=int)
    counts[0, [11, 17]] = counts[1, [11, 8]] = counts[2, [11]] = 1
    salt = Constraints(allowed=("Na", "Cl"))
    assert within(salt, ["NaCl", "Na2O", "Na"], counts).tolist() == [True, False, True]


def test_what_nobody_knows_the_burden_of_counts_as_the_worst():
    low = Constraints.model_validate({"burden": {"max": 0.35}})
    assert within(low, ["MgO", "PoO2"], np.ones((2, 119))).tolist() == [True, False]


def test_rows_without_a_label_are_no_candidates(table, tmp_path):
    found = prepared(table, tmp_path, targets={"odd": {"max": 100}})
    assert found.counts["labelled"] < found.counts["rows"]
    assert np.isnan(found.pool.view.mean).all()  # the network does not know this column


def test_hits_are_those_inside_all_windows_ends_included(table, tmp_path):
    pool = prepared(table, tmp_path).pool
    gap = pool.labels[:, 0]
    np.testing.assert_array_equal(pool.hits, (gap >= 1.0) & (gap <= 1.5))
    one = gap[pool.hits][0]
    sharp = prepared(table, tmp_path, targets={"band_gap": {"min": float(one)}}).pool
    assert sharp.hits[np.flatnonzero(gap == one)].all()


def test_masses_are_learned_by_their_logarithm():
    assert bounds_of("electron_mass", Window(min=0.01, max=0.1)) == (-2.0, -1.0)
    assert bounds_of("electron_mass", Window(max=0.1))[0] == -np.inf
    with pytest.raises(InputError, match="not positive"):
        bounds_of("electron_mass", Window(min=-1.0))


def test_a_drawn_pool_is_always_the_same(table, tmp_path):
    draw = {"pool_size": 100, "n_initial": 5, "rounds": 2}
    some = prepared(table, tmp_path, **draw).pool
    assert len(some) == 100
    assert some.fingerprint == prepared(table, tmp_path, **draw).pool.fingerprint
    whole = set(prepared(table, tmp_path).pool.ids.tolist())
    assert set(some.ids.tolist()) < whole


@pytest.mark.parametrize(
    "file", sorted((Path(__file__).parents[3] / "benchmarks" / "backtests").glob("*.yaml"))
)
def test_shipped_specifications_say_what_they_replay(file):
    spec = BacktestSpec.load(file)
    assert spec.name == file.stem
    assert (spec.n_initial, spec.rounds, spec.batch_size, spec.seeds) == (100, 20, 25, 10)
    assert BacktestSpec.parse(spec.dump(), name="again") == spec


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"targets": {"bandgap": {"min": 1}}}, "Did you mean 'band_gap'"),
        (
            {"targets": {"formula": {"min": 1}, "lattice": {"max": 2}}},
            "formula, lattice cannot be sought.* can be band_gap, electron_mass, odd",
        ),
        ({"targets": {"release": {"min": 1}}}, "release cannot be sought"),
        ({"targets": {"electron_mass": {"max": 0}}}, "not positive"),
        (
            {"constraints": {"allowed": ["He"]}},
            "0 rows are left .*120 rows, .* constraints",
        ),
        ({"targets": {"band_gap": {"min": 99}}}, "no row of the pool meets"),
        ({"rounds": 30}, "use up"),
        ({"pool": {"table": "toy.parquet", "where": {"release": "9"}}}, "no row has"),
    ],
)
def test_what_cannot_be_replayed_is_explained(table, tmp_path, changes, said):
    with pytest.raises(InputError, match=said):
        prepared(table, tmp_path, **changes)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("targets: {band_gap: {}}", "give min, max or both"),
        ("targets: {band_gap: {min: 2, max: 1}}", "contradictory"),
        ("targets: {band_gap: {min: 2}}\nstrategies: [forrest]", "Did you mean 'forest'"),
        ("targets: {band_gap: {min: 2}}\npool_size: 400", "used up"),
        (
            "targets: {band_gap: {min: 2}}\nstrategies: [tpe, forest, tpe]",
            "'tpe' is named tw",
        ),
        ("targets: {band_gap: {min: 2}}\nsed: 3", "Did you mean 'seeds'"),
    ],
)
def test_a_wrong_specification_names_the_field(text, said):
    whole = f"name: x\npool: {{table: t.parquet}}\n{text}\n"
    with pytest.raises(InputError, match=said):
        BacktestSpec.parse(whole, name="x.yaml")


def test_a_campaign_is_warned_of_what_decelerates(table, tmp_path):
    run(table, tmp_path / "out", strategies=["network"])
    file = tmp_path / "out" / RESULT
    assert warning(file, strategy="network") is None
    assert warning(file.parent, strategy="network", model="guesser+1") is None
    assert "guesser+2" in str(warning(file, strategy="network", model="guesser+2"))
    document = json.loads(file.read_text())
    document["strategies"][0]["verdict"] = "decelerates"
    file.write_text(json.dumps(document))
    assert "may slow the search down" in str(warning(file, strategy="network"))
    with pytest.raises(InputError, match="'galena' was not replayed"):
        warning(file)
    with pytest.raises(InputError, match="expected the backtest"):
        warning(tmp_path / "nothing.json")


def test_seeds_with_nothing_left_to_find_are_left_out(table, tmp_path):
    whole = prepared(table, tmp_path).pool
    gap = whole.labels[:, 0]
    start = starting_rows(len(whole), 10, 1)
    other = np.setdiff1d(
        start, np.concatenate([starting_rows(len(whole), 10, n) for n in (0, 2)])
    )
    low, high = gap[other[0]] - 1e-9, gap[other[0]] + 1e-9  # one hit, known to seed 1 alone
    sought = {"targets": {"band_gap": {"min": float(low), "max": float(high)}}}
    result = run(table, tmp_path / "out", seeds=3, **sought)
    assert result.left_out == (1,)
    assert result.strategies[0].n_seeds == len(result.strategies[0].per_seed) == 2

    def refuse(word):
        raise AssertionError(word)

    text = (tmp_path / "out" / RESULT).read_text()
    assert json.loads(text, parse_constant=refuse)["left_out"] == [1]
    with pytest.raises(InputError, match="in 1 of 2 seeds every hit is among the starting"):
        run(table, tmp_path / "two", seeds=2, **sought)
    assert not (tmp_path / "two" / RECORDS).exists()


def test_a_bad_network_decelerates(table, tmp_path):
    class Liar(Guesser):
        def predict_flat(self, crystals, **options):
            found = super().predict_flat(crystals, **options)
            found.mean[:] = np.abs(4.0 - found.mean)
            return found

    result = run(table, tmp_path / "out", model=Liar(table))
    assert result.strategies[0].verdict == "decelerates"
