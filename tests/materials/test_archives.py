"""Archives are read like folders, and cannot write, fill the disk or hide what failed."""

from __future__ import annotations

import gzip
import stat
import struct
import zipfile
from pathlib import Path

import pytest

from materials import archives
from materials.files import ReadCrystal, read_crystals
from tests.broken_files import CIF, POSCAR, XYZ


def read(*paths: Path | str) -> list[ReadCrystal]:
    return list(read_crystals(paths))


def one(path: Path) -> ReadCrystal:
    (crystal,) = read(path)
    return crystal


def zipped(folder: Path, members: dict[str, str | bytes]) -> Path:
    path = folder / "box.zip"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in members.items():
            archive.writestr(name, content)
    return path


def test_an_archive_is_read_like_a_folder(tmp_path):
    path = zipped(
        tmp_path,
        {
            "b/POSCAR": POSCAR,
            "a.cif.gz": gzip.compress(CIF.encode()),
            "c/many.extxyz": f"1\n{XYZ}\nSi 0 0 0\n" * 2,
            "d.cif": "",
            "e.zip": b"PK",
            ".hidden.cif": CIF,
            "__MACOSX/a.cif": CIF,
            "b/": "",
        },
    )
    crystals = read(path)
    names = [crystal.name.removeprefix(f"{path}/") for crystal in crystals]
    assert names == [
        "a.cif.gz",
        "b/POSCAR",
        "c/many.extxyz#0",
        "c/many.extxyz#1",
        "d.cif",
        "e.zip",
    ]
    assert [c.error is None for c in crystals] == [True] * 4 + [False] * 2
    assert crystals[4].error == "the file is empty"
    assert "archive inside an archive" in crystals[5].error
    assert {crystal.path for crystal in crystals} == {path}


def test_an_empty_archive_says_so(tmp_path):
    assert one(zipped(tmp_path, {})).error == "the archive holds no files"


@pytest.mark.parametrize("name", ["../out.vasp", "/tmp/out.vasp", "a/../../out.vasp"])
def test_names_that_lead_outside_are_refused(tmp_path, name):
    inside = tmp_path / "deep" / "deeper"
    inside.mkdir(parents=True)
    refused, good = sorted(
        read(zipped(inside, {name: POSCAR, "good.vasp": POSCAR})), key=lambda c: not c.error
    )
    assert "leads outside the archive" in refused.error
    assert good.error is None
    assert not [p for p in tmp_path.rglob("*") if p.name == "out.vasp"]


def test_a_bomb_stops_at_the_limit(tmp_path, monkeypatch):
    monkeypatch.setattr(archives, "LARGEST_FILE", 1 << 20)
    monkeypatch.setattr(archives, "LARGEST_ARCHIVE", 3 << 20)
    size = (1 << 20) - len(POSCAR)
    padded = POSCAR + "\n" * size  # as large as is allowed
    members = {"a.vasp": "0" * (5 << 20), **{f"b{i}.vasp": padded for i in range(5)}}
    crystals = read(zipped(tmp_path, members))
    assert "more than 1 MiB" in crystals[0].error
    assert [c.error is None for c in crystals[1:]] == [True] * 3 + [False] * 2
    (tmp_path / "a.cif.gz").write_bytes(gzip.compress(b"0" * (5 << 20)))
    assert "more than 1 MiB" in one(tmp_path / "a.cif.gz").error


def test_links_and_secrets_in_an_archive_are_refused(tmp_path):
    link = zipfile.ZipInfo("link.cif")
    link.external_attr = (stat.S_IFLNK | 0o777) << 16
    path = tmp_path / "box.zip"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr(link, "/etc/passwd")
        archive.writestr("secret.cif", CIF)
    data = bytearray(path.read_bytes())
    data[data.rindex(b"PK\1\2") + 8] |= 1  # the flag that says: encrypted
    path.write_bytes(data)
    linked, secret = read(path)
    assert "symbolic link" in linked.error
    assert "encrypted" in secret.error


def test_a_member_with_damaged_data_spares_the_others(tmp_path):
    path = zipped(tmp_path, {"a.vasp": POSCAR, "b.vasp": POSCAR})
    data = bytearray(path.read_bytes())
    data[60] ^= 0xFF
    path.write_bytes(data)
    damaged, good = read(path)
    assert "cannot be unpacked" in damaged.error
    assert good.error is None


def test_nothing_is_left_in_the_temporary_folder(tmp_path, monkeypatch):
    monkeypatch.setattr(archives.tempfile, "tempdir", str(tmp_path / "tmp"))
    (tmp_path / "tmp").mkdir()
    assert one(zipped(tmp_path, {"a.vasp": POSCAR})).error is None
    assert not list((tmp_path / "tmp").iterdir())


