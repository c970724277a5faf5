import os

import pytest

from materials.errors import InputError
from materials.opening import check_regular, small_file


def test_a_file_is_read_whole(tmp_path):
    (tmp_path / "a").write_bytes(b"abc")
    check_regular(tmp_path / "a")
    assert small_file(tmp_path / "a", largest=3) == b"abc"
    with pytest.raises(InputError, match="larger than"):
        small_file(tmp_path / "a", largest=2)


@pytest.mark.parametrize("kind", ["pipe", "device"])
def test_what_may_never_end_is_not_waited_for(kind, tmp_path):
    path = tmp_path / "a"
    os.mkfifo(path) if kind == "pipe" else path.symlink_to("/dev/zero")
    for read in (check_regular, small_file):
        with pytest.raises(InputError, match="device or a pipe"):
            read(path)


def test_what_is_not_there_or_a_folder_is_for_the_caller_to_say(tmp_path):
    check_regular(tmp_path / "none")
    with pytest.raises(FileNotFoundError):
        small_file(tmp_path / "none")
    with pytest.raises(IsADirectoryError):
        small_file(tmp_path)
