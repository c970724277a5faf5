"""Kill a real screening again and again, resume it, and compare it with an undisturbed one.

    python tools/check_screen_kills.py FOLDER --rows 20000 --kills 10
    python tools/check_screen_kills.py FOLDER --table crystals.parquet

Candidates are made unless there is a table; they are screened into ``FOLDER/undisturbed`` in
one go. Into ``FOLDER/killed`` the same command is run, killed with SIGKILL at a random moment
after a random number of shards, and run again until it is done. Then the Parquet files of
both must be equal byte for byte, with every shard counted once and no other file left behind.
"""

from __future__ import annotations

import argparse
import json
import random
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

from campaigns.screening.store import LINES, MANIFEST
from materials.provenance import file_sha256

SPEC = """\
candidates:
  elements: {{allowed: [Li, Na, Mg, Al, Si, Ti, Fe, Cu, Zn, Ga, Sn, O, S, Se, N, P, Cl]}}
  n_species: [2, 3]
  limit: {rows}
  seed: {seed}
rows_per_shard: {shard}
"""


def shards_done(folder: Path) -> dict[int, int]:
    """Shards whose file is what a line says, and how many lines say so."""
    found: dict[int, int] = {}
    path = folder / LINES
    text = path.read_text(encoding="utf-8") if path.exists() else ""
    for line in text.splitlines(keepends=True):
        if not line.endswith("\n"):
            continue  # cut short by a kill
        plain = json.loads(line)
        part = folder / f"part-{plain['number']:05d}.parquet"
        if part.exists() and file_sha256(part) == plain["sha256"]:
            found[plain["number"]] = found.get(plain["number"], 0) + 1
    return found


def start(command: list[str], folder: Path) -> subprocess.Popen[bytes]:
    return subprocess.Popen([*command, "-o", str(folder)], stdout=subprocess.DEVNULL)


def wait_until(process: subprocess.Popen[bytes], ready: Callable[[], bool]) -> None:
    """Until the process has come so far, or ended."""
    while process.poll() is None and not ready():
        time.sleep(0.01)


def has_begun(process: subprocess.Popen[bytes], folder: Path) -> bool:
    """Whether it has taken the folder; to load the model is no risk."""
    holder = folder / ".holder"
    return holder.exists() and str(process.pid) in holder.read_text()


def kill_once(command: list[str], folder: Path, seconds: float, *, n_done: int) -> bool:
    """Run until ``n_done`` shards are there, and kill ``seconds`` later; False if it was
    done by then.
    """
    process = start(command, folder)
    wait_until(process, lambda: has_begun(process, folder))
    wait_until(process, lambda: len(shards_done(folder)) >= n_done)
    try:
        process.wait(seconds)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
        return True
    return False


def compare(one: Path, other: Path) -> list[str]:
    """What differs between two finished screenings."""
    names = [{path.name for path in folder.iterdir()} for folder in (one, other)]
    found = [f"only in one of them: {name}" for name in sorted(names[0] ^ names[1])]
    parts = sorted(name for name in names[0] & names[1] if name.endswith(".parquet"))
    hashes = {
        name: [file_sha256(folder / name) for folder in (one, other)] for name in parts
    }
    found += [f"other bytes: {name}" for name, (a, b) in hashes.items() if a != b]
    counts = [
        json.loads((folder / MANIFEST).read_text())["counts"] for folder in (one, other)
    ]
    if counts[0] != counts[1]:
        found.append(f"other counts: {counts[0]} and {counts[1]}")
    return found


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("folder", type=Path)
    parser.add_argument("--table", type=Path)
    parser.add_argument("--rows", type=int, default=20_000, help="candidates to make")
    parser.add_argument("--shard", type=int, default=512, help="rows per shard")
    parser.add_argument("--kills", type=int, default=10)
    parser.add_argument("--model", default="fast")
    parser.add_argument("--seed", type=int, default=0)
    given = parser.parse_args()
    given.folder.mkdir(parents=True, exist_ok=True)
    source = given.table or given.folder / "made.yaml"
    if given.table is None:
        text = SPEC.format(rows=given.rows, seed=given.seed, shard=given.shard)
        source.write_text(text, encoding="utf-8")
    command = [sys.executable, "-m", "campaigns.cli", "screen", str(source)]
    command += ["--model", given.model, "--rows-per-shard", str(given.shard)]
    whole, often = given.folder / "undisturbed", given.folder / "killed"
    process = start(command, whole)
    wait_until(process, lambda: has_begun(process, whole))
    began = time.monotonic()
    wait_until(process, lambda: len(shards_done(whole)) > 0)
    first = time.monotonic() - began
    if process.wait() not in (0, 3):
        return 1
    seconds = time.monotonic() - began
    n_shards = len(shards_done(whole))
    print(
        f"undisturbed: {n_shards} shards in {seconds:.1f} s, the first after {first:.1f} s"
    )
    print(f"{'kill':>5} {'shards before':>14} {'shards after':>13}")
    draw = random.Random(given.seed)
    for number in range(1, given.kills + 1):
        before = len(shards_done(often))
        more = draw.randint(0, n_shards // given.kills)
        after = draw.uniform(0.0, first if more == 0 else 2 * seconds / n_shards)
        killed = kill_once(command, often, after, n_done=before + more)
        said = "" if killed else "  was done before"
        done = len(shards_done(often))
        print(f"{number:>5} {before:>14} {done:>13}{said}", flush=True)
    start(command, often).wait()
    done = shards_done(often)
    print(
        f"finished: {len(done)} shards, counted twice: {sum(n > 1 for n in done.values())}"
    )
    found = compare(whole, often)
    print("\n".join(found) or "same bytes, same counts, no file left behind")
    return 1 if found or len(done) != n_shards or max(done.values()) > 1 else 0


if __name__ == "__main__":
    sys.exit(main())
