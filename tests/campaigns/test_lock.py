"""One process in a folder, where the file system knows locks and where it does not."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
from pathlib import Path

import pytest
from filelock import FileLock

from campaigns.folder import CampaignFolder
from campaigns.lock import BusyError, held
from materials.errors import InputError

HOLDER = ".holder"


def say(folder: Path, **who: object) -> None:
    folder.mkdir(exist_ok=True)
    (folder / HOLDER).write_text(json.dumps(who))


def ended() -> int:
    """The number of a process that is no more."""
    process = subprocess.Popen([sys.executable, "-c", ""])
    process.wait()
    return process.pid


@pytest.fixture
def no_locks(monkeypatch: pytest.MonkeyPatch) -> None:
    def acquire(self: FileLock, *_: object) -> None:
        raise NotImplementedError("no flock here")

    monkeypatch.setattr(FileLock, "acquire", acquire)


@pytest.mark.parametrize("name", [HOLDER, ".lock"])
def test_no_link_in_a_folder_is_written_through(name: str, tmp_path: Path) -> None:
    mine = tmp_path / "mine.txt"
    mine.write_text("mine")
    folder = tmp_path / "given"
    folder.mkdir()
    (folder / name).symlink_to(mine)
    with (
        pytest.raises(InputError, match="cannot be written"),
        held(folder, "screening", "--output"),
    ):
        pass
    assert mine.read_text() == "mine"


def test_no_pipe_in_a_folder_is_waited_for(tmp_path: Path) -> None:
    folder = tmp_path / "given"
    folder.mkdir()
    os.mkfifo(folder / HOLDER)
    with (
        pytest.raises(InputError, match="is a device or a pipe"),
        held(folder, "screening", "--output"),
    ):
        pass


@pytest.mark.parametrize("name", [HOLDER, "ledger.sqlite-journal", "report"])
def test_no_pipe_in_a_campaign_is_opened(name: str, tmp_path: Path) -> None:
    place = CampaignFolder(tmp_path)
    place.ledger.touch()
    os.mkfifo(tmp_path / name)
    with pytest.raises(InputError, match="is a device or a pipe"):
        place.check_begun()
    with pytest.raises(InputError, match="is a device or a pipe"), place.hold():
        pass


def test_it_says_who_is_there_since_when_and_how_to_stop_it(tmp_path: Path) -> None:
    folder = tmp_path / "a"
    with (
        held(folder, "campaign", "--folder"),
        pytest.raises(BusyError) as error,
        held(folder, "campaign", "--folder"),
    ):
        pass
    said = str(error.value)
    assert f"process {os.getpid()} on {socket.gethostname()} since 2" in said
    assert f"(kill {os.getpid()})" in said
    assert not (tmp_path / "a" / HOLDER).exists()


def test_what_a_killed_process_said_does_not_count(tmp_path: Path) -> None:
    say(tmp_path / "a", pid=ended(), host=socket.gethostname())
    with held(tmp_path / "a", "campaign", "--folder"):
        pass


def test_a_folder_that_went_meanwhile_is_let_go_of(tmp_path: Path) -> None:
    with held(tmp_path / "a", "campaign", "--folder"):
        (tmp_path / "a").rename(tmp_path / "b")
    with held(tmp_path / "b", "campaign", "--folder"):
        pass


@pytest.mark.usefixtures("no_locks")
def test_without_locks_the_file_counts(tmp_path: Path) -> None:
    here = socket.gethostname()
    say(tmp_path / "alive", pid=os.getppid(), host=here, since="now")
    with (
        pytest.raises(BusyError, match=str(os.getppid())),
        held(tmp_path / "alive", "campaign", "--folder"),
    ):
        pass
    say(tmp_path / "dead", pid=ended(), host=here)
    say(tmp_path / "damaged")
    (tmp_path / "damaged" / HOLDER).write_text("{")
    for name in ("dead", "damaged", "new"):
        with held(tmp_path / name, "campaign", "--folder"):
            assert str(os.getpid()) in (tmp_path / name / HOLDER).read_text()


@pytest.mark.usefixtures("no_locks")
def test_without_locks_another_machine_is_believed(tmp_path: Path) -> None:
    say(tmp_path / "a", pid=1, host="elsewhere", since="now")
    with (
        pytest.raises(BusyError, match=r"on elsewhere .*remove .*\.holder"),
        held(tmp_path / "a", "campaign", "--folder"),
    ):
        pass


@pytest.mark.usefixtures("no_locks")
def test_a_process_of_another_machine_is_not_ours_to_kill(tmp_path: Path) -> None:
    say(tmp_path / "a", pid=os.getppid(), host="elsewhere", since="now")
    with (
        pytest.raises(BusyError) as error,
        held(tmp_path / "a", "campaign", "--folder"),
    ):
        pass
    assert "(kill" not in str(error.value)
