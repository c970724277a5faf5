"""Small pieces of work killed at each of their instants: the next run must go on."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tools.chaos.shim import Aim, counted, library

pytestmark = pytest.mark.skipif(library() is None, reason="no C compiler, or no Linux")

ROOT = Path(__file__).parents[2]
PIECES = {
    "the record of a training": """
from models.training.record import keep_record
keep_record(folder / "training.json", {"config": list(range(50))})
""",
    "a worksheet": """
from campaigns.oracles.inbox.worksheet import write_worksheet
from campaigns.oracles.specs import Quantity
from campaigns.protocols import Candidate
from campaigns.words import words
from pymatgen.core import Lattice, Structure
crystal = Structure(Lattice.cubic(5.6), ["Na", "Cl"], [(0, 0, 0), (0.5, 0.5, 0.5)])
candidate = Candidate("NaCl", "NaCl", "x", ("Cl", "Na"), crystal)
if not (folder / "worksheet.csv").exists():  # as campaigns.worksheets does
    wanted = (Quantity(name="band_gap", unit="eV"),)
    write_worksheet(folder, [candidate], wanted, title="t", instructions="", say=words("en"))
""",
    "the specification of a campaign": """
from campaigns.folder import CampaignFolder
from tests.campaigns.fakes import toy_config
place = CampaignFolder(folder / "c")
with place.hold():
    place.open_ledger(toy_config()).close()
""",
}
FORK = """
import ctypes, json, os, sys
from pathlib import Path
folder = Path(sys.argv[1])
library = sys.argv[2]
def work(folder):
    exec(compile(sys.argv[3], "piece", "exec"), {"folder": folder})
def child(place, environment):
    place.mkdir(parents=True, exist_ok=True)
    pid = os.fork()
    if pid == 0:
        os.environ.update({**environment, "GALENA_CHAOS_FOLDER": str(place)})
        ctypes.CDLL(library).galena_chaos_start()
        try:
            work(place)
        except BaseException as error:
            print(f"{place.name}: {type(error).__name__}: {error}", file=sys.stderr)
            os._exit(1)
        os._exit(0)
    return os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
none = {"GALENA_CHAOS_DO": "", "GALENA_CHAOS_COUNT": ""}
(folder / "load").mkdir()
work(folder / "load")  # so that all is loaded before it forks
first = child(folder / "undisturbed", {"GALENA_CHAOS_COUNT": str(folder / "count")})
found = [first]
for at in range(1, 200):
    aimed = {"GALENA_CHAOS_DO": "kill", "GALENA_CHAOS_AT": str(at), "GALENA_CHAOS_COUNT": ""}
    aimed["GALENA_CHAOS_SHARE"] = "0.4" if at % 2 else "0.7"
    if child(folder / str(at), aimed) != -9:
        break
    found.append(child(folder / str(at), none))
print(json.dumps(found))
"""


def files(folder: Path) -> dict[str, bytes]:
    """What is there but for locks, databases, and what killed processes were writing."""
    return {
        str(path.relative_to(folder)): path.read_bytes()
        for path in folder.rglob("*")
        if path.is_file() and not path.name.startswith(".") and path.suffix != ".sqlite"
    }


@pytest.mark.slow
@pytest.mark.parametrize("piece", PIECES)
def test_it_goes_on_whenever_it_was_killed(tmp_path, piece):
    done = subprocess.run(
        [sys.executable, "-c", FORK, str(tmp_path), str(library()), PIECES[piece]],
        env={
            **os.environ,
            **Aim(folder=tmp_path / "none").environment(),
            "PYTHONPATH": str(ROOT),
            "OMP_NUM_THREADS": "1",
        },
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    codes = [int(code) for code in done.stdout.strip().strip("[]").split(",")]
    assert set(codes) == {0}, done.stderr
    assert len(codes) - 1 == counted(tmp_path / "count") >= 3
    wanted = files(tmp_path / "undisturbed")
    for at in range(1, len(codes)):
        assert files(tmp_path / f"{at}") == wanted, f"killed at {at}"
