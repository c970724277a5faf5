"""Run ``galena relax`` and die by SIGKILL: ``killed_relax.py MOMENT ARGUMENTS…``."""

from __future__ import annotations

import os
import signal
import sys

import campaigns.relaxing.table
from campaigns.cli.app import app
from campaigns.relaxing.journal import Journal


def main(moment: str, arguments: list[str]) -> None:
    kind, _, at = moment.partition(":")
    append = Journal._append
    count = 0

    def counted(self, content):
        nonlocal count
        if "key" in content:
            count += 1
            if kind == "half" and count == int(at):
                self._opened().seek(0, os.SEEK_END)
                self._opened().write(b'{"key": "cut sho')
                self._opened().flush()
                die()
        place = append(self, content)
        if kind == "after" and count == int(at):
            die()
        return place

    Journal._append = counted
    if kind == "table":
        campaigns.relaxing.table._batch = die
    app(arguments)


def die(*_: object) -> None:
    os.kill(os.getpid(), signal.SIGKILL)


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2:])
