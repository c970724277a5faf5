"""Screening on a cluster of two nodes, both on this machine."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, ClassVar

import pandas as pd
import pyarrow.parquet as pq
import pytest
from typer.testing import CliRunner

import campaigns
import campaigns.screening.ray as on_ray
from campaigns.cli.app import app
from campaigns.cli.show import ExitCode
from campaigns.screening import run
from campaigns.screening.recipe import Recipe
from campaigns.screening.sources import Task, open_source
from campaigns.screening.spec import ScreenSpec
from materials.errors import InputError, MissingExtraError
from materials.shards import Shard
from tests.campaigns.screening.guesses import bytes_of, rocksalt_table
from tests.campaigns.small_model import save_small_model

pytestmark = pytest.mark.slow

pytest.importorskip("ray.cluster_utils", reason="Ray is not installed")
psutil = pytest.importorskip("psutil", reason="psutil is not installed")

N, ROWS = 100, 5
HOME = Path(campaigns.__file__).parents[1]  # of the packages, installed or not


@pytest.fixture(scope="module", autouse=True)
def workers_find_galena() -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("PYTHONPATH", str(HOME))
        patch.setenv("RAY_USAGE_STATS_ENABLED", "0")
        patch.setenv("OMP_NUM_THREADS", "1")
        yield


@pytest.fixture(scope="module")
def cluster(workers_find_galena: None) -> Iterator[Any]:
    """A head with one processor; tests add nodes and remove them."""
    from ray.cluster_utils import Cluster

    soon = {"health_check_period_ms": 500, "health_check_failure_threshold": 3}
    head = {"num_cpus": 1, "_system_config": soon}
    found = Cluster(initialize_head=True, head_node_args=head)
    yield found
    found.shutdown()


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return save_small_model(tmp_path_factory.mktemp("model"))


@pytest.fixture(scope="module")
def spec(tmp_path_factory: pytest.TempPathFactory) -> ScreenSpec:
    table = rocksalt_table(tmp_path_factory.mktemp("t") / "a.parquet", N, broken=(4, 90))
    return ScreenSpec(table=str(table), rows_per_shard=ROWS)


@pytest.fixture(scope="module")
def recipe(spec: ScreenSpec, model: Path) -> Recipe:
    return Recipe.of(spec, model, device="cpu", precision="float32")


@pytest.fixture(scope="module")
def local(
    tmp_path_factory: pytest.TempPathFactory, spec: ScreenSpec, recipe: Recipe
) -> dict[str, bytes]:
    """Parts of the same screening without a cluster."""
    folder = tmp_path_factory.mktemp("local") / "out"
    screener = recipe.screener()
    engine = run.local_engine(screener, workers=1)
    run.screen(open_source(spec), folder, spec, engine, model=screener.version)
    return bytes_of(folder)


class Watched(on_ray._Crew):
    """Remembers who was given shards, and which shards were lost."""

    used: ClassVar[set[Any]] = set()
    lost: ClassVar[list[int]] = []

    def give(self, task: Task) -> None:
        self.used.add(self.idle[0])
        super().give(task)

    def _finished(self, ref: Any) -> tuple[Task, Any]:
        task, result = super()._finished(ref)
        if result is None:
            self.lost.append(task.shard.number)
        return task, result


Worker = on_ray._Worker


class Slow(Worker):
    """Takes so long that there is always a shard to lose."""

    def screen(self, task: Task) -> Any:
        time.sleep(0.25)
        return Worker.screen(self, task)  # what is taken along has no zero-argument super


Slow.__module__ = "__main__"  # taken along: the cluster cannot import this file


@pytest.fixture
def watched(monkeypatch: pytest.MonkeyPatch) -> Iterator[type[Watched]]:
    monkeypatch.setattr(on_ray, "_Crew", Watched)
    monkeypatch.setattr(on_ray, "_Worker", Slow)
    yield Watched
    Watched.used.clear()
    Watched.lost.clear()


def screen(
    cluster: Any,
    folder: Path,
    spec: ScreenSpec,
    recipe: Recipe,
    disturb: Callable[[], None],
    *,
    at_work: int,
) -> dict[str, bytes]:
    """Screen on the cluster, disturbed once as soon as so many workers have shards."""
    done: list[int] = []
    disturbed: list[int] = []

    def tell(n: int) -> None:
        done.append(n)
        if len(Watched.used) < at_work:
            time.sleep(0.5)  # the others are still being started
        elif not disturbed and len(done) > 2:
            disturbed.append(len(done))
            disturb()

    engine = run.ray_engine(recipe, address=cluster.address, tell=tell)
    version = recipe.screener().version
    result = run.screen(open_source(spec), folder, spec, engine, model=version, tell=tell)
    assert sum(done) == result.counts.given == N
    assert disturbed
    return bytes_of(folder)


def actors() -> list[Any]:
    """Processes that have a model."""
    mine = {p.pid for p in psutil.Process().children(recursive=True)}
    found = [p for p in psutil.process_iter(["cmdline"]) if p.pid in mine]
    return [p for p in found if (p.info["cmdline"] or [""])[0].startswith("ray::Slow")]


def test_a_node_lost_in_the_middle_makes_no_difference(
    tmp_path: Path,
    cluster: Any,
    spec: ScreenSpec,
    recipe: Recipe,
    local: dict[str, bytes],
    watched: type[Watched],
) -> None:
    node = cluster.add_node(num_cpus=1)
    cluster.wait_for_nodes()

    def disturb() -> None:
        cluster.remove_node(node, allow_graceful=False)

    assert screen(cluster, tmp_path / "out", spec, recipe, disturb, at_work=2) == local
    assert watched.lost


def test_a_worker_lost_in_the_middle_makes_no_difference(
    tmp_path: Path,
    cluster: Any,
    spec: ScreenSpec,
    recipe: Recipe,
    local: dict[str, bytes],
    watched: type[Watched],
) -> None:
    killed = []

    def disturb() -> None:
        killed.append(actors()[0])
        killed[0].send_signal(signal.SIGKILL)

    assert screen(cluster, tmp_path / "out", spec, recipe, disturb, at_work=1) == local
    assert watched.lost
    assert_gone(actors)


def assert_gone(find: Callable[[], list[Any]], seconds: float = 30.0) -> None:
    end = time.monotonic() + seconds
    while find() and time.monotonic() < end:
        time.sleep(0.2)
    assert find() == []


def said_on_ray(cluster: Any, recipe: Recipe, tasks: list[Task]) -> str:
    """The one line that a person is told."""
    with pytest.raises((InputError, on_ray.ClusterError)) as told:
        list(on_ray.screen_on_ray(tasks, recipe, address=cluster.address))
    assert "Traceback" not in str(told.value)
    assert len(str(told.value).splitlines()) == 1
    return str(told.value)


def test_an_unusable_model_is_one_line(
    cluster: Any, spec: ScreenSpec, recipe: Recipe
) -> None:
    broken = Recipe(recipe.spec, {**recipe.model, "config.json": b"{"}, "cpu", "float32")
    tasks = [Task(Shard(0, 0, 1))]
    assert "config.json" in said_on_ray(cluster, broken, tasks)


def test_what_a_worker_says_of_a_shard_is_one_line(cluster: Any, model: Path) -> None:
    spec = ScreenSpec.model_validate(
        {
            "candidates": {
                "elements": {"allowed": ["Ga", "As"]},
                "n_species": [2],
                "max_sites": 2,
            }
        }
    )
    recipe = Recipe.of(spec, model, device="cpu", precision="float32")
    said = said_on_ray(cluster, recipe, [Task(Shard(0, 10**6, 10**6 + 1))])
    assert "candidates are numbered from 0" in said


def test_a_shard_that_kills_its_workers_is_named(
    cluster: Any, recipe: Recipe, spec: ScreenSpec, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Fatal(on_ray._Worker):
        def ready(self, recipe: Recipe) -> str:
            from campaigns.versions import galena_version

            return galena_version()

        def screen(self, task: Task) -> Any:
            os._exit(1)

    Fatal.__module__ = "__main__"
    monkeypatch.setattr(on_ray, "_Worker", Fatal)
    assert "shard 7 (rows 3 to 4) lost its worker 3 times" in said_on_ray(
        cluster, recipe, [Task(Shard(7, 3, 4))]
    )


def test_a_cluster_without_room_is_one_line(
    cluster: Any, recipe: Recipe, monkeypatch: pytest.MonkeyPatch
) -> None:
    import ray

    @ray.remote(num_cpus=1)
    class Other:
        def here(self) -> bool:
            return True

    monkeypatch.setattr(on_ray, "_PATIENCE", 1.0)
    ray.init(address=cluster.address, log_to_driver=False)
    try:
        other = Other.remote()
        assert ray.get(other.here.remote())
        said = said_on_ray(cluster, recipe, [Task(Shard(0, 0, 1))])
        assert "the cluster gave no worker for 1 s" in said
        assert ray.is_initialized()  # whoever connected stays connected
    finally:
        ray.shutdown()


@pytest.mark.parametrize("address", ["127.0.0.1:1", "ray://127.0.0.1:1", "nonsense"])
def test_a_wrong_address_is_one_line(
    tmp_path: Path, model: Path, spec: ScreenSpec, address: str
) -> None:
    out = tmp_path / "out"
    arguments = ["screen", str(spec.table), "-o", str(out), "--model", str(model)]
    done = CliRunner().invoke(app, [*arguments, "--ray", address], env={"COLUMNS": "120"})
    assert done.exit_code == ExitCode.ERROR
    said = done.stderr.strip().splitlines()[-1]
    assert f"no Ray cluster at '{address}'" in said
    assert "ray start --head" in said
    assert not list(out.glob("*.parquet"))


def test_without_ray_the_extra_is_named(
    recipe: Recipe, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "ray", None)
    with pytest.raises(MissingExtraError, match=r"galena-materials\[ray\]"):
        list(on_ray.screen_on_ray([], recipe, address="local"))


def test_without_a_cluster_ray_is_not_loaded(
    tmp_path: Path, spec: ScreenSpec, model: Path
) -> None:
    arguments = ["screen", spec.table, "-o", str(tmp_path / "o"), "--model", str(model)]
    code = (
        "import sys\nfrom campaigns.cli.app import app\n"
        f"app({arguments!r}, standalone_mode=False)\nsys.exit('ray' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert done.returncode in (0, ExitCode.PARTIAL), done.stderr
    assert len(pd.read_parquet(tmp_path / "o")) == N


@pytest.mark.parametrize("how", [signal.SIGINT, signal.SIGKILL])
def test_a_driver_that_dies_leaves_no_process_and_goes_on_later(
    tmp_path: Path, spec: ScreenSpec, model: Path, local: dict[str, bytes], how: int
) -> None:
    out = tmp_path / "out"
    arguments = ["screen", str(spec.table), "-o", str(out), "--model", str(model)]
    arguments += ["--rows-per-shard", str(ROWS), "--workers", "1"]
    with tempfile.TemporaryDirectory(prefix="g-", ignore_cleanup_errors=True) as mark:
        driver = subprocess.Popen(
            [sys.executable, "-m", "campaigns.cli", *arguments, "--ray", "local"],
            env={**os.environ, "RAY_TMPDIR": mark},
            cwd=tmp_path,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            text=True,
        )

        def left() -> list[Any]:
            found = psutil.process_iter(["cmdline"])
            return [p for p in found if any(mark in a for a in p.info["cmdline"] or ())]

        while driver.poll() is None and not left():
            time.sleep(0.05)
        # The first file may be there before it is on record; at the second it surely is.
        while driver.poll() is None and len(list(out.glob("part-*.parquet"))) < 2:
            time.sleep(0.001)  # it is over in the twinkling of an eye
        driver.send_signal(how)
        _, said = driver.communicate(timeout=60)
        if how == signal.SIGINT:
            assert driver.returncode == ExitCode.INTERRUPTED, said
            assert "Traceback" not in said
        assert_gone(left)
    assert 0 < len(bytes_of(out)) < len(local)
    done = CliRunner().invoke(app, arguments)
    assert "went on after" in done.stdout
    assert bytes_of(out) == local
    assert pq.read_table(out).num_rows == N
