"""Servers on this machine alone, which answer as they are told, and a line that breaks."""

from __future__ import annotations

import json
import socket
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, urlsplit

from materials.sources.http import Pace, PoliteSession

QUICK = Pace(
    per_second=10_000, attempts=4, first_wait=0.001, longest_wait=0.002, timeout=5.0
)


@dataclass
class Answer:
    """What a server sends."""

    content: Any = None
    """JSON, unless it is bytes."""
    status: int = 200
    headers: dict[str, str] = field(default_factory=dict)
    kind: str = "application/json"
    length: int | None = None
    """Said in Content-Length, where that is not the truth."""
    cut: int | None = None
    """Bytes after which the connection is closed."""

    @property
    def body(self) -> bytes:
        if isinstance(self.content, bytes):
            return self.content
        return json.dumps(self.content).encode()


@dataclass(frozen=True)
class Asked:
    """One request that came."""

    path: str
    params: dict[str, str]
    headers: dict[str, str]


Script = Callable[[Asked], Answer]


@dataclass
class Loopback:
    """A running server."""

    url: str
    asked: list[Asked] = field(default_factory=list)


@contextmanager
def serving(script: Script) -> Iterator[Loopback]:
    """Answer every GET with what ``script`` makes of it."""
    state = Loopback("")

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            parts = urlsplit(self.path)
            params = {name: values[0] for name, values in parse_qs(parts.query).items()}
            request = Asked(
                parts.path, params, {k.lower(): v for k, v in self.headers.items()}
            )
            state.asked.append(request)
            answer = script(request)
            body = answer.body
            self.send_response(answer.status)
            self.send_header("Content-Type", answer.kind)
            length = len(body) if answer.length is None else answer.length
            self.send_header("Content-Length", str(length))
            self.send_header("Connection", "close")
            for name, value in answer.headers.items():
                self.send_header(name, value)
            self.end_headers()
            with suppress(OSError):  # whoever asked may have left
                self.wfile.write(body if answer.cut is None else body[: answer.cut])

        def log_message(self, *args: Any) -> None:
            return

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    state.url = f"http://127.0.0.1:{server.server_address[1]}"
    thread = threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True)
    thread.start()
    try:
        yield state
    finally:
        server.shutdown()
        server.server_close()


def in_turn(answers: Sequence[Answer]) -> Script:
    """Each answer once, the last for ever."""
    left = list(answers)

    def script(request: Asked) -> Answer:
        return left.pop(0) if len(left) > 1 else left[0]

    return script


def quick(waits: list[float] | None = None, pace: Pace = QUICK) -> PoliteSession:
    """A session that does not sleep between tries, and notes how long it would have."""
    return PoliteSession(pace, sleep=(waits if waits is not None else []).append)


def free_port() -> int:
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        return int(one.getsockname()[1])


class BreakingLine:
    """A TCP proxy that closes the connection in the middle of chosen answers.

    Told to :meth:`break_at`, the connections of these numbers, counted from then on, break
    after so many bytes of what the server sends.
    """

    def __init__(self, target: int) -> None:
        self.target = target
        self.whole()
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port = int(self._listener.getsockname()[1])
        threading.Thread(target=self._accept, daemon=True).start()

    def whole(self) -> None:
        self.break_at(())

    def break_at(self, cuts: Sequence[int], *, after: int = 0) -> None:
        self.cuts = set(cuts)
        self.after = after
        self.n_cut = 0
        self.n_connections = 0

    def close(self) -> None:
        self._listener.close()

    def _accept(self) -> None:
        while True:
            try:
                near, _ = self._listener.accept()
            except OSError:
                return
            number = self.n_connections
            self.n_connections += 1
            threading.Thread(target=self._carry, args=(near, number), daemon=True).start()

    def _carry(self, near: socket.socket, number: int) -> None:
        with near, socket.create_connection(("127.0.0.1", self.target)) as far:
            up = threading.Thread(target=_pipe, args=(near, far, None), daemon=True)
            up.start()
            limit = self.after if number in self.cuts else None
            if _pipe(far, near, limit):
                self.n_cut += 1


def _pipe(source: socket.socket, target: socket.socket, limit: int | None) -> bool:
    """Hand bytes on; return whether the line broke at ``limit``."""
    passed = 0
    try:
        while chunk := source.recv(4096):
            if limit is not None and passed + len(chunk) > limit:
                target.sendall(chunk[: limit - passed])
                target.shutdown(socket.SHUT_RDWR)
                return True
            target.sendall(chunk)
            passed += len(chunk)
        target.shutdown(socket.SHUT_WR)
    except OSError:
        pass
    return False
