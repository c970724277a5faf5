"""What a worker process does: build its oracle once, then one candidate after another.

It lives in a process group of its own, with whatever programs its oracle starts, so that all of
it can be ended at once; and it ends itself the moment its parent is gone, however that died.
"""

from __future__ import annotations

import json
import os
import signal
from multiprocessing import parent_process
from multiprocessing.connection import Connection, wait
from threading import Thread
from typing import Any

from campaigns.evaluation.recipe import Recipe
from campaigns.spawning import begun
from materials.errors import GalenaError


def serve(connection: Connection, recipe: Recipe) -> None:
    """Answer candidates with verdicts until the other end is closed.

    Every message is JSON: ``{"ready": true}`` when the oracle is built; then one
    ``{"verdict": ...}`` for each candidate; ``{"raised": ...}`` if the oracle is broken.
    """
    begun()
    _alone()
    try:
        from campaigns.evaluation.serial import judged
        from campaigns.evaluation.wire import candidate_of, verdict_json

        oracle = recipe.build()
        _send(connection, {"ready": True})
        while True:
            candidate = candidate_of(json.loads(connection.recv_bytes()))
            _send(connection, {"verdict": verdict_json(judged(oracle, candidate))})
    except (EOFError, BrokenPipeError, ConnectionResetError):
        return
    except GalenaError as error:
        _send(connection, {"raised": str(error)})
    except Exception as error:
        from campaigns.oracles.guard import one_line

        _send(connection, {"raised": f"a worker failed with {one_line(error)}"})
        raise


def _send(connection: Connection, message: dict[str, Any]) -> None:
    connection.send_bytes(json.dumps(message).encode())


def _alone() -> None:
    """Leave the parent's process group, and watch over the parent."""
    if hasattr(os, "setsid"):
        os.setsid()
    parent = parent_process()
    if parent is not None:
        Thread(target=_follow, args=(parent.sentinel,), daemon=True).start()


def _follow(parent: int) -> None:
    """End this process and what it started when the parent ends."""
    wait([parent])
    if hasattr(os, "killpg"):
        os.killpg(0, signal.SIGKILL)
    os._exit(1)
