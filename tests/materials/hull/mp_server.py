"""A server on loopback that answers like the Materials Project's thermo route."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, urlparse

KEY = "k" * 32


def document(name: str, formula: str, system: str, energy: Any, **more: Any) -> dict:
    """A thermo document as the API returns it with the fields that are asked for."""
    return {
        "material_id": name,
        "formula_pretty": formula,
        "chemsys": system,
        "energy_per_atom": energy,
        "thermo_type": "GGA_GGA+U",
        "deprecated": False,
        **more,
    }


DOCUMENTS = [
    document("mp-142", "Ga", "Ga", -3.03),
    document("mp-25", "N2", "N", -8.33),
    document("mp-804", "GaN", "Ga-N", -6.15),
    document("mp-830", "GaN", "Ga-N", -6.14),
    document("mp-1", "GaN", "Ga-N", -7.7, deprecated=True),
    document("mp-2", "GaN3", "Ga-N", None),
    document("mp-3", "GaN2", "Ga-N", -9.9, thermo_type="R2SCAN"),
    document("mp-149", "Si", "Si", -5.42),
]


@dataclass
class Recorded:
    """What the server was asked, and how it misbehaves."""

    address: str = ""
    requests: list[dict[str, str]] = field(default_factory=list)
    status: int = 200
    body: str | None = None


@contextmanager
def serving() -> Iterator[Recorded]:
    seen = Recorded()

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            url = urlparse(self.path)
            asked = {k: v[0] for k, v in parse_qs(url.query).items()}
            if url.path.endswith("/heartbeat"):
                answer: Any = {
                    "db_version": "2025.09.25",
                    "access_controlled_batch_ids": [],
                }
                self.send(200, json.dumps(answer))
                return
            seen.requests.append({**asked, "key": self.headers.get("X-API-KEY", "")})
            if seen.status != 200 or self.headers.get("X-API-KEY") != KEY:
                status = seen.status if seen.status != 200 else 401
                self.send(status, json.dumps({"detail": "refused"}))
                return
            systems = asked.get("chemsys", "").split(",")
            found = [d for d in DOCUMENTS if d["chemsys"] in systems]
            skip, limit = int(asked.get("_skip", 0)), int(asked.get("_limit", 1000))
            answer = {"data": found[skip : skip + limit], "meta": {"total_doc": len(found)}}
            self.send(200, seen.body or json.dumps(answer))

        def send(self, status: int, text: str) -> None:
            self.send_response(status)
            self.send_header("Content-Type", "application/json")
            self.end_headers()
            self.wfile.write(text.encode())

        def log_message(self, *_: Any) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True).start()
    seen.address = f"http://127.0.0.1:{server.server_port}/"
    try:
        yield seen
    finally:
        server.shutdown()
        server.server_close()
