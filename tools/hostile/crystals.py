"""Crystal files and archives that no good person makes."""

from __future__ import annotations

import bz2
import gzip
import io
import json
import lzma
import os
import pickle  # nosec B403
import stat
import struct
import tarfile
import zipfile
import zlib
from collections.abc import Callable, Sequence
from pathlib import Path

from tools.hostile.item import Item, Make, Place

MIB = 1 << 20
CIF = """data_{title}
_cell_length_a 5.65
_cell_length_b 5.65
_cell_length_c 5.65
_cell_angle_alpha 60
_cell_angle_beta 60
_cell_angle_gamma 60
_symmetry_space_group_name_H-M 'P 1'
loop_
_atom_site_label
_atom_site_type_symbol
_atom_site_fract_x
_atom_site_fract_y
_atom_site_fract_z
Ga1 Ga 0.00 0.00 0.00
As1 As 0.25 0.25 0.25
"""
GOOD = CIF.format(title="GaAs")


class Bomb:
    """Runs a command when it is unpickled."""

    def __init__(self, marker: Path) -> None:
        self.marker = marker

    def __reduce__(self) -> tuple[Callable[..., int], tuple[str]]:
        return os.system, (f"touch '{self.marker}'",)


def pickled(place: Place) -> bytes:
    """A pickle that makes the marker."""
    return pickle.dumps(Bomb(place.marker))


def predict(place: Place, *paths: str, options: Sequence[str] = ()) -> list[str]:
    """Arguments that predict files."""
    model = ["--model", str(place.model)] if place.model else []
    return ["predict", *paths, *model, *options]


def file(name: str, content: Callable[[Place], bytes]) -> Make:
    """One crystal file of that content."""

    def make(place: Place) -> list[str]:
        (place.folder / name).write_bytes(content(place))
        return predict(place, name)

    return make


def text(name: str, content: str) -> Make:
    return file(name, lambda _: content.encode())


def archive(name: str, member: Callable[[Place], str], *, mode: int = 0) -> Make:
    """A zip with one member of that name; ``mode`` makes it a link or a device."""

    def make(place: Place) -> list[str]:
        info = zipfile.ZipInfo(member(place))
        info.create_system = 3  # Unix: there the mode counts
        info.external_attr = (mode or stat.S_IFREG | 0o644) << 16
        with zipfile.ZipFile(place.folder / name, "w") as out:
            out.writestr(info, str(place.secret) if stat.S_ISLNK(mode) else GOOD)
        return predict(place, name)

    return make


def deflated(mebibytes: int) -> bytes:
    """So many MiB of zeros as one deflated stream, made of one piece again and again."""
    packer = zlib.compressobj(9, zlib.DEFLATED, -15)
    piece = packer.compress(bytes(MIB)) + packer.flush(zlib.Z_FULL_FLUSH)
    return piece * mebibytes + zlib.compressobj(9, zlib.DEFLATED, -15).flush()


def zip_of(names: Sequence[bytes], data: bytes, size: int) -> bytes:
    """A zip whose names all stand for the same deflated data of that size unpacked."""
    common = struct.pack("<3H2L", 8, 0, 0, 0, len(data)) + struct.pack("<L", size)
    parts = [struct.pack("<4s2H", b"PK\x03\x04", 20, 0), common]
    parts += [struct.pack("<2H", len(names[0]), 0), names[0], data]
    content = b"".join(parts)
    entries = b"".join(
        struct.pack("<4s3H", b"PK\x01\x02", 20, 20, 0)
        + common
        + struct.pack("<5H2L", len(name), 0, 0, 0, 0, 0, 0)
        + name
        for name in names
    )
    end = (0, 0, len(names), len(names), len(entries), len(content), 0)
    return content + entries + struct.pack("<4s4H2LH", b"PK\x05\x06", *end)


def no_text(place: Place) -> list[str]:
    """A zip that says of a name that it is UTF-8, which it is not; a good crystal beside it."""
    content = zip_of([b"\xff\xfe.cif"], deflated(1), MIB)
    entry = content.index(b"PK\x01\x02") + 8
    flagged = content[:entry] + struct.pack("<H", 1 << 11) + content[entry + 2 :]
    (place.folder / "names.zip").write_bytes(flagged)
    (place.folder / "good.cif").write_text(GOOD)
    return predict(place, "names.zip", "good.cif")


def zip_bomb(place: Place) -> list[str]:
    content = zip_of([b"bomb.cif"], deflated(place.bomb), place.bomb * MIB)
    (place.folder / "bomb.zip").write_bytes(content)
    return predict(place, "bomb.zip")


