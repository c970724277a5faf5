"""Write the files that tests open as those of a previous version: tests/previous/NAME.

    python tools/write_previous.py 0.1.0

A release runs this, so that the next version is tested against what it wrote. With ``--code``
another checkout writes, such as one of an earlier commit:

    git worktree add /tmp/earlier COMMIT
    python tools/write_previous.py NAME --code /tmp/earlier
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import zipfile
from pathlib import Path
from tempfile import TemporaryDirectory

ROOT = Path(__file__).parents[1]
STEPS = Path(__file__).parent / "previous" / "steps.py"
KILLED = ("pulling", "screening", "training", "relaxing", "campaigning", "pooling")
ORDER = (
    *("crystals", "pull", "pulling", "screen", "screening", "novelty", "train", "training"),
    *("own", "predict", "relax", "relaxing", "campaign", "campaigning", "pool", "pooling"),
    "expected",
)
LEFT_OUT = ("report", "artifacts", "read", "network-0", "network-1", "heads", "__pycache__")
"""Folders that are derived from others, and are not read back."""
_LEFT_OUT = (".db", ".lock", ".holder", ".html", ".png", ".svg")


def main() -> None:
    """Run every step in a fresh folder, then pack it."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("name", help="folder in tests/previous")
    parser.add_argument("--code", type=Path, default=ROOT, help="checkout that writes")
    parser.add_argument("--without", nargs="*", default=[], help="steps it cannot do")
    parser.add_argument("--work", type=Path, help="folder in which to go on")
    given = parser.parse_args()
    place = ROOT / "tests" / "previous" / given.name
    place.mkdir(parents=True, exist_ok=True)
    with TemporaryDirectory() as fresh:
        folder = given.work or Path(fresh)
        for step in ORDER:
            if step not in given.without:
                run(step, folder, given.code)
        size = pack(folder, place / "files.zip")
        expected = (folder / "expected.json").read_text(encoding="utf-8")
    (place / "expected.json").write_text(expected, encoding="utf-8")
    print(f"{place}: {size / 1e3:.0f} kB")


def run(step: str, folder: Path, code: Path) -> None:
    """Run one step with the code of a checkout, unless its mark says that it is done."""
    mark = folder / f".done-{step}"
    if mark.exists():
        return
    env = os.environ | {
        "PYTHONPATH": str(code.resolve()),
        "OMP_NUM_THREADS": "1",
        "MLFLOW_DISABLE_TELEMETRY": "true",
        "DO_NOT_TRACK": "true",
    }
    command = [sys.executable, str(STEPS), step, "."]
    done = subprocess.run(command, cwd=folder, env=env, capture_output=True, text=True)
    wanted = -9 if step in KILLED else 0
    if done.returncode != wanted:
        raise SystemExit(
            f"{step}: ended with {done.returncode}, expected {wanted}:\n{done.stderr[-2000:]}"
        )
    mark.touch()


def pack(folder: Path, path: Path) -> int:
    """Pack what is read back; the same files make the same archive."""
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED, compresslevel=9) as archive:
        for file in sorted(path for path in folder.rglob("*") if path.is_file()):
            name = file.relative_to(folder)
            if set(name.parts[:-1]) & set(LEFT_OUT) or name.name.endswith(_LEFT_OUT):
                continue
            if name.name.startswith(".done") or str(name) == "expected.json":
                continue
            info = zipfile.ZipInfo(str(name), (1980, 1, 1, 0, 0, 0))
            info.compress_type = zipfile.ZIP_DEFLATED
            archive.writestr(info, file.read_bytes())
    return path.stat().st_size


if __name__ == "__main__":
    main()
