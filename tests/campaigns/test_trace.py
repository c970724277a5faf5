"""Whatever was proposed can be explained, by what was on record when it was decided."""

from __future__ import annotations

import json
import sqlite3
from collections import Counter
from collections.abc import Iterator
from dataclasses import replace
from itertools import count
from pathlib import Path
from types import SimpleNamespace

import pytest
from typer.testing import CliRunner

from campaigns.cli.app import app
from campaigns.config import CampaignConfig
from campaigns.evaluation.protocol import EvaluationError
from campaigns.folder import CampaignFolder
from campaigns.ledger import Ledger, LedgerError
from campaigns.ledger_tables import SCHEMA_VERSION
from campaigns.loop import Machinery, run_campaign
from campaigns.propose import Drawn
from campaigns.results import explain, open_view
from campaigns.sources import decision_sources
from campaigns.steps import Outcome
from campaigns.trace import Trace
from materials.candidates.protocol import Generated
from materials.candidates.prototypes import aflow_prototypes, decorate
from materials.errors import InputError
from materials.sustainability import better_than
from tests.campaigns.fakes import FakeOracle, toy_config, toy_machinery

SOURCES = {"galena": "9", "predictor": "fake-1", "training data": "t sha256:aa"}
METALS = ("Mg", "Zn", "Sn", "Na", "Cd")
PER_ROUND = 12


