"""A database of crystals on this machine that speaks OPTIMADE, and misbehaves if told to."""

from __future__ import annotations

import gzip
import json
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from functools import cache
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, urlsplit

from tools.chaos.subjects.crystals import structures

_INFO = {
    "data": {"attributes": {"api_version": "1.2.0", "available_licenses": ["CC0-1.0"]}},
    "meta": {"provider": {"name": "made"}},
}
PAGES = 13
"""Of the whole database, if twenty crystals are asked for at a time."""

Deed = Callable[["Answer", bytes], None]


class Answer(BaseHTTPRequestHandler):
    """Answers one request."""

    server: Database

    def do_GET(self) -> None:
        """As the database has it, or as the deed has it that is due."""
        whole = json.dumps(self._found()).encode()
        deed = self.server.due(self.path)
        if deed is None:
            self.give(whole)
        else:
            deed(self, whole)

    def _found(self) -> dict[str, Any]:
        asked = urlsplit(self.path)
        if asked.path.endswith("/info"):
            return _INFO
        words = parse_qs(asked.query)
        first, size = (int(words.get(n, [0])[0]) for n in ("page_offset", "page_limit"))
        entries = _entries()
        last = first + (size or 20)
        more = f"{asked.path}?page_offset={last}&page_limit={size}"
        following = self.server.url + more if last < len(entries) else None
        meta = {"data_returned": len(entries), "more_data_available": bool(following)}
        return {"data": entries[first:last], "links": {"next": following}, "meta": meta}

    def give(
        self,
        content: bytes,
        *,
        status: int = 200,
        length: int | None = None,
        headers: Sequence[tuple[str, str]] = (("Content-Type", "application/json"),),
    ) -> None:
        """Send it; ``length`` is what is said of it, if not the truth."""
        self.send_response(status)
        for name, value in headers:
            self.send_header(name, value)
        self.send_header("Content-Length", str(length or len(content)))
        self.end_headers()
        self.wfile.write(content)
        self.close_connection = True

    def log_message(self, *_: object) -> None:
        """Nobody reads it."""


class Database(ThreadingHTTPServer):
    """The server. While it is ``hurt``, pages from some point on are answered otherwise."""

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Answer)
        self._deed: Deed | None = None
        self._after = self._times = 0
        self._counting = threading.Lock()
        threading.Thread(target=self.serve_forever, args=(0.05,), daemon=True).start()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_address[1]}"

    @contextmanager
    def hurt(self, deed: Deed, *, after: int, times: int) -> Iterator[None]:
        """Let so many requests pass, and answer so many others with the deed."""
        with self._counting:
            self._deed, self._after, self._times = deed, after, times
        try:
            yield
        finally:
            with self._counting:
                self._deed = None

    def due(self, _: str) -> Deed | None:
        """What is done in the place of an answer."""
        with self._counting:
            if self._deed is None or self._times == 0:
                return None
            if self._after > 0:
                self._after -= 1
                return None
            self._times -= 1
            return self._deed

    def handle_error(self, *_: object) -> None:
        """Who asked is gone: it was killed."""


@cache
def _entries() -> list[dict[str, Any]]:
    return [
        {
            "id": name,
            "type": "structures",
            "attributes": {
                "lattice_vectors": crystal.lattice.matrix.tolist(),
                "cartesian_site_positions": crystal.cart_coords.tolist(),
                "species_at_sites": [site.specie.symbol for site in crystal],
                "species": [
                    {"name": e, "chemical_symbols": [e], "concentration": [1.0]}
                    for e in sorted({site.specie.symbol for site in crystal})
                ],
                "dimension_types": [1, 1, 1],
                "structure_features": [],
                "nsites": len(crystal),
                "last_modified": "2026-01-02T03:04:05Z",
            },
        }
        for name, crystal in structures().items()
    ]


# --- what it does in the place of an answer


def garbage(answer: Answer, whole: bytes) -> None:
    """Bytes of no meaning, said to be JSON."""
    answer.give(bytes(byte ^ 0xA5 for byte in whole[:4000]))


def half(answer: Answer, whole: bytes) -> None:
    """Half of it, and the connection is cut."""
    answer.give(whole[: len(whole) // 2], length=len(whole))


def half_said_whole(answer: Answer, whole: bytes) -> None:
    """Half of it, as if that were all."""
    answer.give(whole[: len(whole) // 2])


def nothing(answer: Answer, _: bytes) -> None:
    """The connection is cut before a word."""
    answer.close_connection = True


def packed_wrong(answer: Answer, whole: bytes) -> None:
    """Packed, and a part of the packet is missing."""
    packed = gzip.compress(whole)
    kind = [("Content-Type", "application/json"), ("Content-Encoding", "gzip")]
    answer.give(packed[:20] + packed[60:], headers=kind)


def overloaded(answer: Answer, _: bytes) -> None:
    """It wants to be left alone for a second."""
    answer.give(b"later", status=503, headers=[("Retry-After", "1")])


def broken(answer: Answer, _: bytes) -> None:
    """An error of its own."""
    answer.give(b"oh no", status=500, headers=[])


def log_in(answer: Answer, _: bytes) -> None:
    """The page of a hotel's network."""
    page = b"<html><script>alert(1)</script>Log in</html>"
    answer.give(page, headers=[("Content-Type", "text/html")])


def other_shape(answer: Answer, _: bytes) -> None:
    """JSON, but of nothing that was asked for."""
    answer.give(b'{"data": {"what": [1, null]}, "meta": 3, "links": []}')


def circle(answer: Answer, _: bytes) -> None:
    """Sent on to where it is, for ever."""
    headers = [("Location", answer.path)]
    answer.give(b"", status=302, headers=headers)


DEEDS: dict[str, tuple[Deed, ...]] = {
    "network source answering garbage": (garbage, packed_wrong, log_in, other_shape),
    "network source answering by half": (half, half_said_whole),
    "network source stopping": (nothing, broken, overloaded, circle),
}
"""By kind of fault."""
