from __future__ import annotations

import json
import shutil
from collections.abc import Iterator
from contextlib import nullcontext
from dataclasses import dataclass
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from campaigns.cli.app import app
from campaigns.cli.show import ExitCode
from campaigns.results import open_view
from campaigns.tracking import Tracker, TrackingError
from tests.campaigns.fakes import SPEC, FakeOracle, toy_machinery

pytestmark = pytest.mark.usefixtures("copied_databases")

EXAMPLE = Path(__file__).parents[2] / "campaigns" / "examples" / "solar_absorber.yaml"
SMALL = (
    SPEC.replace("rounds: 3", "rounds: 2")
    .replace("batch_size: 4", "batch_size: 3")
    .replace("asks: 120, chunk: 30", "asks: 40, chunk: 20")
)


def galena(*arguments: object) -> Result:
    return CliRunner().invoke(app, [str(a) for a in arguments], env={"COLUMNS": "140"})


@dataclass
class Toy:
    """A small campaign whose oracle is a fake."""

    spec: Path
    folder: Path
    oracle: FakeOracle

    def run(self, *options: str) -> Result:
        return galena("campaign", "run", self.spec, "--folder", self.folder, *options)


def make_toy(folder: Path, monkeypatch: pytest.MonkeyPatch) -> Toy:
    spec = folder / "toy.yaml"
    spec.write_text(SMALL)
    oracle = FakeOracle()
    monkeypatch.setattr(
        "campaigns.session.machinery_of",
        lambda config, *_, **__: nullcontext(toy_machinery(config, oracle)),
    )
    return Toy(spec, folder / "runs" / "toy", oracle)


@pytest.fixture
def toy(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Toy:
    return make_toy(tmp_path, monkeypatch)


@pytest.fixture
def no_publishing(monkeypatch: pytest.MonkeyPatch) -> None:
    """Reports and tracking take most of the time and are tested by one campaign."""
    monkeypatch.setattr("campaigns.reports.write_report", lambda *_, **__: None)
    monkeypatch.setattr(Tracker, "sync", lambda *_, **__: None)


@pytest.fixture(scope="module")
def finished(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Toy, Result]]:
    """A campaign run once for all tests that only look at it."""
    with pytest.MonkeyPatch.context() as monkeypatch:
        toy = make_toy(tmp_path_factory.mktemp("campaign"), monkeypatch)
        yield toy, toy.run()


def test_run_prints_the_shortlist_and_leaves_report_and_tracking(
    finished: tuple[Toy, Result],
) -> None:
    toy, done = finished
    assert done.exit_code == ExitCode.OK, done.output
    view = open_view(toy.folder)
    assert f"{len(view.verdicts)} oracle evaluations" in done.stdout
    assert view.shortlist.iloc[0]["formula"] in done.stdout
    assert (toy.folder / "report" / "report.html").exists()
    assert "report.html" in done.stdout
    assert (toy.folder.parent / "mlflow.db").exists()


def test_status_and_report_read_the_folder(
    finished: tuple[Toy, Result], tmp_path: Path
) -> None:
    toy, _ = finished
    assert "finished" in galena("campaign", "status", toy.folder).stdout
    facts = json.loads(galena("campaign", "status", toy.folder, "--json").stdout)
    assert [row["round"] for row in facts["rounds"]] == [1, 2]
    assert facts["n_hits"] == len(facts["shortlist"]) > 0
    done = galena("campaign", "report", toy.folder, "-o", tmp_path / "out", "--json")
    paths = json.loads(done.stdout)
    assert Path(paths["html"]).parent == tmp_path / "out"
    assert all(Path(png).exists() for png in paths["pngs"].values())


def test_running_a_finished_campaign_again_costs_nothing(
    toy: Toy, no_publishing: None
) -> None:
    first = toy.run("--json")
    calls = len(toy.oracle.calls)
    again = toy.run("--json")
    assert len(toy.oracle.calls) == calls > 0
    assert json.loads(again.stdout) == json.loads(first.stdout)