class Zincblendes:
    """An endless list: every metal with sulphur, then selenium, then again."""

    name = "zincblendes"

    def __init__(self) -> None:
        self.prototype = next(
            p for p in aflow_prototypes(n_species=(2,), max_sites=2) if p.spacegroup == 216
        )

    def stream(self, first: int = 0) -> Iterator[Generated]:
        for place in count(first):
            metal, anion = METALS[place % 5], ("S", "Se")[place // 5 % 2]
            yield Generated(
                name=f"{metal}{anion}-{place:010x}",
                formula=f"{metal}{anion}",
                structure=decorate(self.prototype, (metal, anion)),
                generator=self.name,
                parent="mp-1",
            )


def spec() -> CampaignConfig:
    return toy_config(
        better_than={"incumbent": "CdTe", "on": ["toxicity"]},
        targets={"band_gap": {"min": 1.0, "max": 2.0}, "sustainability": {"weight": 0.5}},
        elements={"allowed": ["Na", "Mg", "Zn", "Sn", "Cd", "S", "Se", "O"]},
    )


def machinery(config: CampaignConfig, oracle: FakeOracle | None = None) -> Machinery:
    made = toy_machinery(config, oracle)
    drawn = (Drawn(Zincblendes(), PER_ROUND),)
    proposer = replace(made.proposer, generators=drawn, sources=SOURCES)
    return replace(made, proposer=proposer)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    place = tmp_path_factory.mktemp("traced") / "campaign"
    config = spec()
    run_campaign(config, place, machinery=machinery(config, FakeOracle(failing=True)))
    return place


@pytest.fixture
def ledger(folder: Path) -> Iterator[Ledger]:
    opened = CampaignFolder(folder).open_existing()
    yield opened
    opened.close()


def one(ledger: Ledger, name: str) -> Trace:
    (trace,) = [t for t in explain(ledger, name) if t.candidate_id == name]
    return trace


def stages(trace: Trace, outcome: Outcome) -> list[str]:
    return [step.stage for step in trace.steps if step.outcome is outcome]


def test_every_proposal_has_a_name_and_tells_where_it_ended(ledger: Ledger) -> None:
    seen = Counter()
    scored = {p.candidate.id for p in ledger.candidates()}
    told: set[str | None] = set()
    for number, position, ask in ledger.asks():
        assert ask.candidate_id
        if ask.candidate_id in told or (
            ask.state != "scored" and ask.candidate_id in scored
        ):
            continue  # the first time is what counts
        told.add(ask.candidate_id)
        if position % 7 and ask.state == "rejected":
            continue  # a seventh of those is enough
        trace = one(ledger, ask.candidate_id)
        assert trace.fate
        if ask.state != "scored":
            assert stages(trace, Outcome.FAILED) == [ask.filter]
            failed = trace.steps[-1]
            assert (failed.value, failed.threshold) == (ask.value, ask.limit)
            assert failed.round == number
        seen[ask.state] += 1
    assert min(seen[s] for s in ("scored", "rejected", "repeated")) > 3


def test_a_hit_passed_every_stage_in_order(folder: Path, ledger: Ledger) -> None:
    view = open_view(folder)
    assert [t.candidate_id for t in view.traces] == list(view.shortlist["candidate_id"])
    for trace, row in zip(view.traces, view.shortlist.to_dict("records"), strict=True):
        late = [s for s in trace.steps if s.stage not in ("acquisition", "settled")]
        assert {s.outcome for s in late} == {Outcome.PASSED, Outcome.NOTED}
        names = [step.stage for step in late]
        assert names == [
            *("proposal", "distinct_elements", "allowed_elements", "charge_neutrality"),
            *("electronegativity_order", "better_than", "minimum_distance"),
            *("duplicate", "prediction", "sustainability", "novelty"),
            *("relaxation", "hull", "band_gap"),
        ]
        steps = {step.stage: step for step in trace.steps}
        assert steps["acquisition"].outcome is Outcome.PASSED  # the last of them
        assert f"{row['energy_above_hull']:+.3f} eV/atom" in steps["hull"].value
        assert steps["hull"].threshold == "at most 0.1 eV/atom"
        assert steps["hull"].source == "fake"
        assert f"{row['band_gap']:.2f} ± 0.20 eV" in steps["band_gap"].value
        assert "training data t sha256:aa" in steps["prediction"].source
        assert f"{row['rank']} of {len(view.shortlist)}" in trace.fate


def test_what_failed_at_the_oracle_says_why(folder: Path, ledger: Ledger) -> None:
    verdicts = open_view(folder).verdicts
    failed = verdicts[verdicts["error"].notna()]["candidate_id"]
    assert len(failed)
    for name in failed:
        trace = one(ledger, name)
        assert trace.steps[-1].stage == "relaxation"
        assert trace.steps[-1].value == "did not relax"
        assert "did not relax" in trace.fate


def test_what_waits_tells_its_place_round_by_round(folder: Path, ledger: Ledger) -> None:
    view = open_view(folder)
    cutoffs = dict(
        zip(view.rounds["round"], view.rounds["acquisition_cutoff"], strict=True)
    )
    waiting = view.candidates[~view.candidates["chosen"]]
    told = 0
    for row in waiting.to_dict("records"):
        steps = [
            s for s in one(ledger, row["candidate_id"]).steps if s.stage == "acquisition"
        ]
        assert steps
        assert {s.outcome for s in steps} == {Outcome.FAILED}
        for step in steps:
            assert step.threshold == f"at least {cutoffs[step.round]:.3g}"
            assert "rank" in step.value or "not among" in step.value
        told += len(steps) > 1
    assert told


def test_a_formula_stands_for_all_its_candidates(ledger: Ledger) -> None:
    formulas = Counter(p.candidate.formula for p in ledger.candidates())
    formula, n = formulas.most_common(1)[0]
    traces = explain(ledger, formula)
    assert len(traces) >= n > 1
    assert {t.formula for t in traces} == {formula}


def test_what_was_never_proposed_is_told_with_a_near_name(ledger: Ledger) -> None:
    name = ledger.candidates()[0].candidate.id
    with pytest.raises(InputError, match=f"Did you mean '{name}'"):
        explain(ledger, name[:-1])


def test_a_campaign_begun_before_a_key_existed_goes_on(tmp_path: Path) -> None:
    config = toy_config()
    place = CampaignFolder(tmp_path)
    place.open_ledger(config).close()
    older = config.model_dump(mode="json")
    for part, key in ((older, "generators"), (older["search"], "per_generator")):
        del part[key]
    begun = Ledger(place.ledger)
    begun.put("spec", older)
    begun.put("versions", {"predictor": "x"})
    begun.close()
    place.open_ledger(config).close()
    with pytest.raises(InputError, match=r"search\.per_generator: begun with 200, now 7"):
        place.open_ledger(toy_config(search={"per_generator": 7}))


def test_no_name_stands_for_nothing(ledger: Ledger) -> None:
    with pytest.raises(InputError, match="no candidate or formula ''"):
        explain(ledger, "")


def test_a_ledger_without_a_specification_is_named(tmp_path: Path) -> None:
    empty = Ledger(tmp_path / "ledger.sqlite")
    with pytest.raises(LedgerError, match="holds no specification"):
        explain(empty, "ZnS")
    empty.close()


def test_a_generator_does_not_take_the_place_of_a_source(tmp_path: Path) -> None:
    (tmp_path / "known.parquet").touch()
    given = {"kind": "prototypes", "table": str(tmp_path / "known.parquet")}
    config = toy_config(generators=[given])
    with_it = _sources(config)
    assert _sources(toy_config()).items() <= with_it.items()
    assert with_it["prototypes"].startswith("known.parquet sha256:")


def _sources(config: CampaignConfig) -> dict[str, str]:
    training = SimpleNamespace(file="t", sha256="aa")
    manifest = SimpleNamespace(training=training)
    predictor = SimpleNamespace(manifest=manifest, version="fake-1")
    versions = {"potential": "toy"}
    return decision_sources(config, SimpleNamespace(predictor=predictor, versions=versions))


def test_a_worse_material_is_turned_down_against_the_incumbent(ledger: Ledger) -> None:
    (trace,) = [t for t in explain(ledger, "CdS") if t.generator == "zincblendes"][:1]
    step = trace.steps[-1]
    assert (step.stage, step.outcome) == ("better_than", Outcome.FAILED)
    assert "toxicity" in step.value
    assert step.threshold == "better than CdTe on toxicity"
    for p in ledger.candidates():
        assert better_than(p.candidate.formula, "CdTe", ["toxicity"]).better


def test_generators_give_each_round_its_own_stretch(ledger: Ledger) -> None:
    places: dict[int, list[int]] = {}
    for number, _, ask in ledger.asks():
        if ask.params.get("generator") == "zincblendes":
            places.setdefault(number, []).append(int(ask.params["place"]))
    assert places == {n: list(range((n - 1) * PER_ROUND, n * PER_ROUND)) for n in (1, 2, 3)}
    drawn = [p for p in ledger.candidates() if p.candidate.generator == "zincblendes"]
    assert {p.candidate.prototype for p in drawn} == {"mp-1"}
    assert one(ledger, drawn[0].candidate.id).generator == "zincblendes"


def test_the_sampler_learns_nothing_from_what_it_did_not_ask(folder: Path) -> None:
    candidates = open_view(folder).candidates
    with sqlite3.connect(CampaignFolder(folder).study) as db:
        (trials,) = db.execute("SELECT count(*) FROM trials").fetchone()
    ledger = CampaignFolder(folder).open_existing()
    drawn = sum(p.candidate.generator == "zincblendes" for p in ledger.candidates())
    ledger.close()
    assert drawn > 0
    assert trials == len(candidates) - drawn


def test_counts_of_every_stage_add_up(folder: Path) -> None:
    view = open_view(folder)
    by_stage = [c for c in view.rounds.columns if c.startswith("n_rejected_")]
    lost = view.rounds[by_stage].sum(axis=1)
    assert (lost == view.rounds["n_rejected"] + view.rounds["n_duplicate"]).all()
    counted = view.rejections["filter"].value_counts().to_dict()
    for name in by_stage:
        stage = name.removeprefix("n_rejected_")
        assert view.rounds[name].sum() == counted.get(stage, 0)
    assert (view.rounds["n_relaxed"] >= view.rounds["n_stable"]).all()
    assert (view.rounds["n_stable"] >= view.rounds["n_hits"]).all()


def test_the_source_on_record_is_the_one_that_decided(tmp_path: Path) -> None:
    config, place = spec(), tmp_path / "campaign"

    class Stop(Exception):
        pass

    def stop(call: int) -> None:
        if call == 6:  # in the second round
            raise Stop

    first = machinery(config, FakeOracle(before=stop))
    with pytest.raises(EvaluationError, match="Stop"):
        run_campaign(config, place, machinery=first)
    second = machinery(config)
    sources = SOURCES | {"galena": "10"}
    second = replace(second, proposer=replace(second.proposer, sources=sources))
    run_campaign(config, place, machinery=second)
    ledger = CampaignFolder(place).open_existing()
    assert [ledger.sources(n)["galena"] for n in (1, 2, 3)] == ["9", "9", "10"]
    asked = {ask.candidate_id: n for n, _, ask in reversed(list(ledger.asks()))}
    late = next(p.candidate.id for p in ledger.candidates() if asked[p.candidate.id] == 3)
    steps = {s.stage: s for s in one(ledger, late).steps}
    assert steps["minimum_distance"].source == "galena 10"
    ledger.close()


def first_schema(folder: Path, old: Path) -> None:
    """The ledger as a first Galena would have left it."""
    with sqlite3.connect(CampaignFolder(folder).ledger) as new:
        new.execute("VACUUM INTO ?", (str(old),))
    with sqlite3.connect(old) as db:
        db.executescript(
            "DROP TABLE standings; DROP TABLE sources; DROP TABLE confirmations;"
            "DROP TABLE checks;"
        )
        db.execute("UPDATE meta SET value = '1' WHERE key = 'schema_version'")
        for rowid, content in db.execute("SELECT rowid, content FROM asks").fetchall():
            fields = json.loads(content)
            del fields["passed"]
            if fields["state"] != "scored":
                fields["candidate_id"] = None
            text = json.dumps(fields)
            db.execute("UPDATE asks SET content = ? WHERE rowid = ?", (text, rowid))


def test_a_ledger_of_the_first_schema_is_taken_along(folder: Path, tmp_path: Path) -> None:
    first_schema(folder, tmp_path / "ledger.sqlite")
    view = open_view(tmp_path)
    assert len(view.traces) == len(open_view(folder).traces)
    ledger = CampaignFolder(tmp_path).open_existing()
    assert ledger.get("schema_version") == SCHEMA_VERSION
    assert explain(ledger, view.traces[0].candidate_id)[0].steps[-1].stage == "band_gap"
    ledger.close()


def test_a_ledger_of_the_first_schema_that_cannot_be_written_is_read(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    old = tmp_path / "ledger.sqlite"
    first_schema(folder, old)
    before = old.read_bytes()
    connect = sqlite3.connect
    monkeypatch.setattr(
        "campaigns.ledger_file.sqlite3.connect",
        lambda path, **kw: connect(f"file:{path}?mode=ro", uri=True, **kw),
    )
    assert len(open_view(tmp_path).traces) == len(open_view(folder).traces)
    assert old.read_bytes() == before


def test_the_command_prints_all_of_it(folder: Path) -> None:
    def galena(*arguments: object) -> object:
        texts = [str(a) for a in arguments]
        return CliRunner().invoke(app, texts, env={"COLUMNS": "160"})

    shown = galena("explain", "--folder", folder)
    assert shown.exit_code == 0, shown.output
    for name in open_view(folder).shortlist["candidate_id"]:
        assert f"{name}: a hit" in shown.stdout
    assert "better than CdTe on toxicity" in shown.stdout
    facts = json.loads(galena("explain", "CdS", "--folder", folder, "--json").stdout)
    assert facts["candidates"][0]["steps"][-1]["outcome"] == "failed"
    unknown = galena("explain", "Uuo", "--folder", folder)
    assert unknown.exit_code == 1
    assert "was proposed" in unknown.stderr
