from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from campaigns.cli import show
from campaigns.cli.app import app
from campaigns.cli.show import ExitCode

COMMANDS = (
    ("predict",),
    ("screen",),
    ("sustainability",),
    ("compare",),
    ("novelty",),
    ("hull",),
    ("campaign", "new"),
    ("campaign", "run"),
    ("campaign", "status"),
    ("campaign", "repair"),
    ("campaign", "report"),
    ("campaign", "answers"),
    ("campaign", "work"),
    ("campaign", "sync"),
    ("backtest",),
    ("model", "register"),
    ("model", "list"),
    ("model", "show"),
    ("explain",),
    ("relax",),
    ("generate",),
    ("data", "pull"),
    ("data", "list"),
    ("data", "show"),
    ("train",),
    ("bench", "accuracy"),
    ("bench", "speed"),
    ("ui",),
    ("version",),
)


def galena(*arguments: str) -> Result:
    return CliRunner().invoke(app, list(arguments), env={"COLUMNS": "120"})


@pytest.mark.parametrize("command", COMMANDS, ids=" ".join)
def test_help_teaches_by_example(command: tuple[str, ...]) -> None:
    done = galena(*command, "--help")
    assert done.exit_code == ExitCode.OK
    assert "Example" in done.stdout
    assert f"galena {' '.join(command)}" in done.stdout


def test_every_command_is_listed_here() -> None:
    # so that a new command is held to the test above
    groups = {info.name: info.typer_instance for info in app.registered_groups}
    found = {(info.callback.__name__,) for info in app.registered_commands if info.callback}
    for name, group in groups.items():
        found |= {
            (str(name), info.name or info.callback.__name__)
            for info in group.registered_commands
            if info.callback
        }
    assert found == set(COMMANDS)


def test_exit_codes_are_documented() -> None:
    assert "3 done, but some" in galena("--help").stdout.replace("\n", " ")


def test_version_names_what_decides_results() -> None:
    found = json.loads(galena("version", "--json").stdout)
    assert {"galena", "python", "torch", "pymatgen", "chgnet"} <= found.keys()
    assert "torch" in galena("version").stdout


@pytest.mark.parametrize(
    ("arguments", "code"),
    [
        (["version"], ExitCode.OK),
        (["campaign", "status", "nowhere"], ExitCode.ERROR),
        (["ui", "--folder", "nowhere"], ExitCode.ERROR),
        (["no-such-command"], 2),
        (["predict"], 2),
    ],
)
def test_exit_code_of_the_process(tmp_path: Path, arguments: list[str], code: int) -> None:
    root = Path(__file__).parents[2]
    command = [sys.executable, "-c", _RUN, str(root), *arguments]
    done = subprocess.run(
        command, cwd=tmp_path, capture_output=True, text=True, check=False
    )
    assert done.returncode == code, done.stderr
    assert "Traceback" not in done.stderr
    assert list(tmp_path.iterdir()) == []


_RUN = "import sys; sys.path.insert(0, sys.argv.pop(1)); import campaigns.cli.__main__"


@pytest.mark.parametrize(
    ("error", "told"),
    [
        (
            OSError(28, "No space left on device", "runs/x"),
            "runs/x: No space left on device",
        ),
        (OSError(30, "Read-only file system"), "Read-only file system"),
        (OSError(36, "File name too long", "runs/x"), "runs/x: File name too long"),
        (OSError(20, "Not a directory", "runs/x"), "give another path"),
    ],
)
def test_a_disk_or_a_path_that_cannot_be_used_is_one_line(
    monkeypatch: pytest.MonkeyPatch, error: OSError, told: str
) -> None:
    def fail(*_: object) -> None:
        raise error

    monkeypatch.setattr(show, "print_json", fail)
    done = galena("version", "--json")
    assert done.exit_code == ExitCode.ERROR
    assert told in done.stderr


def test_what_nobody_foresaw_keeps_its_traceback(monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: object) -> None:
        raise ZeroDivisionError

    monkeypatch.setattr(show, "print_json", fail)
    assert isinstance(galena("version", "--json").exception, ZeroDivisionError)


def test_json_knows_no_nan() -> None:
    import numpy as np
    import pandas as pd

    row = {
        "a": float("nan"),
        "b": np.float32(1.5),
        "c": pd.NA,
        "d": np.arange(2),
        "e": True,
    }
    assert show.plain(row) == {"a": None, "b": 1.5, "c": None, "d": [0, 1], "e": True}


@pytest.mark.parametrize(
    "command",
    [
        ("novelty", "t.parquet", "-k", "t.parquet"),
        ("relax", "t.parquet", "-p", "emt"),
        ("hull", "t.parquet"),
        ("data", "pull", "t.parquet"),
    ],
    ids=" ".join,
)
def test_no_command_writes_over_what_it_reads(
    command: tuple[str, ...], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "t.parquet").write_bytes(b"years of work")
    done = galena(*command, "-o", "t.parquet", "--force")
    assert done.exit_code == ExitCode.ERROR
    assert "is read by this command" in done.stderr
    assert (tmp_path / "t.parquet").read_bytes() == b"years of work"
