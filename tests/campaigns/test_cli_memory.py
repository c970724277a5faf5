"""Memory that runs out anywhere ends a command in one line."""

from __future__ import annotations

import pytest
import typer
from typer.testing import CliRunner

from campaigns.cli.app import GalenaGroup


def ended(error: Exception) -> tuple[int, str, BaseException | None]:
    app = typer.Typer(cls=GalenaGroup)

    @app.command()
    def one() -> None:
        raise error

    @app.command()
    def other() -> None:
        return

    result = CliRunner().invoke(app, ["one"])
    return result.exit_code, result.output, result.exception


@pytest.mark.parametrize(
    "error",
    [
        MemoryError(),
        RuntimeError("can't start new thread"),
        RuntimeError("[enforce fail] DefaultCPUAllocator: can't allocate memory"),
    ],
)
def test_no_memory_is_one_line(error):
    code, said, _ = ended(error)
    assert code == 1
    assert said.startswith("Error: memory ran out.")


def test_what_nobody_foresaw_keeps_its_traceback():
    error = RuntimeError("a fault in Galena")
    assert ended(error)[2] is error


def test_no_temporary_folder_is_one_line():
    error = FileNotFoundError(2, "No usable temporary directory found in ['/x']")
    code, said, _ = ended(error)
    assert code == 1
    assert said.startswith("Error: no temporary folder can be written; name one in TMPDIR")
