"""Files that are whole or not there."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from materials.whole import (
    part_of,
    remove_parts,
    remove_parts_below,
    replaced,
    whole,
    whole_of,
    write_whole,
)


@pytest.mark.parametrize("way", [whole, replaced])
def test_a_file_takes_its_place_when_all_went_well(tmp_path, way):
    path = tmp_path / "a.json"
    path.write_text("before")
    with way(path) as part:
        part.write_text("after")
        assert path.read_text() == "before"
    assert path.read_text() == "after"
    assert [p.name for p in tmp_path.iterdir()] == ["a.json"]


@pytest.mark.parametrize("way", [whole, replaced])
def test_an_error_leaves_what_was_there(tmp_path, way):
    path = tmp_path / "a.json"
    path.write_text("before")

    def half() -> None:
        with way(path) as part:
            part.write_text("half")
            raise ValueError("no")

    with pytest.raises(ValueError, match="no"):
        half()
    assert path.read_text() == "before"
    assert [p.name for p in tmp_path.iterdir()] == ["a.json"]


def test_content_is_on_the_disk_before_its_name_and_the_name_before_it_returns(
    tmp_path, monkeypatch
):
    told, sync = [], os.fsync

    def watched(descriptor: int) -> None:
        target = Path(f"/proc/self/fd/{descriptor}").readlink()
        told.append((target.name, (tmp_path / "a").exists()))
        sync(descriptor)

    if not Path("/proc/self/fd").is_dir():
        pytest.skip("there is no /proc")
    monkeypatch.setattr(os, "fsync", watched)
    write_whole(tmp_path / "a", "é")
    assert told == [(part_of(tmp_path / "a").name, False), (tmp_path.name, True)]
    assert (tmp_path / "a").read_bytes() == "é".encode()


@given(name=st.text("abc.-_ 1", min_size=1, max_size=12))
def test_the_name_in_the_making_says_of_what(tmp_path_factory, name):
    path = tmp_path_factory.getbasetemp() / name
    if path.name == name:
        assert whole_of(part_of(path).name) == name


def test_what_the_killed_left_is_removed_and_nothing_else(tmp_path):
    kept = {"a.json", ".mine.part", ".a.json.part", "x.12.part"}
    for name in (*kept, ".a.json.4711.part"):
        (tmp_path / name).write_text("half")
    remove_parts(tmp_path, idle=3600.0)
    assert (tmp_path / ".a.json.4711.part").exists()  # somebody may be writing it
    remove_parts(tmp_path)
    assert {p.name for p in tmp_path.iterdir()} == kept
    remove_parts(tmp_path / "none")


def test_what_the_killed_left_is_removed_in_folders_below_too(tmp_path):
    deep = tmp_path / "model"
    deep.mkdir()
    for place in (tmp_path, deep):
        (place / ".a.json.4711.part").write_text("half")
        (place / "a.json").write_text("whole")
    remove_parts_below(tmp_path)
    assert sorted(p.name for p in tmp_path.rglob("*")) == ["a.json", "a.json", "model"]
