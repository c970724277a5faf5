"""What ``make`` installs is pinned, hashed, and the same as constraints.txt says."""

from __future__ import annotations

import re
import tomllib
from importlib.metadata import PackageNotFoundError, requires
from pathlib import Path

import pytest
from packaging.requirements import Requirement

ROOT = Path(__file__).resolve().parents[2]
LOCKS = sorted((ROOT / "tools" / "locks").glob("*.txt"))
REGISTRY = [path for path in LOCKS if path.stem != "torch-cpu"]
PIN = re.compile(r"^([a-z0-9][a-z0-9-]*)==([^\s+;]+)")
HASH = re.compile(r"--hash=sha256:([0-9a-f]{64})(?: \\)?$")


def canonical(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()


def entries(path: Path) -> dict[str, list[str]]:
    """Name to its lines, the pin first."""
    found: dict[str, list[str]] = {}
    for line in path.read_text(encoding="utf-8").splitlines():
        if line.startswith("#"):
            continue
        if pinned := PIN.match(line):
            lines = found.setdefault(pinned[1], [])
        lines.append(line)
    return found


def versions(paths: list[Path]) -> dict[str, str]:
    pins = (PIN.match(lines[0]) for path in paths for lines in entries(path).values())
    return {pin[1]: pin[2] for pin in pins if pin}


@pytest.mark.parametrize("path", LOCKS, ids=lambda path: path.stem)
def test_every_line_is_a_pin_or_a_hash(path: Path) -> None:
    found = entries(path)
    assert found
    for name, (_, *hashes) in found.items():
        assert hashes, f"{name} in {path.name} has no hash"
        assert all(HASH.search(line) for line in hashes), name


def test_each_distribution_stands_in_one_lock() -> None:
    names = [name for path in REGISTRY for name in entries(path)]
    # names that gpaw and uv share with nobody, and dev with no base
    assert sorted(names) == sorted(set(names))


def test_locks_say_what_constraints_say() -> None:
    lines = (ROOT / "constraints.txt").read_text(encoding="utf-8").splitlines()
    pinned = dict(line.split("==") for line in lines if not line.startswith("#"))
    pinned = {canonical(name): version for name, version in pinned.items()}
    locked = versions(REGISTRY)
    assert {name: locked.get(name) for name in pinned} == pinned


def test_cpu_build_of_torch_is_of_the_version_of_the_registry() -> None:
    cpu = ROOT / "tools" / "locks" / "torch-cpu.txt"
    assert versions([cpu]) == versions([ROOT / "tools" / "locks" / "torch.txt"])


def test_no_library_of_cuda_stands_beside_those_that_all_machines_install() -> None:
    base = [path for path in REGISTRY if path.stem not in ("cuda", "torch")]
    cuda = set(entries(ROOT / "tools" / "locks" / "cuda.txt"))
    assert cuda.isdisjoint(versions(base))
    assert not [
        name for name in versions(base) if re.match(r"nvidia-(?!ml-py3)|cuda-|triton", name)
    ]


def test_whatever_an_installed_library_needs_is_locked() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    extras = project["optional-dependencies"]
    asked = [
        *project["dependencies"],
        *(item for items in extras.values() for item in items),
    ]
    queue = [Requirement(item) for item in asked]
    seen: set[tuple[str, frozenset[str]]] = set()
    while queue:
        wanted = queue.pop()
        key = (canonical(wanted.name), frozenset(wanted.extras))
        if key in seen or key[0] == project["name"]:
            continue
        seen.add(key)
        try:
            needs = map(Requirement, requires(wanted.name) or [])
        except PackageNotFoundError:
            continue
        for need in needs:
            variants = [{"extra": extra} for extra in ("", *wanted.extras)]
            if need.marker is None or any(need.marker.evaluate(v) for v in variants):
                queue.append(need)
    names = {name for name, _ in seen}
    assert len(names) > 100
    assert names - set(versions(REGISTRY)) == {"pip"} & names  # comes with Python
