"""A campaign in a notebook: the same objects, the same numbers as the command line."""

from __future__ import annotations

import re
import shutil
from contextlib import nullcontext
from html.parser import HTMLParser
from pathlib import Path

import pandas as pd
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from typer.testing import CliRunner

from campaigns import predict
from campaigns.campaign import Campaign
from campaigns.cli.app import app
from campaigns.evaluation.serial import SerialEvaluator
from campaigns.loop import run_campaign
from campaigns.machinery import Machinery
from campaigns.oracles.guard import Guard
from campaigns.protocols import Candidate, Verdict
from campaigns.tracking import Tracker
from campaigns.view import CampaignView
from materials.errors import InputError
from tests.campaigns.fakes import SPEC, FakeOracle, FakePredictor, toy_config, toy_machinery
from tests.campaigns.test_worksheets import LAB

pytestmark = pytest.mark.usefixtures("copied_databases")

ROUNDS = 3


def campaign(folder: Path, config=None, oracle=None, **options: object) -> Campaign:
    config = config or toy_config()
    return Campaign(
        config,
        folder,
        tracking_uri="off",
        lang="en",
        machinery=toy_machinery(config, oracle),
        **options,
    )


def same(a: CampaignView, b: CampaignView) -> None:
    for name in ("shortlist", "verdicts", "candidates", "rejections"):
        pd.testing.assert_frame_equal(getattr(a, name), getattr(b, name))


def answered(table: pd.DataFrame, oracle: FakeOracle, of: Campaign) -> list[dict]:
    """What the oracle finds, as somebody would tell it."""
    rows = []
    for name, formula in zip(table["candidate_id"], table["formula"], strict=True):
        structure = of.structure(name)
        v = oracle(Candidate(name, formula, "", (), structure))
        rows.append(
            {
                "candidate_id": name,
                "energy_above_hull": v.energy_above_hull,
                "band_gap": v.band_gap,
                "band_gap_std": v.band_gap_std,
                "origin": v.origin,
            }
        )
    return rows


@pytest.fixture(scope="module")
def at_once(tmp_path_factory: pytest.TempPathFactory) -> CampaignView:
    config = toy_config()
    folder = tmp_path_factory.mktemp("at_once") / "toy"
    return run_campaign(config, folder, machinery=toy_machinery(config))


@pytest.fixture(autouse=True)
def _no_report(monkeypatch: pytest.MonkeyPatch) -> None:
    """Reports have tests of their own, and take seconds each."""
    monkeypatch.setattr("campaigns.reports.write_report", lambda *args, **kw: None)


step = st.one_of(
    st.tuples(st.sampled_from(["api", "command"]), st.integers(1, 2)),
    st.tuples(st.just("propose"), st.sampled_from([None, 4])),
)


