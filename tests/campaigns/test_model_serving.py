"""MLflow alone runs a registered model: in a process without Galena, and over HTTP."""

from __future__ import annotations

import ast
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from importlib.metadata import packages_distributions
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import requests

from campaigns.tracking import free_port
from models.inference import Predictor
from tests.campaigns.crystal_files import rocksalts
from tests.campaigns.registered import Registry, make_registry

pytestmark = pytest.mark.usefixtures("copied_databases")

ROOT = Path(__file__).resolve().parents[2]
PATIENCE = 240.0
"""s; a server is up after a few, but machines under load take their time."""

CRYSTALS = rocksalts(3)
TEXTS = [
    CRYSTALS[0].to(fmt="cif"),
    "data_broken\n_cell_length_a nonsense",
    CRYSTALS[1].to(fmt="json"),
    CRYSTALS[2].to(fmt="json"),
]
READABLE = [0, 2, 3]

LOADING = """
import json, sys, warnings
warnings.simplefilter("ignore")
import mlflow.pyfunc
import pandas as pd
model = mlflow.pyfunc.load_model(sys.argv[1])
out = model.predict(pd.DataFrame({"structure": json.load(sys.stdin)}))
files = {n: m.__file__ for n, m in sys.modules.items()
         if n.partition(".")[0] in ("materials", "models", "campaigns")}
print(json.dumps({"records": out.to_dict("records"), "files": files}))
"""


@pytest.fixture(scope="module")
def registry(tmp_path_factory: pytest.TempPathFactory) -> Registry:
    return make_registry(tmp_path_factory.mktemp("registry"))


@pytest.fixture(scope="module")
def expected(registry: Registry) -> pd.DataFrame:
    """What the predictor says of the crystals that can be read."""
    return Predictor.load(registry.bundle, device="cpu").predict(CRYSTALS).to_frame()


def environment(**more: str) -> dict[str, str]:
    """This environment without the way to our sources, and with its programs on the path."""
    kept = {key: value for key, value in os.environ.items() if key != "PYTHONPATH"}
    path = f"{Path(sys.executable).parent}{os.pathsep}{kept.get('PATH', '')}"
    silent = {"MLFLOW_DISABLE_TELEMETRY": "true", "CUDA_VISIBLE_DEVICES": ""}
    return kept | silent | {"PATH": path} | more


def check(records: list[dict[str, Any]], expected: pd.DataFrame) -> None:
    """The numbers are the predictor's, and the broken row says so."""
    assert len(records) == len(TEXTS)
    for row, values in zip(READABLE, expected.to_dict("records"), strict=True):
        assert records[row]["error"] is None
        for name, value in values.items():
            if isinstance(value, float):
                np.testing.assert_allclose(records[row][name], value, rtol=1e-4, atol=1e-5)
            else:
                assert records[row][name] == value
    assert list(records[0]) == expected.columns.tolist()
    assert "CIF" in records[1]["error"]
    assert np.isnan(records[1]["band_gap"])


@pytest.fixture(scope="module")
def elsewhere(registry: Registry, tmp_path_factory: pytest.TempPathFactory) -> dict:
    """What another process, which cannot see our sources, makes of the artefact."""
    done = subprocess.run(
        [sys.executable, "-I", "-c", LOADING, str(registry.artefact)],
        cwd=tmp_path_factory.mktemp("elsewhere"),
        env=environment(),
        input=json.dumps(TEXTS),
        capture_output=True,
        text=True,
        timeout=PATIENCE,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def test_it_runs_on_the_code_it_brings(
    registry: Registry, elsewhere: dict, expected: pd.DataFrame
) -> None:
    check(elsewhere["records"], expected)
    code = (registry.artefact / "code").resolve()
    files = [Path(file).resolve() for file in elsewhere["files"].values()]
    assert code / "models" / "inference.py" in files
    assert all(file.is_relative_to(code) for file in files)


def test_all_that_its_code_imports_is_required(registry: Registry, elsewhere: dict) -> None:
    """Imports inside functions count only where they ran, which the process above decides."""
    lines = (registry.artefact / "requirements.txt").read_text().split()
    asked = {line.partition("==")[0].lower().replace("_", "-") for line in lines}
    homes = packages_distributions()
    for file in elsewhere["files"].values():
        for name in (
            imported(Path(file)) - {"materials", "models"} - sys.stdlib_module_names
        ):
            brings = {home.lower().replace("_", "-") for home in homes[name]}
            assert brings & asked, f"{file} imports {name}"


def imported(file: Path) -> set[str]:
    """Packages that a module imports when it is loaded."""
    names = set()
    for node in ast.parse(file.read_text()).body:
        if isinstance(node, ast.Import):
            names |= {alias.name.partition(".")[0] for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            names.add(str(node.module).partition(".")[0])
    return names


@contextmanager
def served(
    registry: Registry, folder: Path
) -> Iterator[tuple[str, subprocess.Popen, Path]]:
    """``mlflow models serve`` on this machine, ended with all that it started."""
    port = free_port(20_000 + os.getpid() % 20_000)
    log = folder / "server.log"
    command = [sys.executable, "-m", "mlflow", "models", "serve", "--env-manager", "local"]
    command += ["-m", "models:/galena@champion", "-h", "127.0.0.1", "-p", str(port)]
    with log.open("wb") as out:
        server = subprocess.Popen(
            command,
            cwd=folder,
            env=environment(MLFLOW_TRACKING_URI=registry.uri),
            stdout=out,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
        try:
            yield f"http://127.0.0.1:{port}", server, log
        finally:
            with suppress(ProcessLookupError):
                os.killpg(server.pid, signal.SIGKILL)  # it has nothing to lose
            server.wait(timeout=20)


def direct() -> requests.Session:
    """HTTP to this machine, whatever proxy the environment names."""
    session = requests.Session()
    session.trust_env = False
    return session


def wait_until_up(url: str, server: subprocess.Popen, log: Path) -> None:
    http, end = direct(), time.monotonic() + PATIENCE
    while time.monotonic() < end:
        assert server.poll() is None, f"the server ended:\n{log.read_text()[-4000:]}"
        try:
            if http.get(f"{url}/ping", timeout=5).ok:
                return
        except requests.RequestException:
            pass
        time.sleep(0.25)
    pytest.fail(f"no answer after {PATIENCE:.0f} s:\n{log.read_text()[-4000:]}")


def ask(url: str, content: dict) -> tuple[int, Any]:
    answer = direct().post(f"{url}/invocations", json=content, timeout=120)
    return answer.status_code, answer.json()


@pytest.mark.skipif(
    not hasattr(os, "killpg"), reason="process groups are needed to clean up"
)
def test_mlflow_serves_it_over_http(
    registry: Registry, expected: pd.DataFrame, tmp_path: Path
) -> None:
    with served(registry, tmp_path) as (url, server, log):
        wait_until_up(url, server, log)
        rows = {"columns": ["structure"], "data": [[text] for text in TEXTS]}
        status, answer = ask(url, {"dataframe_split": rows})
        assert status == 200, log.read_text()[-4000:]
        check(answer["predictions"], expected)
        status, answer = ask(
            url, {"dataframe_split": {"columns": ["cif"], "data": [["x"]]}}
        )
        assert status == 400
        assert "structure" in answer["message"]
