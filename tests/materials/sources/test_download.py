"""A file is fetched once and whole, however often the line breaks."""

from __future__ import annotations

import hashlib
import re

import pytest

from materials.errors import SourceError
from materials.sources import download
from materials.sources.download import fetch
from tests.materials.sources.loopback import QUICK, Answer, Asked, in_turn, quick, serving

CONTENT = bytes(range(256)) * 4096  # 1 MiB
SHA = hashlib.sha256(CONTENT).hexdigest()
BINARY = "application/octet-stream"


class FileServer:
    """Serves one file, with ranges, and breaks off the first ``cuts`` answers."""

    def __init__(self, content: bytes = CONTENT, cuts: int = 0, tag: str = '"one"') -> None:
        self.content = content
        self.cuts = cuts
        self.tag = tag
        self.sent: list[str] = []

    def __call__(self, request: Asked) -> Answer:
        wanted = re.fullmatch(r"bytes=(\d+)-", request.headers.get("range", ""))
        same = request.headers.get("if-range") == self.tag
        begin = int(wanted[1]) if wanted and same else 0
        self.sent.append(f"from {begin}")
        part = self.content[begin:]
        cut = 300_000 if self.cuts > 0 else None
        self.cuts -= 1
        return Answer(
            part,
            206 if begin else 200,
            {"ETag": self.tag} if self.tag else {},
            kind=BINARY,
            cut=cut,
        )


@pytest.fixture
def target(tmp_path):
    return tmp_path / "deep" / "file.bin"


def test_a_cut_connection_is_taken_up_where_it_broke_off(target):
    script = FileServer(cuts=3)
    heard: list[tuple[int, int | None]] = []
    with serving(script) as server:
        fetch(
            f"{server.url}/f",
            target,
            session=quick(),
            sha256=SHA,
            tell=lambda done, total: heard.append((done, total)),
        )
    assert target.read_bytes() == CONTENT
    begins = [int(sent.split()[1]) for sent in script.sent]
    assert len(begins) == 4
    assert begins == sorted(set(begins))
    assert heard[-1] == (len(CONTENT), len(CONTENT))
    assert [path.name for path in target.parent.iterdir() if "partial" in path.name] == []


def test_so_is_one_of_an_earlier_run(target):
    script = FileServer(cuts=1)
    stopped = quick()

    def stop(seconds: float) -> None:
        raise KeyboardInterrupt

    stopped.sleep = stop
    with serving(script) as server:
        with pytest.raises(KeyboardInterrupt):
            fetch(f"{server.url}/f", target, session=stopped)
        assert not target.exists()
        fetch(f"{server.url}/f", target, session=quick(), sha256=SHA)
    assert target.read_bytes() == CONTENT
    assert script.sent[0] == "from 0"
    assert int(script.sent[1].split()[1]) > 200_000


def test_one_that_never_gets_further_is_given_up(target):
    script = FileServer(cuts=1000, tag="")
    with serving(script) as server:
        with pytest.raises(SourceError, match="the connection was cut, 4 times"):
            fetch(server.url, target, session=quick())
        assert len(server.asked) == 1 + QUICK.attempts


def test_one_that_gets_now_more_now_less_is_given_up(target):
    cuts = iter([300_000, *[100_000, 200_000] * 20])

    def script(request: Asked) -> Answer:
        return Answer(CONTENT, kind=BINARY, cut=next(cuts))

    with serving(script) as server:
        with pytest.raises(SourceError, match="cut, 4 times"):
            fetch(server.url, target, session=quick())
        assert len(server.asked) == 1 + QUICK.attempts


def test_a_file_that_changed_meanwhile_starts_over(target):
    script = FileServer(cuts=1)
    other = CONTENT[::-1]

    def changing(request: Asked) -> Answer:
        answer = script(request)
        script.content, script.tag = other, '"two"'
        return answer

    with serving(changing) as server:
        fetch(server.url, target, session=quick())
    assert target.read_bytes() == other
    assert script.sent == ["from 0", "from 0"]


@pytest.mark.parametrize("tag", ["", 'W/"weak"'])
def test_without_a_firm_tag_it_starts_over(target, tag):
    script = FileServer(cuts=1, tag=tag)
    with serving(script) as server:
        fetch(server.url, target, session=quick(), sha256=SHA)
    assert target.read_bytes() == CONTENT
    assert script.sent == ["from 0", "from 0"]


def test_what_is_there_is_not_fetched(target):
    target.parent.mkdir()
    target.write_bytes(b"mine")
    with serving(FileServer()) as server:
        fetch(server.url, target, session=quick())
        assert server.asked == []
    assert target.read_bytes() == b"mine"


def test_another_file_than_was_published_is_refused(target):
    with serving(FileServer(CONTENT[:-1])) as server:
        with pytest.raises(SourceError, match="SHA-256 differs"):
            fetch(server.url, target, session=quick(), sha256=SHA)
        assert not target.exists()


def test_a_server_that_sends_nothing_is_given_up(target):
    nothing = Answer(CONTENT, kind=BINARY, cut=0)
    with serving(in_turn([nothing])) as server:
        with pytest.raises(SourceError, match=r"cut, 4 times; what came is kept"):
            fetch(server.url, target, session=quick())
        assert len(server.asked) == QUICK.attempts


@pytest.mark.parametrize(
    ("answer", "reason"),
    [
        (Answer(b"gone", 404), "answered 404"),
        (
            Answer(b"<html>log in</html>", kind="text/html; charset=utf-8"),
            "sent a web page",
        ),
        (Answer(b"", 302, {"Location": "/again"}), "redirects in a circle"),
    ],
)
def test_what_is_no_file_is_named(target, answer, reason):
    with serving(in_turn([answer])) as server, pytest.raises(SourceError, match=reason):
        fetch(f"{server.url}/again", target, session=quick())
    assert not target.exists()


def test_a_file_that_shrank_starts_over(target):
    def script(request: Asked) -> Answer:
        if "range" in request.headers:
            return Answer(b"", 416)
        return Answer(CONTENT, headers={"ETag": '"a"'}, kind=BINARY, cut=cuts.pop())

    cuts = [None, 1000]
    with serving(script) as server:
        fetch(server.url, target, session=quick())
    assert target.read_bytes() == CONTENT


def test_a_full_disk_is_noticed_before(target, monkeypatch):
    class Full:
        free = 1000

    monkeypatch.setattr(download.shutil, "disk_usage", lambda _: Full)
    with serving(FileServer()) as server, pytest.raises(SourceError, match="GALENA_CACHE"):
        fetch(server.url, target, session=quick())
