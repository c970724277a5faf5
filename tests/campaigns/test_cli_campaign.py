from __future__ import annotations

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from campaigns.cli.app import app
from campaigns.cli.show import ExitCode
from campaigns.results import open_view
from campaigns.tracking import Tracker, TrackingError
from tests.campaigns.fakes import SPEC, FakeOracle, toy_machinery

EXAMPLE = Path(__file__).parents[2] / "campaigns" / "examples" / "solar_absorber.yaml"


def galena(*arguments: object) -> Result:
    return CliRunner().invoke(app, [str(a) for a in arguments], env={"COLUMNS": "140"})


@pytest.fixture
def oracle(monkeypatch: pytest.MonkeyPatch) -> FakeOracle:
    oracle = FakeOracle()
    monkeypatch.setattr(
        "campaigns.loop.build_machinery", lambda config, _: toy_machinery(config, oracle)
    )
    return oracle


@pytest.fixture
def spec(tmp_path: Path) -> Path:
    path = tmp_path / "toy.yaml"
    path.write_text(SPEC)
    return path


def test_run_prints_the_shortlist_and_leaves_report_and_tracking(
    tmp_path: Path, spec: Path, oracle: FakeOracle
) -> None:
    folder = tmp_path / "runs" / "toy"
    done = galena("campaign", "run", spec, "--folder", folder)
    assert done.exit_code == ExitCode.OK, done.output
    view = open_view(folder)
    assert f"{len(view.verdicts)} oracle evaluations" in done.stdout
    assert view.shortlist.iloc[0]["formula"] in done.stdout
    assert (folder / "report" / "report.html").exists()
    assert "report.html" in done.stdout
    assert (tmp_path / "runs" / "mlflow.db").exists()


def test_running_a_finished_campaign_again_costs_nothing(
    tmp_path: Path, spec: Path, oracle: FakeOracle
) -> None:
    command = ("campaign", "run", spec, "--folder", tmp_path / "runs" / "toy", "--json")
    first = galena(*command)
    calls = len(oracle.calls)
    again = galena(*command)
    assert len(oracle.calls) == calls > 0
    assert json.loads(again.stdout) == json.loads(first.stdout)


def test_ctrl_c_is_exit_130_and_the_same_command_goes_on(
    tmp_path: Path, spec: Path, oracle: FakeOracle
) -> None:
    def stop(call: int) -> None:
        if call == 5:
            raise KeyboardInterrupt

    oracle.before = stop
    command = ("campaign", "run", spec, "--folder", tmp_path / "runs" / "toy", "--json")
    stopped = galena(*command)
    assert stopped.exit_code == ExitCode.INTERRUPTED
    assert "same command goes on" in stopped.stderr
    oracle.before = None
    done = json.loads(galena(*command).stdout)
    assert done["status"] == "finished"
    assert done["n_evaluated"] == len(set(oracle.calls)) == len(oracle.calls) - 1


def test_a_failing_tracker_is_a_warning_not_the_end(
    tmp_path: Path, spec: Path, oracle: FakeOracle, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object, **__: object) -> None:
        raise TrackingError("database is locked")

    monkeypatch.setattr(Tracker, "sync", refuse)
    done = galena("campaign", "run", spec, "--folder", tmp_path / "runs" / "toy", "--json")
    assert done.exit_code == ExitCode.OK
    assert "database is locked" in done.stderr
    assert json.loads(done.stdout)["status"] == "finished"


def test_dry_prints_the_plan_and_touches_nothing(tmp_path: Path, spec: Path) -> None:
    folder = tmp_path / "runs" / "toy"
    done = galena("campaign", "run", spec, "--folder", folder, "--dry")
    assert done.exit_code == ExitCode.OK
    assert "at most 12 oracle calls" in done.stdout
    assert not folder.exists()
    plan = json.loads(
        galena("campaign", "run", spec, "--folder", folder, "--dry", "--json").stdout
    )
    assert plan["max_oracle_calls"] == 12
    assert plan["resumes"] is False


def test_status_and_report_read_the_folder(
    tmp_path: Path, spec: Path, oracle: FakeOracle
) -> None:
    folder = tmp_path / "runs" / "toy"
    galena("campaign", "run", spec, "--folder", folder)
    status = galena("campaign", "status", folder)
    assert status.exit_code == ExitCode.OK
    assert "finished" in status.stdout
    facts = json.loads(galena("campaign", "status", folder, "--json").stdout)
    assert [row["round"] for row in facts["rounds"]] == [1, 2, 3]
    assert facts["n_hits"] == len(facts["shortlist"])
    out = tmp_path / "elsewhere"
    paths = json.loads(galena("campaign", "report", folder, "-o", out, "--json").stdout)
    assert Path(paths["html"]).parent == out
    assert all(Path(png).exists() for png in paths["pngs"].values())


@pytest.mark.parametrize("command", ["status", "report"])
def test_a_folder_without_a_campaign_is_one_line(tmp_path: Path, command: str) -> None:
    done = galena("campaign", command, tmp_path)
    assert done.exit_code == ExitCode.ERROR
    assert "no campaign here" in done.stderr
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("change", "told"),
    [
        (("rounds: 3", "ronds: 3"), "rounds"),
        (("min: 1.0", "min: 3.0"), "contradictory"),
        (("Na, Mg", "Nq, Mg"), "Nq"),
        (("name: toy", "name: [toy"), "YAML"),
    ],
)
def test_a_wrong_specification_is_told_before_anything_is_made(
    tmp_path: Path, spec: Path, change: tuple[str, str], told: str
) -> None:
    spec.write_text(SPEC.replace(*change))
    done = galena("campaign", "run", spec, "--folder", tmp_path / "runs")
    assert done.exit_code == ExitCode.ERROR
    assert told in done.stderr
    assert "toy.yaml" in done.stderr
    assert not (tmp_path / "runs").exists()


def test_the_shipped_example_is_a_valid_plan(tmp_path: Path) -> None:
    done = galena("campaign", "run", EXAMPLE, "--folder", tmp_path / "x", "--dry", "--json")
    assert done.exit_code == ExitCode.OK, done.stderr
    plan = json.loads(done.stdout)
    assert plan["max_oracle_calls"] >= 40
    unwanted = {"Pb", "Cd", "Hg", "As", "Tl", "In", "Ga", "Te"}
    assert unwanted.isdisjoint(plan["spec"]["elements"]["allowed"])