def nested_zip(place: Place) -> list[str]:
    inner = b""
    for level in range(6):
        packed = io.BytesIO()
        with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as out:
            for number in range(8):
                name = f"{number}.zip" if level else f"{number}.cif"
                out.writestr(name, inner or bytes(MIB))
        inner = packed.getvalue()
    (place.folder / "nested.zip").write_bytes(inner)
    return predict(place, "nested.zip")


def overlapping_zip(place: Place) -> list[str]:
    """Thousands of names for one large member (Fifield, WOOT 2019)."""
    names = [b"%04d.cif" % number for number in range(5000)]
    size = place.bomb // 2
    (place.folder / "overlap.zip").write_bytes(zip_of(names, deflated(size), size * MIB))
    return predict(place, "overlap.zip")


def many_members(place: Place) -> list[str]:
    """A million empty files: some bytes each here, a file each where they are unpacked."""
    number = place.bomb * 1000
    names = [b"%07d.cif" % each for each in range(number)]
    length = len(names[0])
    local = struct.pack("<4s5H3L2H", b"PK\x03\x04", 20, *[0] * 7, length, 0)
    step = len(local) + length
    central = struct.pack("<4s6H3L5H", b"PK\x01\x02", 20, 20, *[0] * 7, length, *[0] * 4)
    locals_ = b"".join(local + name for name in names)
    entries = b"".join(
        central + struct.pack("<2L", 0, each * step) + name
        for each, name in enumerate(names)
    )
    start, size = len(locals_), len(entries)
    sizes = (number, number, size, start)
    end = (
        struct.pack("<4sQ2H2L4Q", b"PK\x06\x06", 44, 45, 45, 0, 0, *sizes)
        + struct.pack("<4sLQL", b"PK\x06\x07", 0, start + size, 1)
        + struct.pack("<4s4H2LH", b"PK\x05\x06", 0, 0, *[0xFFFF] * 2, *[0xFFFFFFFF] * 2, 0)
    )
    (place.folder / "many.zip").write_bytes(locals_ + entries + end)
    return predict(place, "many.zip")