def test_members_that_share_their_bytes_are_a_bomb(tmp_path):
    path = zipped(tmp_path, {"a.cif": CIF})
    content = path.read_bytes()
    start, end = content.index(b"PK\x01\x02"), content.index(b"PK\x05\x06")
    entry = content[start:end]
    twice = entry + entry.replace(b"a.cif", b"b.cif")
    counts = b"\x02\x00\x02\x00" + len(twice).to_bytes(4, "little")
    tail = content[end : end + 8] + counts + content[end + 16 :]
    path.write_bytes(content[:start] + twice + tail)
    assert "overlap at" in one(path).error


def test_an_archive_of_too_many_files_is_refused_at_once(tmp_path, monkeypatch):
    monkeypatch.setattr(archives, "MOST_MEMBERS", 2)
    assert len(read(zipped(tmp_path, {"a.cif": CIF, "b.cif": CIF}))) == 2
    assert "3 files, at most 2" in one(zipped(tmp_path, dict.fromkeys("abc", CIF))).error


def test_a_list_too_long_is_refused_before_it_is_read(tmp_path, monkeypatch):
    path = zipped(tmp_path, dict.fromkeys("abcd", CIF))
    monkeypatch.setattr(archives, "LARGEST_LIST", 4 * 47)
    assert len(read(path)) == 4
    monkeypatch.setattr(archives, "LARGEST_LIST", 4 * 47 - 1)
    monkeypatch.setattr(zipfile.ZipInfo, "__init__", lambda *_: pytest.fail("was listed"))
    assert "the list of its files has" in one(path).error


def test_what_does_not_fit_counts_towards_all_that_is_unpacked(tmp_path, monkeypatch):
    monkeypatch.setattr(archives, "LARGEST_FILE", 2 * len(CIF))
    monkeypatch.setattr(archives, "LARGEST_ARCHIVE", 3 * len(CIF))
    crystals = read(
        zipped(tmp_path, {"a.cif": CIF, "b.cif": CIF, "c.cif": CIF, "d.cif": CIF})
    )
    assert [crystal.error is None for crystal in crystals] == [True, True, True, False]


@pytest.mark.parametrize("kind", [stat.S_IFCHR, stat.S_IFIFO])
def test_a_device_in_an_archive_is_refused(kind, tmp_path):
    info = zipfile.ZipInfo("a.cif")
    info.external_attr = (kind | 0o666) << 16
    with zipfile.ZipFile(tmp_path / "box.zip", "w") as archive:
        archive.writestr(info, CIF)
    assert "device or a pipe" in one(tmp_path / "box.zip").error


def patched(path: Path, old: bytes, new: bytes) -> Path:
    content = path.read_bytes()
    assert old in content
    path.write_bytes(content.replace(old, new))
    return path


def test_a_name_that_is_no_text_costs_the_archive_alone(tmp_path):
    path = patched(zipped(tmp_path, {"é.cif": CIF}), "é.cif".encode(), b"\xff\xfe.cif")
    (tmp_path / "good.cif").write_text(CIF)
    bad, good = read(path, tmp_path / "good.cif")
    assert bad.error == "is not a zip archive: a name in it is no text"
    assert good.error is None


def test_a_place_beyond_all_files_costs_the_member_alone(tmp_path):
    path = zipped(tmp_path, {"a.cif": CIF, "b.cif": CIF})
    content = bytearray(path.read_bytes())
    entry = content.index(b"PK\x01\x02")
    extra = struct.pack("<HHQ", 1, 8, (1 << 63) + 5)
    content[entry + 42 : entry + 46] = b"\xff" * 4  # of its header: see the extra field
    content[entry + 30 : entry + 32] = struct.pack("<H", len(extra))
    end = entry + 46 + len("a.cif")
    content[end:end] = extra
    size = content.index(b"PK\x05\x06") + 12
    length = struct.unpack("<I", content[size : size + 4])[0] + len(extra)
    content[size : size + 4] = struct.pack("<I", length)
    path.write_bytes(bytes(content))
    crystals = read(path)
    assert [bool(crystal.error) for crystal in crystals] in ([True, False], [True])
    assert all(len(str(crystal.error)) < 200 for crystal in crystals)


@pytest.mark.parametrize("name", ["b" * 300 + ".cif", "é" * 150 + ".cif", "x" * 250])
def test_a_long_name_is_read_like_any_other(name, tmp_path):
    path = zipped(tmp_path, {"a.cif": CIF, name: CIF, "z.cif": CIF})
    crystals = read(path)
    assert len(crystals) == 3
    errors = [crystal.error for crystal in crystals]
    assert errors[0] is errors[2] is None if name[0] != "é" else True
    assert (name == "x" * 250) == any(errors)  # which says nothing of what it is
