"""Opening the pack with the real commands, and looking at what came of it."""

from __future__ import annotations

import csv
import importlib
import io
import os
import re
import resource
import signal
import sys
import tempfile
import time
import traceback
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import NoReturn

from tools.hostile.item import RAN, SECRET, Item, Place

SECONDS, MEBIBYTES = 60.0, 3072
"""No item may keep a processor busy for longer, or take more memory, libraries included."""
WAITED = 300.0
"""Seconds after which a command is taken to hang, on however busy a machine."""
_CONTROL = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069]")
_SCRIPT = re.compile(rb"<script>(fetch|alert)|<img src=x|href=.javascript:", re.IGNORECASE)
POLICY = re.compile(
    rb"<meta http-equiv=.Content-Security-Policy. content=.default-src (?:'|&#39;)none"
)
_FORMULA = re.compile(r"[=@\t\r\n＝＋－＠]|[+-](?!(?:[0-9.]+(?:e[-+]?[0-9]+)?|inf)$)")


@dataclass(frozen=True)
class Ended:
    """One command."""

    code: int
    text: str
    """What it printed, both streams."""
    seconds: float = 0.0
    busy: float = 0.0
    """Seconds of a processor."""
    mebibytes: float = 0.0
    """At its peak."""


@dataclass
class Result:
    """What an item came to."""

    item: Item
    command: str
    ended: Ended
    said: str = ""
    """The reason given; of what is harmless, the last that was said."""
    faults: list[str] = field(default_factory=list)

    @property
    def outcome(self) -> str:
        if self.faults:
            return "GOT THROUGH"
        return "refused" if self.item.reason else "harmless"


Start = Callable[[Sequence[str], Path], Ended]
"""Runs ``galena`` with arguments in a folder."""


def try_item(item: Item, place: Place, start: Start) -> Result:
    """Make an item, open it, look for harm."""
    place.folder.mkdir(parents=True)
    place.outside.mkdir(exist_ok=True)
    place.secret.write_text(SECRET)
    arguments = item.make(place)
    made = _files(place.folder)
    before = _state(place.outside)
    ended = start(arguments, place.folder)
    result = Result(item, f"galena {arguments[0]}", ended)
    for make in item.follow:
        further = start(make(place), place.folder)
        ended = Ended(
            ended.code or further.code,
            ended.text + further.text,
            seconds=ended.seconds + further.seconds,
            busy=ended.busy + further.busy,
            mebibytes=max(ended.mebibytes, further.mebibytes),
        )
    result.ended = ended
    reason = _reason(item, ended.text)
    lines = [line for line in ended.text.splitlines() if line.strip()]
    result.said = reason or " ".join(lines[-1].split() if lines else ())
    written = [path for path in _files(place.folder) if path not in made]
    result.faults = list(_faults(item, place, ended, reason, before, written))
    return result


def _faults(
    item: Item,
    place: Place,
    ended: Ended,
    reason: str,
    before: dict[str, bytes],
    written: Iterable[Path],
) -> Iterator[str]:
    """All that went wrong."""
    text = ended.text
    found = {
        "code ran": place.marker.exists(),
        "a file outside was made or changed": _state(place.outside) != before,
        "a file outside was shown": SECRET in text,
        f"ended with code {ended.code}": ended.code not in (0, 1, 3),
        "a traceback": "Traceback (most recent call last)" in text,
        "signs that a terminal obeys": _CONTROL.search(text) is not None,
        f"no reason like '{item.reason}'": not reason and bool(item.reason),
        "not refused": bool(item.reason) and ended.code == 0,
        "did not work": not item.reason and ended.code != 0,
        f"took {ended.busy:.0f} s": ended.busy > SECONDS,
        f"hung for {ended.seconds:.0f} s": ended.seconds > WAITED,
        f"took {ended.mebibytes:.0f} MiB": ended.mebibytes > MEBIBYTES,
    }
    place.marker.unlink(missing_ok=True)
    yield from (fault for fault, there in found.items() if there)
    for path in written:
        content = path.read_bytes()
        if SECRET.encode() in content:
            yield f"{path.name}: holds what is outside"
        if path.suffix in {".html", ".svg", ".md"} and _SCRIPT.search(content):
            yield f"{path.name}: a script"
        if path.suffix == ".html" and not POLICY.search(content):
            yield f"{path.name}: no Content-Security-Policy"
        if path.suffix == ".csv" and computes(content):
            yield f"{path.name}: a formula"