def test_ctrl_c_is_exit_130_and_the_same_command_goes_on(
    toy: Toy, no_publishing: None
) -> None:
    def stop(call: int) -> None:
        if call == 4:
            raise KeyboardInterrupt

    toy.oracle.before = stop
    stopped = toy.run("--json")
    assert stopped.exit_code == ExitCode.INTERRUPTED
    assert "same command goes on" in stopped.stderr
    toy.oracle.before = None
    done = json.loads(toy.run("--json").stdout)
    calls = toy.oracle.calls
    assert done["status"] == "finished"
    assert done["n_evaluated"] == len(set(calls)) == len(calls) - 1


def test_a_failing_tracker_is_a_warning_not_the_end(
    toy: Toy, no_publishing: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object, **__: object) -> None:
        raise TrackingError("database is locked")

    monkeypatch.setattr(Tracker, "sync", refuse)
    done = toy.run("--json")
    assert done.exit_code == ExitCode.OK
    assert "database is locked" in done.stderr
    assert json.loads(done.stdout)["status"] == "finished"


def test_dry_prints_the_plan_and_touches_nothing(toy: Toy) -> None:
    done = toy.run("--dry")
    assert done.exit_code == ExitCode.OK
    assert "at most 6 oracle calls" in done.stdout
    assert not toy.folder.exists()
    plan = json.loads(toy.run("--dry", "--json").stdout)
    assert plan["max_oracle_calls"] == 6
    assert plan["resumes"] is False


@pytest.mark.parametrize("command", ["status", "report"])
def test_a_folder_without_a_campaign_is_one_line(tmp_path: Path, command: str) -> None:
    done = galena("campaign", command, tmp_path)
    assert done.exit_code == ExitCode.ERROR
    assert "no campaign here" in done.stderr
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("change", "told"),
    [
        (("rounds: 2", "ronds: 2"), "rounds"),
        (("min: 1.0", "min: 3.0"), "contradictory"),
        (("Na, Mg", "Nq, Mg"), "Nq"),
        (("name: toy", "name: [toy"), "YAML"),
    ],
)
def test_a_wrong_specification_is_told_before_anything_is_made(
    toy: Toy, change: tuple[str, str], told: str
) -> None:
    toy.spec.write_text(SMALL.replace(*change))
    done = toy.run()
    assert done.exit_code == ExitCode.ERROR
    assert told in done.stderr
    assert "toy.yaml" in done.stderr
    assert not toy.folder.parent.exists()


def test_the_shipped_example_is_a_valid_plan(tmp_path: Path) -> None:
    done = galena("campaign", "run", EXAMPLE, "--folder", tmp_path / "x", "--dry", "--json")
    assert done.exit_code == ExitCode.OK, done.stderr
    plan = json.loads(done.stdout)
    assert plan["max_oracle_calls"] >= 40
    unwanted = {"Pb", "Cd", "Hg", "As", "Tl", "In", "Ga", "Te"}
    assert unwanted.isdisjoint(plan["spec"]["elements"]["allowed"])


@pytest.mark.parametrize(
    ("verdict", "warned"), [("decelerates", True), ("accelerates", False)]
)
def test_a_model_slower_than_chance_is_warned_of_before_anything_is_spent(
    toy: Toy, no_publishing: None, verdict: str, warned: bool
) -> None:
    own = {
        "strategy": "galena",
        "verdict": verdict,
        "acceleration": {"mean": [0.8], "low": [0.6], "high": [1.1]},
    }
    tested = {"name": "like", "facts": {"model": "m"}, "strategies": [own]}
    result = toy.spec.with_name("backtest.json")
    result.write_text(json.dumps(tested))
    toy.spec.write_text(f"{SMALL}\nbacktest: {result}\n")
    done = toy.run()
    assert done.exit_code == 0
    assert (
        "may slow the search down, 0.8 times random" in done.output.replace("\n", " ")
    ) is warned
    result.unlink()
    shutil.rmtree(toy.folder)
    gone = toy.run()
    assert gone.exit_code == ExitCode.ERROR
    assert "backtest.json" in gone.stderr


def test_two_places_for_oracles_are_refused(toy: Toy) -> None:
    done = toy.run("--workers", "2", "--storage", "sqlite:///q.db")
    assert done.exit_code == ExitCode.ERROR
    assert "--workers and --storage are different places" in done.stderr
