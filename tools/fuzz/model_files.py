"""Model folders, checkpoints and caches of graphs that came from anywhere."""

from __future__ import annotations

import io
import json
import zipfile
from pathlib import Path
from random import Random
from typing import Any
from zlib import crc32

import numpy as np

from models.loading import load_predictor
from models.measured.gap import MeasuredGap
from models.training.checkpoint import read_checkpoint
from models.training.data import LabelledGraphs
from tools.fuzz.binary import bytes_changed
from tools.fuzz.group import READ
from tools.fuzz.model_seeds import KINDS, with_hash
from tools.fuzz.mutate import changed_tree, mutated
from tools.fuzz.reasons import refused

_SIZES = (0, 1, -1, 3, 10**6, 10**9, 10**12, 2**63, 2**64, 1.5, "4", None)
_DTYPES = (
    "F32",
    "F64",
    "F16",
    "BF16",
    "I64",
    "U8",
    "BOOL",
    "F8_E4M3",
    "C64",
    "F4",
    "X",
    "",
    4,
)
_ODD: tuple[Any, ...] = (
    *(0, -1, 10**9, 10**12, 10**30, 0.5, float("nan"), float("inf"), True, None, "", "x"),
    *(
        [],
        {},
        [[]],
        ["x"] * 99,
        [1e308],
        "../../etc/passwd",
        "a/b",
        "\0",
        {"a": 1},
        [-1, 119],
    ),
)
_PICKLES = (
    b"\x80\x02cos\nsystem\nq\x00X\x04\x00\x00\x00echoq\x01\x85q\x02Rq\x03.",
    b"\x80\x02}q\x00.",
    b"\x80\x02]q\x00.",
    b"\x80\x02K\x01.",
    b"\x80\x02" + b"]" * 9000 + b".",
    b"\x80\x02X\xff\xff\xff\x7f",
    b"\x80\x02B\xff\xff\xff\xff",
    b"garbage",
    b"",
)


def seeds() -> list[bytes]:
    """Each file of each kind, both named in the first line."""
    return [
        f"{kind}/{name}\n".encode() + content
        for kind, files in KINDS.items()
        for name, content in files().items()
        if len(content) < 60_000
    ]


def changed(data: bytes, pool: list[bytes], random: Random) -> bytes:
    """One file of a folder, changed as what it is; a forger mends the hashes."""
    first, _, content = data.partition(b"\n")
    others = [seed.partition(b"\n")[2] for seed in pool]
    name = first.decode("latin-1")
    if name.endswith(".json"):
        content = _changed_json(content, others, random)
    elif random.random() < 0.35:
        content = bytes_changed(content, others, random)
    elif name.endswith(".safetensors"):
        content = _changed_tensors(content, random)
    elif name.endswith(".pt"):
        content = _changed_zip(content, random)
    else:
        content = bytes_changed(content, others, random)
    return first + b"\n" + content


def feed(content: bytes, folder: Path) -> str:
    """Put the folder together and load it as the commands do; now and then ask it."""
    first, _, rest = content.partition(b"\n")
    kind, _, name = first.decode("latin-1").partition("/")
    if kind not in KINDS or name not in KINDS[kind]():
        kind, name = "network", "config.json"
    files = dict(KINDS[kind]())
    files[name] = rest
    with_hash(kind, files, name)
    place = folder / "model"
    place.mkdir(exist_ok=True)
    for stale in place.iterdir():
        stale.unlink()
    for file, part in files.items():
        (place / file).write_bytes(part)
    with refused(place) as outcome:
        _load(kind, place, name, ask=crc32(content) % 10 == 0)
        return READ
    return outcome.reason


def _load(kind: str, place: Path, name: str, *, ask: bool) -> None:
    if kind == "checkpoint":
        read_checkpoint(place / name)
    elif kind == "graphs":
        LabelledGraphs.load(place / name)
    elif kind == "measured":
        MeasuredGap.load(place)
    else:
        predictor = load_predictor(place, device="cpu")
        if ask:
            crystal = ([31, 33], np.array([[0.0] * 3, [0.25] * 3]), np.eye(3) * 5.65)
            found = predictor.predict_arrays([crystal])
            bad = found.errors[0] is None and not np.isfinite(found.mean).all()
            if bad:
                raise AssertionError("a prediction that is no number, without a reason")


