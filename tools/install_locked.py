"""Install the distributions of ``tools/locks`` into the environment this runs in.

    .venv/bin/python tools/install_locked.py LOCK...

Every file must have one of the sha256 hashes of its lock, and nothing that is not in a lock
is fetched. ``torch`` means the CPU build where pip is told of one, else the registry's with
the CUDA libraries that it asks for; ``galena`` means this checkout, editable. Standard
library only: it runs before anything is installed.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
from importlib.metadata import requires
from pathlib import Path

ROOT = Path(__file__).parents[1]
LOCKS = ROOT / "tools" / "locks"
BUILT = ("gpaw", "sdists")
"""Locks whose packages may be built here, with tools that are installed, and so hashed."""

REFUSED = "DO NOT MATCH THE HASHES"
UNHASHED = "Hashes are required in --require-hashes mode"
NOT_FOUND = ("No matching distribution found", "Could not find a version")

TAMPERED = """
A file is not the one that Galena was tested with: its sha256 differs from {lock}.
It was refused before it was opened; nothing of it is installed. Either the download was cut
or changed on its way (a proxy, a mirror), or the index serves another file under this name.
  1. Try again without pip's cache:  {pip} cache purge && make ...
  2. Look at where pip takes files:  {pip} config list
  3. If it stays, the file may be tampered with: do not install it; see SECURITY.md.
If the index has a new build of the same version: make locks, and look at the difference.
"""
MISSING = """
pip finds no file that {lock} names for this Python ({python}) and system.
Galena is tested with Python 3.11 on Linux; make ... PYTHON=python3.11 takes another one.
Without hashes, at your own judgement:  pip install -c constraints.txt -e .
"""


class Refused(Exception):
    """pip installed nothing of a lock; the message says why and what to do."""


def pip(*arguments: str) -> subprocess.CompletedProcess[str]:
    """Run this environment's pip; byte code is made when a module is first used."""
    command = [sys.executable, "-m", "pip", "install", "-qq", "--no-compile"]
    command += ["--disable-pip-version-check", "--no-deps", *arguments]
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)


def hashed(path: Path) -> subprocess.CompletedProcess[str]:
    """Let pip install a lock: wheels alone, unless it is one of those that are built."""
    how = ("--no-build-isolation", "--use-pep517") if path.stem in BUILT else ()
    wheels = () if path.stem in BUILT else ("--only-binary", ":all:")
    return pip("--require-hashes", *how, *wheels, "-r", str(shown(path)))


def install(path: Path) -> None:
    """Install a lock or raise ``Refused`` with pip's own words and what to do."""
    done = hashed(path)
    if done.returncode:
        raise Refused(done.stderr.rstrip() + "\n" + advice(done.stderr, path))


def shown(path: Path) -> Path:
    """The path as people know it, from the root of the checkout, where pip runs."""
    return path.relative_to(ROOT) if path.is_relative_to(ROOT) else path


def advice(stderr: str, path: Path) -> str:
    """Return what to do about a failure of pip; nothing where its own words suffice."""
    lock = shown(path)
    if UNHASHED in stderr:
        return f"{lock} has a pin without a hash: make locks"
    if REFUSED in stderr:
        return TAMPERED.format(lock=lock, pip=f"{sys.executable} -m pip")
    if any(words in stderr for words in NOT_FOUND):
        version = ".".join(map(str, sys.version_info[:3]))
        return MISSING.format(lock=lock, python=version)
    return ""


def install_torch() -> None:
    """Install torch: pip would take the registry's, as its index knows the hash.

    The CPU build is asked for first, by its own version. Only where pip knows none at all
    comes the registry's; a CPU build with another hash is refused, not passed over.
    """
    cpu = LOCKS / "torch-cpu.txt"
    done = hashed(cpu)
    if not done.returncode:
        return
    if not any(words in done.stderr for words in NOT_FOUND):
        raise Refused(done.stderr.rstrip() + "\n" + advice(done.stderr, cpu))
    install(LOCKS / "torch.txt")
    if wants_cuda(requires("torch") or []):
        install(LOCKS / "cuda.txt")


def wants_cuda(requirements: list[str]) -> bool:
    """Say whether this build of torch asks for libraries of CUDA or for Triton."""
    return any(line.startswith(("nvidia-", "cuda-", "triton")) for line in requirements)


def install_galena() -> None:
    """Install this checkout, built by the hatchling of the lock, and look that all is there."""
    done = pip("--no-build-isolation", "--editable", ".")
    if done.returncode:
        raise Refused(done.stderr)
    command = [sys.executable, "-m", "pip", "--disable-pip-version-check", "check"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        raise Refused(f"{done.stdout}\nThe locks lack what is named above: make locks.")


def main() -> None:
    names = [*sorted(path.stem for path in LOCKS.glob("*.txt")), "galena"]
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("locks", nargs="+", choices=names, metavar="LOCK")
    for name in parser.parse_args().locks:
        try:
            if name == "torch":
                install_torch()
            elif name == "galena":
                install_galena()
            else:
                install(LOCKS / f"{name}.txt")
        except Refused as refusal:
            sys.exit(str(refusal))


if __name__ == "__main__":
    main()