def compressed(suffix: str, compress: Callable[[bytes], bytes]) -> Make:
    """Zeros, as one stream after the other."""

    def make(place: Place) -> list[str]:
        content = compress(bytes(8 * MIB)) * (place.bomb // 8)
        (place.folder / f"bomb.cif{suffix}").write_bytes(content)
        return predict(place, f"bomb.cif{suffix}")

    return make


def tar_slip(place: Place) -> list[str]:
    with tarfile.open(place.folder / "slip.tar.gz", "w:gz") as out:
        info = tarfile.TarInfo("../../outside/slipped.cif")
        info.size = len(GOOD)
        out.addfile(info, io.BytesIO(GOOD.encode()))
    return predict(place, "slip.tar.gz")


def yaml_laughs(levels: int = 12) -> str:
    """A billion laughs: aliases of aliases."""
    lines = ["a0: &a0 [x, x, x, x, x, x, x, x, x]"]
    lines += [f"a{i}: &a{i} [{', '.join([f'*a{i - 1}'] * 9)}]" for i in range(1, levels)]
    return "\n".join(lines)


def python_tag(place: Place) -> str:
    return f"!!python/object/apply:os.system ['touch {place.marker}']\n"


def json_class(place: Place) -> bytes:
    return json.dumps(
        {"@module": "subprocess", "@class": "Popen", "args": ["touch", str(place.marker)]}
    ).encode()


def link(name: str, target: Callable[[Place], str]) -> Make:
    def make(place: Place) -> list[str]:
        (place.folder / name).symlink_to(target(place))
        return predict(place, name)

    return make


def folder_link(place: Place) -> list[str]:
    inside = place.folder / "crystals"
    inside.mkdir()
    (inside / "good.cif").write_text(GOOD)
    (inside / "out").symlink_to(place.outside)
    return predict(place, "crystals")


def member_links(place: Place) -> list[str]:
    """A folder of links: to a secret, to nothing, to itself."""
    inside = place.folder / "crystals"
    inside.mkdir()
    for name, target in (("a.cif", place.secret), ("b.cif", "nowhere"), ("c.cif", "c.cif")):
        (inside / name).symlink_to(target)
    return predict(place, "crystals")


def hard_link(place: Place) -> list[str]:
    (place.folder / "hard.cif").hardlink_to(place.secret)
    return predict(place, "hard.cif")


def fifo(place: Place) -> list[str]:
    os.mkfifo(place.folder / "pipe.cif")
    return predict(place, "pipe.cif")


def sparse(place: Place) -> list[str]:
    """A hundred gigabytes that take no room."""
    with (place.folder / "huge.cif").open("wb") as out:
        out.truncate(100 * 1024 * MIB)
    return predict(place, "huge.cif")


def formulas(place: Place) -> list[str]:
    """File names that a spreadsheet would obey, in a table that it opens."""
    (place.folder / "=cmd|' .C calc'!A0.cif").write_text(GOOD)
    (place.folder / "@SUM(1+1).cif").write_text(GOOD)
    (place.folder / "-2+3.cif").write_text("not a crystal")
    # After --, what begins with a dash is no option.
    names = ["=cmd|' .C calc'!A0.cif", "@SUM(1+1).cif", "-2+3.cif"]
    command, *rest = predict(place, options=("-o", "out.csv"))
    return [command, *rest, "--", *names]


def terminal(place: Place) -> list[str]:
    """Names that paint a terminal, set its title, turn text around, or begin a line."""
    names = ["\x1b]0;owned\x07\x1b[2J.cif", "\u202eGaAs.cif", "a\nError: all is well.cif"]
    for name in [*names, "\x9b31m.cif"]:
        (place.folder / name).write_text(GOOD)
    return predict(place, ".")


def title(place: Place) -> list[str]:
    script = "<script>fetch('//x')</script>"
    (place.folder / "titled.cif").write_text(CIF.format(title=script))
    (place.folder / "<img src=x onerror=alert(1)>.cif").write_text(GOOD)
    return predict(place, ".", options=("-o", "out.json"))


LINK, DEVICE = stat.S_IFLNK | 0o777, stat.S_IFCHR | 0o666
SLIP = "../../outside/slipped.cif"
LONG_NAME = "b" * 300 + ".cif"
LEADS_OUT, BOMB = "leads outside", "unpacks to more than"
ANY = "."

ITEMS = (
    Item("zip slip", archive("slip.zip", lambda _: SLIP), LEADS_OUT),
    Item(
        "zip slip, backslashes",
        archive("slip.zip", lambda _: SLIP.replace("/", "\\")),
        LEADS_OUT,
    ),
    Item(
        "absolute path in a zip",
        archive("abs.zip", lambda place: f"{place.outside}/slipped.cif"),
        LEADS_OUT,
    ),
    Item(
        "link in a zip", archive("link.zip", lambda _: "a.cif", mode=LINK), "symbolic link"
    ),
    Item("device in a zip", archive("dev.zip", lambda _: "a.cif", mode=DEVICE), "device"),
    Item("zip with a name that is no text", no_text, "name in it is no text"),
    Item("zip with a name of 300 characters", archive("long.zip", lambda _: LONG_NAME)),
    Item("zip bomb", zip_bomb, BOMB),
    Item("nested zip bomb", nested_zip, r"\.zip.*(format|archive)"),
    Item("overlapping zip bomb", overlapping_zip, "overlap"),
    Item("zip of a million files", many_members, "list of its files|files, at most"),
    Item("gz bomb", compressed(".gz", gzip.compress), BOMB),
    Item("bz2 bomb", compressed(".bz2", bz2.compress), BOMB),
    Item("xz bomb", compressed(".xz", lzma.compress), BOMB),
    Item("tar slip", tar_slip, r"\.tar"),
    Item("tar", file("crystals.tar", lambda _: bytes(10240)), r"\.tar"),
    Item("7z", file("crystals.7z", lambda _: b"7z\xbc\xaf\x27\x1c"), r"\.7z"),
    Item("rar", file("crystals.rar", lambda _: b"Rar!\x1a\x07"), r"\.rar"),
    Item("script in a CIF's title and name", title),
    Item("escapes and turned text in names", terminal),
    Item("spreadsheet formulas in names", formulas, "not a CIF"),
    Item("YAML bomb as a crystal", text("bomb.yaml", yaml_laughs()), ANY),
    Item("YAML tag as a crystal", file("tag.yaml", lambda p: python_tag(p).encode()), ANY),
    Item("JSON that names a class", file("class.json", json_class), ANY),
    Item("JSON a million deep", text("deep.json", "[" * 1_000_000), ANY),
    Item("pickle as CIF", file("p.cif", pickled), ANY),
    Item("pickle as JSON", file("p.json", pickled), ANY),
    Item("pickle as ase trajectory", file("p.traj", pickled), ANY),
    Item("pickle by its name", file("p.pkl", pickled), "pickles can run code"),
    Item("pickle in gz", file("p.cif.gz", lambda p: gzip.compress(pickled(p))), ANY),
    Item("link out of a folder", folder_link, "link to a folder"),
    Item("links in a folder", member_links, "not a CIF"),
    Item("hard link to a secret", hard_link, "not a CIF"),
    Item("link to a secret", link("s.cif", lambda place: str(place.secret)), "not a CIF"),
    Item("link to a device", link("zero.cif", lambda _: "/dev/zero"), "device or a pipe"),
    Item("link to /proc", link("proc.cif", lambda _: "/proc/self/environ"), ANY),
    Item("pipe", fifo, "device or a pipe"),
    Item("sparse file of 100 GiB", sparse, "MiB|large"),
)
