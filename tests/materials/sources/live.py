"""A running OPTIMADE server at the far end of a line that may break."""

from __future__ import annotations

import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from tests.materials.sources.loopback import BreakingLine, free_port

ROOT = Path(__file__).parents[3]
PATIENCE = 60.0  # s until the server answers, on a slow machine


@dataclass(frozen=True)
class LiveServer:
    """Its crystals are those of :func:`tests.materials.sources.optimade_server.crystals`."""

    n: int
    line: BreakingLine
    direct: int
    """Port of the server itself."""

    @property
    def source(self) -> str:
        return f"optimade:http://127.0.0.1:{self.line.port}"


@contextmanager
def live_server(n: int, folder: Path) -> Iterator[LiveServer]:
    """Start a server of ``n`` crystals, and end it."""
    port = free_port()
    line = BreakingLine(port)
    command = [
        *(sys.executable, "-m", "tests.materials.sources.optimade_server"),
        *(str(port), str(line.port), str(n), str(folder)),
    ]
    with (folder / "server.log").open("wb") as log:
        process = subprocess.Popen(command, cwd=ROOT, stdout=log, stderr=log)
    try:
        _wait(port, process, folder / "server.log")
        yield LiveServer(n, line, port)
    finally:
        line.close()
        process.kill()
        process.wait()


def _wait(port: int, process: subprocess.Popen[bytes], log: Path) -> None:
    began = time.monotonic()
    while True:
        try:
            urllib.request.urlopen(f"http://127.0.0.1:{port}/v1/info", timeout=5).close()
        except OSError:
            if process.poll() is not None or time.monotonic() - began > PATIENCE:
                raise RuntimeError(log.read_text()[-2000:]) from None
            time.sleep(0.1)
        else:
            return
