"""No Python that is begun in a stranger's folder imports what lies there."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from campaigns.tracking import ui_command, ui_environment

ROOT = Path(__file__).parents[2]
BEGUN = {
    "an oracle in a process of its own": """
from campaigns.oracles.isolated import Isolated
from tests.campaigns.spawned import answering, given
if __name__ == "__main__":
    oracle = Isolated(answering, time_limit=60.0)
    assert oracle(given()).band_gap == 1.0
    oracle.close()
""",
    "workers": """
from pathlib import Path
from campaigns.evaluation.processes import Crew
from tests.campaigns.evaluation.fakes import FakeRecipe
from tests.campaigns.spawned import given
if __name__ == "__main__":
    with Crew(FakeRecipe(Path(sys.argv[1]).parent / "log"), 1) as crew:
        crew.give(given())
        found = []
        while not found:
            found = crew.wait(60.0)
        assert found[0].verdict is not None
""",
    "replays of a back-test": """
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from campaigns.spawning import outside_folder
if __name__ == "__main__":
    with outside_folder(), ProcessPoolExecutor(1, mp_context=get_context("spawn")) as pool:
        assert pool.submit(abs, -1).result() == 1
""",
}


@pytest.fixture
def trap(tmp_path: Path) -> Path:
    """A folder that holds modules by the names of Python's and MLflow's own."""
    folder = tmp_path / "evil"
    folder.mkdir()
    for name in ("pickle", "selectors", "click", "signal", "uvicorn"):
        ran = f"open({str(tmp_path / 'ran')!r}, 'w').close()\nraise ImportError('evil')\n"
        (folder / f"{name}.py").write_text(ran)
    return folder


def run(command: list[str], folder: Path, environment: dict[str, str]) -> None:
    done = subprocess.run(
        command, cwd=folder, env=environment, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr[-2000:]
    assert not (folder.parent / "ran").exists()


@pytest.mark.parametrize("what", BEGUN)
def test_processes_import_nothing_from_the_working_directory(what: str, trap: Path) -> None:
    script = trap.parent / "script.py"
    script.write_text(f"import sys\n{BEGUN[what]}")
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    run([sys.executable, str(script), str(script)], trap, environment)


def test_mlflow_imports_nothing_from_the_working_directory(trap: Path) -> None:
    database = trap / "mlflow.db"
    database.touch()
    uri = f"sqlite:///{database}"
    environment = ui_environment(uri)
    command = ui_command(uri, 5900)
    place = command.index("server")
    run([*command[: place + 1], "--help"], trap, environment)
    workers = [sys.executable, "-m", "uvicorn", "--version"]  # as MLflow starts its own
    run(workers, trap, environment)


def test_a_program_of_a_worker_finds_modules_beside_itself(tmp_path: Path) -> None:
    (tmp_path / "beside.py").write_text("")
    (tmp_path / "mine.py").write_text("import beside\n")
    script = tmp_path / "script.py"
    script.write_text(
        "import subprocess, sys\n"
        "from multiprocessing import get_context\n"
        "from campaigns.spawning import outside_folder\n"
        "from tests.campaigns.spawned import starting\n"
        "if __name__ == '__main__':\n"
        "    child = get_context('spawn').Process(target=starting, args=(sys.argv[1],))\n"
        "    with outside_folder():\n"
        "        child.start()\n"
        "    child.join()\n"
        "    sys.exit(child.exitcode)\n"
    )
    command = [sys.executable, str(script), str(tmp_path / "mine.py")]
    done = subprocess.run(command, env={**os.environ, "PYTHONPATH": str(ROOT)}, check=False)
    assert done.returncode == 0
