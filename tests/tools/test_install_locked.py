"""A file that is not the one of the lock is refused; no network, tiny wheels on disk."""

from __future__ import annotations

import hashlib
import sys
import zipfile
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path
from types import ModuleType

import pytest

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture
def locked(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> ModuleType:
    """The installer, which sees only wheels in ``files`` and installs into ``target``."""
    spec = spec_from_file_location("install_locked", ROOT / "tools" / "install_locked.py")
    assert spec is not None
    assert spec.loader is not None
    module = module_from_spec(spec)
    spec.loader.exec_module(module)
    for folder in ("files", "locks", "target"):
        (tmp_path / folder).mkdir()
    monkeypatch.setattr(module, "LOCKS", tmp_path / "locks")
    for name, value in {
        "PIP_CONFIG_FILE": "/dev/null",
        "PIP_NO_INDEX": "1",
        "PIP_FIND_LINKS": str(tmp_path / "files"),
        "PIP_TARGET": str(tmp_path / "target"),
        "PIP_NO_CACHE_DIR": "1",
    }.items():
        monkeypatch.setenv(name, value)
    return module


def wheel(folder: Path, name: str, version: str, *needs: str) -> str:
    """Write a wheel with one module; return its sha256."""
    info = f"{name}-{version}.dist-info"
    path = folder / f"{name}-{version}-py3-none-any.whl"
    metadata = f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n"
    metadata += "".join(f"Requires-Dist: {need}\n" for need in needs)
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr(f"{name}.py", f"VERSION = {version!r}\n")
        archive.writestr(f"{info}/METADATA", metadata)
        archive.writestr(
            f"{info}/WHEEL",
            "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n",
        )
        archive.writestr(f"{info}/RECORD", "")
    return hashlib.sha256(path.read_bytes()).hexdigest()


def lock(tmp_path: Path, name: str, *pins: tuple[str, str]) -> Path:
    path = tmp_path / "locks" / f"{name}.txt"
    path.write_text("".join(f"{pin} --hash=sha256:{digest}\n" for pin, digest in pins))
    return path


def installed(tmp_path: Path) -> set[str]:
    return {path.stem for path in (tmp_path / "target").glob("*.py")}


def test_file_of_the_lock_is_installed(locked: ModuleType, tmp_path: Path) -> None:
    digest = wheel(tmp_path / "files", "ore", "1.0", "a_library_that_is_not_fetched")
    locked.install(lock(tmp_path, "runtime", ("ore==1.0", digest)))
    assert installed(tmp_path) == {"ore"}


@pytest.mark.parametrize("what", ["lock", "file"])
def test_tampered_file_or_lock_is_refused_with_advice(
    locked: ModuleType, tmp_path: Path, what: str
) -> None:
    digest = wheel(tmp_path / "files", "ore", "1.0")
    good = wheel(tmp_path / "files", "vein", "1.0")
    if what == "lock":
        digest = digest[:-1] + ("0" if digest[-1] != "0" else "1")
    else:
        path = tmp_path / "files" / "ore-1.0-py3-none-any.whl"
        with zipfile.ZipFile(path, "a") as archive:
            archive.writestr("sitecustomize.py", "raise SystemExit\n")
    path = lock(tmp_path, "runtime", ("vein==1.0", good), ("ore==1.0", digest))
    with pytest.raises(locked.Refused, match="DO NOT MATCH") as refusal:
        locked.install(path)
    assert "not the one that Galena was tested with" in str(refusal.value)
    assert "cache purge" in str(refusal.value)
    assert installed(tmp_path) == set()


def test_pin_without_a_hash_is_refused(locked: ModuleType, tmp_path: Path) -> None:
    wheel(tmp_path / "files", "ore", "1.0")
    path = tmp_path / "locks" / "runtime.txt"
    path.write_text("ore==1.0\n")
    with pytest.raises(locked.Refused, match="pin without a hash"):
        locked.install(path)
    assert installed(tmp_path) == set()


def test_a_version_that_is_not_there_is_named(locked: ModuleType, tmp_path: Path) -> None:
    digest = wheel(tmp_path / "files", "ore", "1.0")
    with pytest.raises(locked.Refused, match=f"Python \\({sys.version.split()[0]}"):
        locked.install(lock(tmp_path, "runtime", ("ore==2.0", digest)))


def torch_locks(tmp_path: Path) -> tuple[Path, str]:
    """Locks of both builds and of what the registry's asks for; return the CPU's hash."""
    files, elsewhere = tmp_path / "files", tmp_path / "elsewhere"
    elsewhere.mkdir()
    cpu = wheel(elsewhere, "torch", "2.0+cpu")
    registry = wheel(files, "torch", "2.0", "nvidia-cublas")
    lock(tmp_path, "torch-cpu", ("torch==2.0+cpu", cpu))
    lock(tmp_path, "torch", ("torch==2.0", registry))
    lock(tmp_path, "cuda", ("cublas==1.0", wheel(files, "cublas", "1.0")))
    return elsewhere / "torch-2.0+cpu-py3-none-any.whl", cpu


def test_cpu_build_comes_where_pip_knows_one(locked: ModuleType, tmp_path: Path) -> None:
    path, _ = torch_locks(tmp_path)
    path.rename(tmp_path / "files" / path.name)
    locked.install_torch()
    assert "+cpu" in (tmp_path / "target" / "torch.py").read_text()
    assert installed(tmp_path) == {"torch"}


@pytest.mark.parametrize(
    "needs", [["nvidia-cublas; sys_platform == 'linux'"], ["filelock"]]
)
def test_build_of_the_registry_comes_elsewhere_with_what_it_asks_for(
    locked: ModuleType, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, needs: list[str]
) -> None:
    torch_locks(tmp_path)
    monkeypatch.setattr(locked, "requires", lambda name: needs)
    locked.install_torch()
    cuda = {"cublas"} if "nvidia" in needs[0] else set()
    assert installed(tmp_path) == {"torch"} | cuda


def test_tampered_cpu_build_is_not_passed_over(locked: ModuleType, tmp_path: Path) -> None:
    path, _ = torch_locks(tmp_path)
    path = path.rename(tmp_path / "files" / path.name)
    with zipfile.ZipFile(path, "a") as archive:
        archive.writestr("more.py", "")
    with pytest.raises(locked.Refused, match="torch-cpu"):
        locked.install_torch()
    assert installed(tmp_path) == set()


def test_what_is_built_is_said_and_the_rest_are_wheels(locked: ModuleType) -> None:
    asked: list[tuple[str, ...]] = []
    locked.pip = lambda *arguments: asked.append(arguments)
    for name in ("runtime", "sdists"):
        locked.hashed(ROOT / "tools" / "locks" / f"{name}.txt")
    runtime, sdists = asked
    assert "--require-hashes" in runtime
    assert "--require-hashes" in sdists
    assert "--only-binary" in runtime
    assert "--no-build-isolation" in sdists