def computes(table: bytes) -> bool:
    """Whether a spreadsheet would take a cell of a CSV file for a formula."""
    text = io.StringIO(table.decode("utf-8", "replace"), newline="")
    return any(_FORMULA.match(cell) for row in csv.reader(text) for cell in row)


def _reason(item: Item, text: str) -> str:
    """The line that says why, as far as a table has room."""
    if not item.reason:
        return ""
    for line in text.splitlines():
        if re.search(item.reason, line, re.IGNORECASE):
            return line.strip()
    return ""


def _files(folder: Path) -> set[Path]:
    return {path for path in folder.rglob("*") if path.is_file() and not path.is_symlink()}


def _state(folder: Path) -> dict[str, bytes]:
    return {
        str(path): path.read_bytes()
        for path in folder.rglob("*")
        if path.is_file() and path.name != RAN
    }


def prepare() -> None:
    """Load what commands load, once and not for each item."""
    for name in (
        *(
            "campaigns.cli.app",
            "campaigns.campaign",
            "campaigns.reports.writing",
            "models.pretrained",
        ),
        *("pymatgen.core", "pyarrow.parquet", "chgnet.model", "mlflow"),
    ):
        with suppress(ImportError):  # an extra that is not installed
            importlib.import_module(name)


def in_process_of_its_own(arguments: Sequence[str], folder: Path) -> Ended:
    """``galena`` with these arguments, in a fork of this process, measured to its end."""
    started = time.monotonic()
    with tempfile.TemporaryFile() as printed:
        pid = os.fork()
        if not pid:
            _be_the_command(arguments, folder, printed.fileno())
        code, used = _wait(pid, started + WAITED)
        printed.seek(0)
        text = printed.read().decode("utf-8", "replace")
    return Ended(
        code,
        text,
        seconds=time.monotonic() - started,
        busy=used.ru_utime + used.ru_stime,
        mebibytes=used.ru_maxrss / 1024,
    )


def _be_the_command(arguments: Sequence[str], folder: Path, printed: int) -> NoReturn:
    """The rest of a fork's life; what nobody foresaw is printed as Python prints it."""
    code = 70
    try:
        nothing = os.open(os.devnull, os.O_RDONLY)
        for source, target in ((nothing, 0), (printed, 1), (printed, 2)):
            os.dup2(source, target)
        sys.stdout = open(1, "w", encoding="utf-8", closefd=False)  # noqa: SIM115
        sys.stderr = open(2, "w", encoding="utf-8", closefd=False)  # noqa: SIM115
        os.environ.update(COLUMNS="400", LANGUAGE="en", TERM="dumb")
        os.environ.pop("GALENA_ALLOW_COMMANDS", None)
        os.chdir(folder)
        from campaigns.cli.app import main

        sys.argv = ["galena", *arguments]
        main()
        code = 0
    except SystemExit as ended:
        code = ended.code if isinstance(ended.code, int) else int(ended.code is not None)
    except BaseException:  # noqa: BLE001 - to be seen by who looks for tracebacks
        traceback.print_exc()
    finally:
        with suppress(Exception):
            sys.stdout.flush()
            sys.stderr.flush()
        os._exit(code)


def _wait(pid: int, end: float) -> tuple[int, resource.struct_rusage]:
    """How a process ended, which is killed where it takes too long."""
    while True:
        ended, status, used = os.wait4(pid, os.WNOHANG)
        if not ended and time.monotonic() > end:
            os.kill(pid, signal.SIGKILL)
            ended, status, used = os.wait4(pid, 0)
        if ended:
            return os.waitstatus_to_exitcode(status), used
        time.sleep(0.02)
