"""Fetching one large file: once, whole, and from where it was cut off."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path

import requests
from filelock import FileLock

from materials.errors import SourceError
from materials.provenance import file_sha256
from materials.sources.http import PoliteSession
from materials.whole import sync_file, sync_folder
from materials.writer import disk_errors

_CHUNK = 1 << 16  # what is lost of a connection that is cut

Tell = Callable[[int, int | None], None]
"""Hears how many bytes there are, and how many there will be, where the server says so."""


def silent(done: int, total: int | None) -> None:
    """Hears and says nothing."""


def fetch(
    url: str, path: Path, *, session: PoliteSession, sha256: str = "", tell: Tell = silent
) -> Path:
    """Return ``path``, downloaded from ``url`` unless it is there.

    A connection that is cut is taken up where it broke off, in this run or in a later one,
    if the server lets one (``Range``) and the file there is still the same (``If-Range``).

    Raises:
        SourceError: the server cannot be reached or refuses, the disk is too small, or what
            came does not have the SHA-256 that it should.
    """
    with disk_errors(path):
        path.parent.mkdir(parents=True, exist_ok=True)
    part = path.with_name(f".{path.name}.partial")
    with FileLock(path.with_name(f".{path.name}.lock")):
        if path.exists():
            return path
        _download(url, part, session, tell)
        if sha256 and file_sha256(part) != sha256:
            part.unlink()
            raise SourceError(
                f"{url}: not the file that was published (its SHA-256 differs); try again, "
                "and see whether this network lets one download it"
            )
        with disk_errors(path):
            sync_file(part)
            part.replace(path)
            sync_folder(path.parent)
            _note_of(part).unlink(missing_ok=True)
    return path


def _download(url: str, part: Path, session: PoliteSession, tell: Tell) -> None:
    """Fill ``part``, going on as often as something comes."""
    idle, most = 0, _size(part)
    while True:
        reason = _some(url, part, session, tell)
        if reason is None:
            return
        idle = 0 if _size(part) > most else idle + 1
        most = max(most, _size(part))
        if idle == session.pace.attempts:
            raise SourceError(
                f"{url}: {reason}, {idle} times; what came is kept: run the same command "
                "again later to go on"
            )
        session.sleep(session.pace.first_wait)


def _some(url: str, part: Path, session: PoliteSession, tell: Tell) -> str | None:
    """One request's worth; None if the file is whole, else why it is not."""
    there = _size(part)
    headers = {"Accept-Encoding": "identity"}
    etag = _etag(part, url) if there else ""
    if etag:
        headers |= {"Range": f"bytes={there}-", "If-Range": etag}
    try:
        response = session.get(url, headers=headers, stream=True)
    except requests.TooManyRedirects as error:
        raise SourceError(f"{url}: redirects in a circle; is the address right?") from error
    with response:
        if response.status_code == 416:  # what is there is longer than the file
            part.unlink(missing_ok=True)
            return "the file became shorter"
        if not response.ok:
            raise SourceError(f"{url}: answered {response.status_code} {response.reason}")
        if response.headers.get("Content-Type", "").startswith("text/html"):
            raise SourceError(
                f"{url}: sent a web page, expected a file; must one log in to this network?"
            )
        goes_on = response.status_code == 206
        there = there if goes_on else 0
        length = response.headers.get("Content-Length")
        total = there + int(length) if length and length.isdigit() else None
        with disk_errors(part):
            _check_room(part, there, total)
            _keep_etag(part, url, response.headers.get("ETag", ""))
            with part.open("ab" if goes_on else "wb") as file:
                return _body(response, file.write, there, total, tell)


def _body(
    response: requests.Response,
    write: Callable[[bytes], int],
    there: int,
    total: int | None,
    tell: Tell,
) -> str | None:
    try:
        for chunk in response.iter_content(_CHUNK):
            there += write(chunk)
            tell(there, total)
    except (requests.ConnectionError, requests.exceptions.ChunkedEncodingError):
        return "the connection was cut"
    return None if total is None or there == total else "the file came in part"


def _check_room(part: Path, there: int, total: int | None) -> None:
    free = shutil.disk_usage(part.parent).free
    if total is not None and total - there > free:
        raise SourceError(
            f"{part.parent}: {(total - there) >> 20} MiB are still to come, "
            f"{free >> 20} MiB are free; make room, or choose another cache with "
            "GALENA_CACHE"
        )


def _size(path: Path) -> int:
    return path.stat().st_size if path.exists() else 0


def _note_of(part: Path) -> Path:
    return part.with_name(f"{part.name}.json")


def _keep_etag(part: Path, url: str, etag: str) -> None:
    _note_of(part).write_text(json.dumps({"url": url, "etag": etag}), encoding="utf-8")


def _etag(part: Path, url: str) -> str:
    """The tag of the file that ``part`` is the beginning of; empty if it must start over."""
    try:
        note = json.loads(_note_of(part).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return ""
    tag = str(note.get("etag", "")) if note.get("url") == url else ""
    return "" if tag.startswith("W/") else tag  # weak tags say nothing about bytes