@settings(
    max_examples=3,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given(steps=st.lists(step, max_size=4))
def test_in_pieces_by_whomever_it_comes_out_the_same(
    steps: list[tuple[str, int | None]],
    at_once: CampaignView,
    tmp_path_factory: pytest.TempPathFactory,
) -> None:
    config = toy_config()
    folder = tmp_path_factory.mktemp("pieces") / "toy"
    for how, n in steps:
        if how == "command":
            run_campaign(config, folder, rounds=n, machinery=toy_machinery(config))
        elif how == "api":
            campaign(folder).run(rounds=n)
        else:
            campaign(folder).propose(n)
    done = campaign(folder).run()
    assert done.status == "finished"
    same(done._view(), at_once)


def test_begun_here_finished_by_the_command_looked_at_here(
    tmp_path: Path, at_once: CampaignView, monkeypatch: pytest.MonkeyPatch
) -> None:
    config, folder = toy_config(), tmp_path / "toy"
    campaign(folder).run(rounds=1).propose()
    monkeypatch.setattr(
        "campaigns.session.machinery_of",
        lambda *_, **__: nullcontext(toy_machinery(config)),
    )
    monkeypatch.setattr(Tracker, "sync", lambda *_, **__: None)
    (tmp_path / "toy.yaml").write_text(SPEC)
    command = ["campaign", "run", str(tmp_path / "toy.yaml"), "--folder", str(folder)]
    done = CliRunner().invoke(app, command)
    assert done.exit_code == 0, done.output
    same(Campaign.resume(folder)._view(), at_once)


def test_rounds_are_counted_one_by_one(tmp_path: Path, at_once: CampaignView) -> None:
    toy = campaign(tmp_path / "toy")
    assert toy.status == "new"
    for number in range(1, ROUNDS):
        assert toy.run(rounds=1) is toy
        assert (len(toy.rounds()), toy.status) == (number, "running")
    assert toy.run(rounds=1).status == "finished"
    same(toy._view(), at_once)


@pytest.mark.parametrize("rounds", [0, -1])
def test_no_rounds_are_no_request(rounds: int, tmp_path: Path) -> None:
    with pytest.raises(InputError, match="expected 1 or more"):
        campaign(tmp_path / "toy").run(rounds=rounds)
    assert not (tmp_path / "toy").exists()


def test_a_budget_used_up_ends_it_also_at_the_last_round_asked_for(tmp_path: Path) -> None:
    config = toy_config(budget={"oracle_calls": 8})
    toy = campaign(tmp_path / "toy", config).run(rounds=2)
    assert (toy.status, len(toy.verdicts())) == ("finished", 8)


def test_proposed_and_told_is_as_if_the_oracle_had_been_asked(
    tmp_path: Path, at_once: CampaignView
) -> None:
    toy, oracle = campaign(tmp_path / "toy"), FakeOracle()
    for _ in range(ROUNDS):
        told = toy.tell(pd.DataFrame(answered(toy.propose(), oracle, toy)))
        assert len(told.problems) == 0
    assert toy.propose().empty
    assert toy.run().status == "finished"
    verdicts, before = toy.verdicts(), at_once.verdicts
    for column in (
        "candidate_id",
        "round",
        "energy_above_hull",
        "band_gap",
        "hit",
        "score",
    ):
        pd.testing.assert_series_equal(verdicts[column], before[column])
    assert toy.shortlist()["formula"].tolist() == at_once.shortlist["formula"].tolist()


def test_a_killed_kernel_loses_no_proposal(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    first = campaign(tmp_path / "toy").propose(3)
    assert capsys.readouterr().out == ""
    again = campaign(tmp_path / "toy").propose(3)  # another kernel
    pd.testing.assert_frame_equal(first, again)
    assert len(first) == 3
    assert "3 candidates of round 1 wait for answers" in capsys.readouterr().out
    assert campaign(tmp_path / "toy").waiting()["candidate_id"].tolist() == list(
        first["candidate_id"]
    )
    assert set(campaign(tmp_path / "toy").structures()) == set(first["candidate_id"])


def test_what_is_proposed_says_why(tmp_path: Path) -> None:
    table = campaign(tmp_path / "toy").propose(2)
    assert table["acquisition"].is_monotonic_decreasing
    assert (
        table["why"]
        .str.match(r"rank \d+ of \d+; gap .* foreseen, 1 to 2 eV sought; ")
        .all()
    )


def test_told_in_part_run_goes_on_with_the_rest(tmp_path: Path) -> None:
    oracle = FakeOracle()
    toy = campaign(tmp_path / "toy", oracle=oracle)
    table = toy.propose(4)
    told = toy.tell(answered(table.head(2), FakeOracle(), toy))
    assert (told.taken, told.still_open) == (tuple(table["candidate_id"][:2]), 2)
    assert len(toy.propose()) == 2
    toy.run(rounds=1)
    assert oracle.calls == list(table["candidate_id"][2:])


def test_nothing_is_proposed_beyond_the_budget(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    toy = campaign(tmp_path / "toy", toy_config(budget={"oracle_calls": 3}))
    table = toy.propose(4)
    assert len(table) == 3
    toy.tell(answered(table, FakeOracle(), toy))
    assert toy.propose().empty
    assert "Nothing is left to propose" in capsys.readouterr().out


def test_people_are_handed_candidates_and_tell(tmp_path: Path) -> None:
    from campaigns.evaluation.elsewhere import Elsewhere

    config = toy_config(oracle=LAB)
    plain = toy_machinery(config)
    lab = Campaign(
        config,
        tmp_path / "lab",
        tracking_uri="off",
        lang="en",
        machinery=Machinery(plain.proposer, (Elsewhere(),), plain.versions),
    )
    table = lab.propose(4)
    assert lab.status == "running"
    assert lab.run(rounds=1).status == "waiting"
    assert lab.waiting()["oracle"].unique().tolist() == ["lab"]
    told = lab.tell(
        {
            name: {"band_gap": 1.4, "energy_above_hull": 0.02}
            for name in table["candidate_id"][:2]
        }
    )
    assert (len(told.taken), told.still_open) == (2, 2)
    more = lab.propose(3)  # half is enough
    assert set(more["round"]) == {2}
    assert len(lab.waiting()) == 2 + 3


def test_interrupted_it_says_so_in_a_sentence(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], at_once: CampaignView
) -> None:
    def stop(n: int) -> None:
        if n == 6:
            raise KeyboardInterrupt

    toy = campaign(tmp_path / "toy", oracle=FakeOracle(before=stop))
    assert toy.run() is toy
    assert "Stopped. Nothing is lost: run() goes on from here." in capsys.readouterr().out
    same(campaign(tmp_path / "toy").run()._view(), at_once)


def test_bars_come_and_go(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    campaign(tmp_path / "toy", toy_config(rounds=1)).run()
    out, err = capsys.readouterr()
    assert "Round 1 of 1: proposing" in err
    assert "Round 1 of 1: oracle" in err
    assert out.splitlines() == ["toy: finished, 1 of 1 rounds, 4 oracle evaluations, 1 hit"]


# --- loading


def test_loading_changes_nothing_on_disk(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "toy.yaml").write_text(SPEC)
    for source in (
        "toy.yaml",
        tmp_path / "toy.yaml",
        toy_config(),
        {"name": "toy", **_mapping()},
    ):
        toy = Campaign.load(source, lang="en")
        assert toy.folder == Path("runs/toy")
        assert toy.config == toy_config()
        assert toy.status == "new"
        assert toy.shortlist().empty
        assert "not begun" in toy._repr_html_()
    assert [path.name for path in tmp_path.iterdir()] == ["toy.yaml"]


def _mapping() -> dict:
    return toy_config().model_dump(mode="json", exclude_unset=True)


@pytest.mark.parametrize(
    ("source", "told"),
    [
        ("toi.yaml", r"no such file.*Did you mean 'toy\.yaml'"),
        (7, "not from a int"),
        ({"name": "x", "elemnts": {}}, "elemnts"),
    ],
)
def test_what_cannot_be_loaded_is_named(
    source: object, told: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "toy.yaml").write_text(SPEC)
    with pytest.raises(InputError, match=told):
        Campaign.load(source)


def test_it_is_resumed_by_name_or_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    campaign(tmp_path / "runs" / "odd").run(rounds=1)
    for name in ("toy", "odd", "runs/odd", tmp_path / "runs" / "odd"):
        found = Campaign.resume(name)
        assert (found.folder.name, len(found.rounds())) == ("odd", 1)
    with pytest.raises(
        InputError, match=r"no campaign 'tay' under runs: there are odd, toy\."
    ):
        Campaign.resume("tay")
    shutil.copytree(tmp_path / "runs" / "odd", tmp_path / "runs" / "even")
    with pytest.raises(
        InputError, match="several campaigns are called 'toy': runs/even, runs/odd"
    ):
        Campaign.resume("toy")


def test_where_none_has_begun_it_says_so(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="there is none yet"):
        Campaign.resume("toy", runs=tmp_path)


def test_telling_what_has_not_begun_makes_no_folder(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="no campaign here"):
        campaign(tmp_path / "toy").tell([{"candidate_id": "x", "band_gap": 1.0}])
    assert not (tmp_path / "toy").exists()


# --- what it shows


@pytest.fixture(scope="module")
def done(tmp_path_factory: pytest.TempPathFactory) -> Campaign:
    config = toy_config()
    folder = tmp_path_factory.mktemp("done") / "toy"
    run_campaign(config, folder, machinery=toy_machinery(config))
    return campaign(folder)


class _Tags(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.seen: list[str] = []
        self.open: list[str] = []

    def handle_starttag(self, tag: str, attrs: list) -> None:
        self.seen.append(tag)
        if tag != "br":
            self.open.append(tag)
        assert not [name for name, _ in attrs if name.startswith("on")]

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag


def test_a_notebook_sees_status_question_counts_and_the_best(done: Campaign) -> None:
    html = done._repr_html_()
    tags = _Tags()
    tags.feed(html)
    assert not tags.open
    assert "script" not in tags.seen
    assert "Sought: a gap of 1 to 2 eV. At most 0.1 eV/atom above the hull." in html
    assert "3 of 3 rounds, 12 oracle evaluations" in html
    best = done.shortlist()["formula"].head(5)
    assert all(f">{formula}</td>" in html for formula in best)
    assert html.count("<tr>") == len(best) + 1
    assert "finished" in repr(done)
    assert "\n" not in repr(done)
    assert f"12 judged, {len(done.shortlist())} hit" in repr(done)


def test_what_people_wrote_is_escaped(tmp_path: Path) -> None:
    toy = campaign(tmp_path / "toy")
    table = toy.propose(1)
    told = toy.tell([{"candidate_id": "<script>alert(1)</script>", "band_gap": 1.0}])
    assert "<script>" not in told._repr_html_()
    toy.tell({table["candidate_id"][0]: {"error": "<img src=x onerror=alert(1)>"}})
    html = toy.explain(table["candidate_id"][0])._repr_html_()
    assert "<img" not in html
    assert "&lt;img" in html


def test_it_explains_a_formula_an_identifier_and_the_shortlist(done: Campaign) -> None:
    best = done.shortlist().iloc[0]
    by_id = done.explain(best["candidate_id"])
    assert len(by_id) == 1
    assert by_id[0].candidate_id == best["candidate_id"]
    assert "a hit: 1 of" in str(by_id)
    assert best["candidate_id"] in {
        trace.candidate_id for trace in done.explain(best["formula"])
    }
    assert done.explain(best["formula"])[0].candidate_id == best["candidate_id"]
    assert len(done.explain()) == len(done.shortlist())
    lines = str(done.explain()).splitlines()
    others = done.shortlist()["candidate_id"][1:]
    assert [line.partition(":")[0] for line in lines[-len(others) - 1 : -1]] == list(others)
    tags = _Tags()
    tags.feed(done.explain()._repr_html_())
    assert not tags.open
    assert {"stage", "found", "wanted"} <= set(by_id.table().columns)
    with pytest.raises(InputError, match="no candidate or formula 'Zzz'"):
        done.explain("Zzz")


def test_pictures_are_listed_drawn_and_given_as_data(done: Campaign) -> None:
    from campaigns.pictures import PICTURES

    assert {*PICTURES, "data"} == set(dir(done.plot))
    figure = done.plot.discovery()
    assert figure.axes
    assert len(done.plot.discovery.data()) == len(done.plot.data("discovery")) > 0
    with pytest.raises(AttributeError, match=r"no picture 'parto'.*Did you mean 'pareto'"):
        done.plot.parto()


def test_tables_are_copies(done: Campaign) -> None:
    for name in ("shortlist", "verdicts", "candidates", "rounds"):
        table = getattr(done, name)()
        table["formula"] = "spoilt"
        assert "spoilt" not in set(getattr(done, name)().get("formula", ()))


def test_a_structure_that_is_none_is_named(done: Campaign) -> None:
    best = done.shortlist()["candidate_id"]
    assert list(done.structures(done.shortlist())) == list(best)
    with pytest.raises(InputError, match="no candidate"):
        done.structure(best[0][:-1] + "x")


def test_the_view_is_read_again_after_a_change(tmp_path: Path) -> None:
    toy = campaign(tmp_path / "toy")
    toy.run(rounds=1)
    before = len(toy.verdicts())
    campaign(tmp_path / "toy").run(rounds=1)  # somebody else
    assert len(toy.verdicts()) == before + 4


# --- an oracle of one's own


def my_oracle(structure) -> dict:
    chi = [site.specie.X for site in structure]
    return {"energy_above_hull": 0.02, "band_gap": 4 * (max(chi) - min(chi)), "heat": 2.0}


def other_oracle(structure) -> dict:
    return {"energy_above_hull": 0.02, "band_gap": 1.5}


@pytest.fixture
def _fake_model(monkeypatch: pytest.MonkeyPatch) -> None:
    from campaigns.oracles.build import Equipment

    def load(config, store):
        return Equipment(FakePredictor(), "fake", {})

    monkeypatch.setattr(Equipment, "load", load)
    monkeypatch.setattr("campaigns.machinery.decision_sources", lambda *_: {})


@pytest.mark.usefixtures("_fake_model")
def test_a_function_is_an_oracle_on_record(tmp_path: Path) -> None:
    def load(function):
        return Campaign.load(
            SPEC_MAPPING, folder=tmp_path / "toy", oracle=function, tracking_uri="off"
        )

    mine = load(my_oracle).run(rounds=1)
    assert mine.config.oracle.kind == "function"
    assert len(mine.verdicts()) == 4
    assert mine.verdicts()["error"].isna().all()
    version = mine._view().versions["oracle my_oracle"]
    assert version.startswith("function my_oracle sha256:")
    renamed = other_oracle
    renamed.__name__ = "my_oracle"
    with pytest.raises(InputError, match="begun with oracle my_oracle function"):
        load(renamed).run()
    with pytest.raises(InputError, match=r"has to be given: in Python, Campaign\.resume"):
        Campaign.resume(tmp_path / "toy").run()
    assert load(my_oracle).run().status == "finished"


SPEC_MAPPING = toy_config().model_dump(mode="json", exclude_unset=True)


# --- a pool in memory


@pytest.mark.usefixtures("_fake_model")
def test_a_pool_in_memory_is_kept_for_whoever_goes_on(
    tmp_path: Path, at_once: CampaignView
) -> None:
    crystals = [at_once.structure(name) for name in at_once.candidates["candidate_id"][:20]]
    pool = pd.DataFrame({"name": [f"mine-{i}" for i in range(20)], "structure": crystals})
    spec = {
        "name": "toy",
        "targets": {"band_gap": {"min": 1.0, "max": 2.0}},
        "rounds": 1,
        "batch_size": 3,
    }

    def load(given):
        return Campaign.load(
            spec, folder=tmp_path / "toy", oracle=my_oracle, pool=given, tracking_uri="off"
        )

    toy = load(pool)
    assert not (tmp_path / "toy").exists()
    assert toy.propose()["candidate_id"].str.startswith("mine-").all()
    assert toy.run().status == "finished"
    with pytest.raises(InputError, match="other crystals to choose from"):
        load(pool.head(19)).run()
    again = Campaign.resume(tmp_path / "toy", oracle=my_oracle)
    assert len(again.run().verdicts()) == 3


def test_a_pool_is_not_thinned_out_in_silence(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="2 of 2 are no crystals"):
        Campaign.load(SPEC_MAPPING, folder=tmp_path, pool=[1, 2])


def test_the_guard_is_the_oracles_own() -> None:
    from campaigns.oracles.function import Function, function_oracle
    from campaigns.oracles.specs import FunctionSpec

    spec = FunctionSpec(kind="function", name="my_oracle", cost=3.0, retries=1)
    oracle = function_oracle(spec, {"my_oracle": Function.of(my_oracle)})
    assert isinstance(oracle, Guard)
    assert isinstance(SerialEvaluator(oracle).oracle, Guard)
    assert re.match(
        r"function my_oracle sha256:[0-9a-f]{16}$", Function.of(my_oracle).fingerprint
    )
    assert Verdict("x").cost == 0.0


# --- what a reviewer found


def test_proposed_and_told_to_the_end_it_is_finished(tmp_path: Path) -> None:
    toy = campaign(tmp_path / "toy", toy_config(rounds=1))
    toy.tell(answered(toy.propose(), FakeOracle(), toy))
    assert "All is judged: run() closes the campaign" in toy._repr_html_()
    assert toy.propose().empty
    assert toy.status == "finished"


def test_an_oracle_that_always_fails_is_spoken_of(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    def broken(candidate: Candidate) -> Verdict:
        return Verdict(candidate.id, error="no licence <server>")

    toy = campaign(tmp_path / "toy", toy_config(rounds=1), broken).run()
    why = "Why evaluations failed, 4 of 4 times: no licence <server>"
    line, second = capsys.readouterr().out.splitlines()
    assert line.endswith("4 oracle evaluations, 4 failures, 0 hits")
    assert second == why
    assert why in str(toy.explain())
    assert "no licence &lt;server&gt;" in toy._repr_html_()


def test_a_first_start_that_failed_may_be_corrected(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    config = toy_config(rounds=1)

    def broken(*args: object, **options: object) -> None:
        raise InputError("no such pool")

    monkeypatch.setattr("campaigns.session.machinery_of", broken)
    with pytest.raises(InputError, match="no such pool"):
        campaign(tmp_path / "toy", toy_config(seed=9)).run()
    monkeypatch.undo()
    monkeypatch.setattr("campaigns.reports.write_report", lambda *args, **kw: None)
    assert campaign(tmp_path / "toy", config).run().status == "finished"
    assert "seed: 3" in (tmp_path / "toy" / "campaign.yaml").read_text()
    with pytest.raises(InputError, match="another specification"):
        campaign(tmp_path / "toy", toy_config(rounds=1, seed=9)).run()


def test_a_folder_that_is_refused_stays_as_it_was(tmp_path: Path) -> None:
    (tmp_path / "mine.cif").write_text("data_x")
    with pytest.raises(InputError, match="not a campaign folder"):
        campaign(tmp_path).run()
    assert [path.name for path in tmp_path.iterdir()] == ["mine.cif"]


@pytest.mark.usefixtures("_fake_model")
def test_a_campaign_with_its_own_pool_moves(
    tmp_path: Path, at_once: CampaignView, monkeypatch: pytest.MonkeyPatch
) -> None:
    crystals = {n: at_once.structure(n) for n in at_once.candidates["candidate_id"][:9]}
    monkeypatch.chdir(tmp_path)
    spec = {"name": "toy", "rounds": 2, "batch_size": 2} | {
        "targets": {"band_gap": {"min": 1.0, "max": 2.0}}
    }
    options = {"oracle": my_oracle, "tracking_uri": "off"}
    Campaign.load(spec, folder="here", pool=crystals, **options).run(rounds=1)
    (tmp_path / "other").mkdir()
    shutil.move("here", "other/there")
    monkeypatch.chdir(tmp_path / "other")
    again = Campaign.load(spec, folder="there", pool=crystals, **options)
    assert again.propose()["candidate_id"].isin(list(crystals)).all()
    moved = Campaign.resume("there", **options)
    assert moved.run().status == "finished"
    assert "pool" in moved._view().versions


@pytest.mark.parametrize("odd", [2.5, "3", True, 0])
def test_a_number_that_is_none_costs_nothing(odd: object, tmp_path: Path) -> None:
    toy = campaign(tmp_path / "toy")
    with pytest.raises(InputError, match="expected 1"):
        toy.propose(odd)
    with pytest.raises(InputError, match="expected 1"):
        toy.run(rounds=odd)
    assert not (tmp_path / "toy").exists()


def test_names_that_are_none_are_refused_in_words(done: Campaign) -> None:
    for ask in (done.explain, done.structures):
        with pytest.raises(InputError, match="named by its identifier"):
            ask(3)
    with pytest.raises(InputError, match="no column 'candidate_id'"):
        done.structures(pd.DataFrame({"x": [1]}))
    with pytest.raises(InputError, match="resumed by its name or folder"):
        Campaign.resume(None)


def test_the_command_explains_the_best_of_a_formula_whole_and_the_rest_in_lines(
    done: Campaign, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("campaigns.cli.explain._WHOLE", 1)
    counts = done.candidates()["formula"].value_counts()
    formula = str(counts.index[0])
    assert counts.iloc[0] > 1
    command = ["explain", formula, "--folder", str(done.folder), "--lang", "en"]
    short = CliRunner().invoke(app, command).output
    whole = CliRunner().invoke(app, [*command, "--all"]).output
    assert short.count("proposal") == 1
    assert whole.count("proposal") == len(done.explain(formula))
    assert "All of them whole: galena explain --all" in short


# --- predictions


def test_predictions_are_rows_of_whatever_was_given(
    monkeypatch: pytest.MonkeyPatch, at_once: CampaignView
) -> None:
    asked = []
    monkeypatch.setattr(
        "models.loading.load_predictor", lambda folder: asked.append(folder)
    )
    monkeypatch.setattr(
        "models.measured.predictor.with_measured_gap", lambda _: FakePredictor()
    )
    crystal = at_once.structure(at_once.candidates["candidate_id"][0])
    table = predict([crystal, "pyproject.toml", crystal.as_dict()])
    assert table["name"].tolist() == ["crystal-0", "pyproject.toml", "crystal-2"]
    assert table["error"].isna().tolist() == [True, False, True]
    assert table["band_gap"][0] == table["band_gap"][2] > 0
    assert len(asked) == 1
