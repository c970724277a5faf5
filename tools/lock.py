"""Write ``tools/locks``: what ``make`` installs, file by file, with sha256 hashes.

    python tools/lock.py --uv PATH_OF_UV

Versions come from constraints.txt; uv adds what other Pythons (3.11 and newer) and other
systems need, and the hash of every file that the registry has. Run by ``make locks``. Each
distribution stands in one file:

- ``build``: what builds Galena and the few packages that come as source only
- ``torch``, ``cuda``: torch of the registry, and the libraries that its CUDA build asks for
- ``runtime``: wheels that Galena imports; ``sdists``: the same, where there may be no wheel
- ``docs``, ``dev``: what ``make docs`` and ``make test`` add
- ``fuzz``: what ``make fuzz`` adds
- ``gpaw``: compiled by tools/install-gpaw.sh; ``uv``: the resolver itself

``torch-cpu`` is kept by hand: its files are not on the registry.
"""

from __future__ import annotations

import argparse
import re
import subprocess
import sys
from collections.abc import Collection, Mapping
from pathlib import Path

ROOT = Path(__file__).parents[1]
LOCKS = ROOT / "tools" / "locks"
CONSTRAINTS = ROOT / "constraints.txt"

BUILD = ("cython", "editables", "hatchling", "pybind11", "setuptools")
"""For builds without isolation: pip would fetch the builder's own tools unhashed."""
SDISTS = ("bibtexparser", "chgnet", "nvidia-ml-py3")
"""Source only on some Python: two always, chgnet from 3.13 on."""
GPAW = ("gpaw", "gpaw-data")
FUZZ = ("atheris",)
"""Not in ``dev``: it has wheels for Linux alone, and not for every Python."""
CUDA = re.compile(r"triton|nvidia-(?!ml-py3$).*|cuda-.*")
FIRST_PYTHON = "3.11"
FIRST_PYTHON_DEV = "3.11.5"  # that of pymdown-extensions
HEADER = "# Written by make locks from constraints.txt: {title}.\n"
TITLES = {
    "build": "what builds Galena and packages that come as source",
    "cuda": "what the registry's torch asks for on Linux",
    "dev": "what make test and make lint add",
    "docs": "what make docs adds",
    "fuzz": "what guides make fuzz by coverage",
    "gpaw": "compiled by tools/install-gpaw.sh",
    "runtime": "wheels that Galena imports",
    "sdists": "libraries that some Python has to build",
    "torch": "torch as the registry has it",
    "uv": "the tool that writes these files",
}

Lock = dict[str, str]
"""Name of a distribution to its lines: pin, marker, hashes."""


def entries(text: str) -> Lock:
    """Return the requirements of a hashed requirements file by name."""
    found: Lock = {}
    name = ""
    for line in text.splitlines():
        if not line.strip() or line.startswith("#"):
            continue
        if not line[0].isspace():
            name = re.sub(r"[-_.]+", "-", re.split(r"[=\s]", line)[0]).lower()
            found[name] = ""
        found[name] += line + "\n"
    return found


def pin(entry: str) -> str:
    """Return ``name==version`` of an entry, without marker and hashes."""
    return entry.split()[0]


def resolve(uv: str, *arguments: str, python: str, requirements: str = "") -> Lock:
    """Ask uv for everything that the arguments and the requirements need."""
    command = [
        uv, "pip", "compile", "--quiet", "--universal", "--generate-hashes",
        "--no-header", "--no-annotate", "--python-version", python,
        "--constraint", "build/locks/constraints.txt", *arguments,
        *(["-"] if requirements else []),
    ]  # fmt: skip
    done = subprocess.run(
        command, cwd=ROOT, input=requirements, text=True, capture_output=True, check=False
    )
    if done.returncode:
        sys.exit(f"uv finds no set of packages:\n{done.stderr}")
    return entries(done.stdout)


def without(lock: Lock, *others: Collection[str]) -> Lock:
    """Return the entries that none of the others has."""
    return {
        name: e for name, e in lock.items() if not any(name in other for other in others)
    }


def widened(lock: Lock, other: Lock) -> Lock:
    """Return the entries, each with the marker of a set that needs it on more systems."""
    return {
        name: other[name]
        if name in other and _marker(entry) != _marker(other[name])
        else entry
        for name, entry in lock.items()
    }


def _marker(entry: str) -> str:
    return entry.splitlines()[0].rstrip(" \\").partition(" ; ")[2]


def only(lock: Lock, names: Collection[str]) -> Lock:
    """Return the entries of these names."""
    return {name: lock[name] for name in names if name in lock}


def partition(uv: str) -> dict[str, Lock]:
    """Return every lock by its name; each distribution is in one of them."""
    builders = "\n".join(BUILD)
    base = resolve(uv, "pyproject.toml", python=FIRST_PYTHON, requirements=builders)
    docs = resolve(uv, "pyproject.toml", "--extra", "docs", python=FIRST_PYTHON_DEV)
    dev = resolve(uv, "pyproject.toml", "--extra", "dev", python=FIRST_PYTHON_DEV)
    base = widened(base, dev)  # all of it is among what dev needs
    build = resolve(uv, python=FIRST_PYTHON, requirements=builders)
    torch, sdists = only(base, ["torch"]), only(base, SDISTS)
    cuda = {name: entry for name, entry in base.items() if CUDA.fullmatch(name)}
    docs = without(docs, base)
    return {
        "build": build,
        "cuda": cuda,
        "dev": without(dev, base, docs, ["pip"]),  # of the environment: pip-audit names it
        "docs": docs,
        "fuzz": resolve(uv, "--no-deps", python=FIRST_PYTHON, requirements="\n".join(FUZZ)),
        "gpaw": resolve(uv, "--no-deps", python=FIRST_PYTHON, requirements="\n".join(GPAW)),
        "runtime": without(base, build, torch, cuda, sdists),
        "sdists": sdists,
        "torch": torch,
        "uv": resolve(uv, "--no-deps", python=FIRST_PYTHON, requirements="uv"),
    }


def check_torch(locks: Mapping[str, Lock]) -> None:
    """Stop where the hashes of the CPU build are those of another version."""
    cpu = entries((LOCKS / "torch-cpu.txt").read_text())
    have, want = pin(cpu["torch"]), pin(locks["torch"]["torch"]) + "+cpu"
    if have != want:
        sys.exit(
            f"tools/locks/torch-cpu.txt pins {have}, the registry's lock has {want}: take the "
            "hashes of the new files from PyTorch's index of CPU builds"
        )


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--uv", default="uv", help="where uv is")
    pins = CONSTRAINTS.read_text()
    (ROOT / "build" / "locks").mkdir(parents=True, exist_ok=True)
    (ROOT / "build" / "locks" / "constraints.txt").write_text(pins)
    locks = partition(parser.parse_args().uv)
    check_torch(locks)
    for name, lock in locks.items():
        body = "".join(lock[key] for key in sorted(lock))
        path = LOCKS / f"{name}.txt"
        path.write_text(HEADER.format(title=TITLES[name]) + body)
        print(f"{path.relative_to(ROOT)}: {len(lock)} distributions")


if __name__ == "__main__":
    main()