def _changed_json(content: bytes, others: list[bytes], random: Random) -> bytes:
    roll = random.random()
    if roll < 0.3:
        return mutated(content, others, random)
    tree = json.loads(content)
    for _ in range(random.choice((1, 1, 2, 4))):
        tree = changed_tree(tree, random) if roll < 0.5 else _odd(tree, random)
    return json.dumps(tree).encode()


def _odd(tree: Any, random: Random) -> Any:
    """Some value, however deep, in exchange for an odd one."""
    holder = tree
    while isinstance(holder, dict | list) and holder:
        keys = list(holder) if isinstance(holder, dict) else list(range(len(holder)))
        key = random.choice(keys)
        if not isinstance(holder[key], dict | list) or random.random() < 0.15:
            holder[key] = random.choice(_ODD)
            break
        holder = holder[key]
    return tree


def _changed_tensors(content: bytes, random: Random) -> bytes:
    """Lies in the header of a safetensors file, or numbers that are none."""
    size = int.from_bytes(content[:8], "little")
    header, body = json.loads(content[8 : 8 + size]), bytearray(content[8 + size :])
    names = [name for name in header if name != "__metadata__"]
    one = header[random.choice(names)]
    match random.randrange(10):
        case 0:
            one["shape"] = [random.choice(_SIZES) for _ in range(random.randrange(4))]
        case 1:
            one["dtype"] = random.choice(_DTYPES)
        case 2:
            one["data_offsets"] = [random.choice(_SIZES), random.choice(_SIZES)]
        case 3:
            other = header[random.choice(names)]
            one["data_offsets"] = other["data_offsets"]
        case 4:
            header[random.choice(("", "x" * 999, "__metadata__", "\0"))] = random.choice(
                _ODD
            )
        case 5:
            del header[random.choice(names)]
        case 6:
            one["shape"] = (
                one["shape"][::-1] if random.random() < 0.5 else [1, *one["shape"]]
            )
        case 7:
            header["__metadata__"] = random.choice(
                ({}, {"targets": "[", "source": "{}"}, "x")
            )
            if random.random() < 0.5:
                header["__metadata__"] = {"targets": '["a", 1]', "source": '{"file": 1}'}
        case _:
            value = random.choice((b"\0\0\xc0\x7f", b"\0\0\x80\x7f", b"\xff\xff\x7f\x7f"))
            place = random.randrange(max(len(body) // 4, 1)) * 4
            body[place : place + 4] = value
    text = json.dumps(header).encode()
    length = len(text) if random.random() < 0.9 else random.choice((0, 2**40, 2**63, 9))
    return length.to_bytes(8, "little") + text + bytes(body)


def _changed_zip(content: bytes, random: Random) -> bytes:
    """A checkpoint whose members are others: pickles, bombs, names."""
    out = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(content)) as old, zipfile.ZipFile(out, "w") as new:
        for info in old.infolist():
            body = old.read(info)
            if random.random() < 0.4:
                body = _member(info.filename, body, random)
            name = (
                info.filename
                if random.random() < 0.95
                else random.choice(("../a", "x", ""))
            )
            kind = random.choice(
                (zipfile.ZIP_STORED, zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED)
            )
            if random.random() < 0.95:
                new.writestr(zipfile.ZipInfo(name or "y"), body, kind)
    return out.getvalue()


def _member(name: str, body: bytes, random: Random) -> bytes:
    if name.endswith(".pkl"):
        if random.random() < 0.5:
            return random.choice(_PICKLES)
        return bytes_changed(body, [body], random)
    return random.choice((b"", body[:1], body * 9, b"\0" * (1 << 16), b"\xff" * len(body)))
