"""Tables, specifications and worksheets that no good person makes."""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Sequence

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from tools.hostile.crystals import ANY, Bomb, pickled, python_tag, yaml_laughs
from tools.hostile.item import Item, Make, Place

SPEC = """name: given
elements: {allowed: [Zn, S, O]}
targets: {band_gap: {min: 1.0, max: 3.0}}
"""


def shown(name: str, content: Callable[[Place], bytes]) -> Make:
    """A table that is looked at."""

    def make(place: Place) -> list[str]:
        (place.folder / name).write_bytes(content(place))
        return ["data", "show", name]

    return make


def screened(name: str, content: Callable[[Place], bytes]) -> Make:
    """A table that is screened."""

    def make(place: Place) -> list[str]:
        (place.folder / name).write_bytes(content(place))
        model = ["--model", str(place.model)] if place.model else []
        return ["screen", name, "-o", "found.parquet", "--best", "3", *model]

    return make


def specified(text: Callable[[Place], str]) -> Make:
    """A campaign's specification."""

    def make(place: Place) -> list[str]:
        (place.folder / "given.yaml").write_text(text(place))
        return ["campaign", "run", "given.yaml", "--folder", "given"]

    return make


def crystals(**changes: object) -> pa.Table:
    """A crystal table with one row, and columns changed."""
    columns: dict[str, object] = {
        "material_id": ["a"],
        "formula": ["GaAs"],
        "n_sites": pa.array([2], pa.int32()),
        "lattice": pa.array(
            [[0.0, 2.8, 2.8, 2.8, 0.0, 2.8, 2.8, 2.8, 0.0]], pa.list_(pa.float32(), 9)
        ),
        "atomic_numbers": pa.array([[31, 33]], pa.list_(pa.uint8())),
        "frac_coords": pa.array([[0.0] * 3 + [0.25] * 3], pa.list_(pa.float32())),
    }
    return pa.table(columns | changes)


def written(table: pa.Table) -> bytes:
    sink = pa.BufferOutputStream()
    pq.write_table(table, sink)
    return bytes(sink.getvalue())


def parquet_bomb(place: Place) -> bytes:
    """Names of a gigabyte in all that are some kilobytes on the disk."""
    rows = 16_384
    name = pa.array(["x" * 1024]).dictionary_encode()
    indices = pa.array(np.zeros(rows * place.bomb // 16, np.int32))
    names = pa.DictionaryArray.from_arrays(indices, name.dictionary)
    table = crystals().take(pa.array(np.zeros(len(names), np.int64)))
    place_of = table.schema.get_field_index("material_id")
    return written(table.set_column(place_of, "material_id", names))


def pickled_type(place: Place) -> bytes:
    """An Arrow extension type that is a pickle (CVE-2023-47248)."""
    marks = {
        b"ARROW:extension:name": b"arrow.py_extension_type",
        b"ARROW:extension:metadata": pickled(place),
    }
    table = crystals()
    field = table.schema.field("material_id").with_metadata(marks)
    return written(table.cast(table.schema.set(0, field)))


def pickled_arrays(place: Place) -> bytes:
    """A NumPy archive of objects, under a table's name."""
    path = place.folder / "objects.npz"
    np.savez(path, a=np.array([Bomb(place.marker)], dtype=object))
    return path.read_bytes()


def hostile_ids(_: Place) -> bytes:
    table = crystals()
    ids = ["<script>alert(1)</script>", "\x1b[2J", "=1+1", "../../outside/x"]
    many = table.take(pa.array([0] * len(ids)))
    return written(many.set_column(0, "material_id", pa.array(ids)))


def starting(kind: str) -> Callable[[Place], str]:
    """A specification whose oracle starts something."""

    def text(place: Place) -> str:
        script = place.folder / "script.py"
        script.write_text(f"open({str(place.marker)!r}, 'w')")
        oracle: dict[str, object] = {
            "command": {
                "kind": "command",
                "argv": ["touch", str(place.marker), "{id}{folder}"],
            },
            "script": {"kind": "dft", "recipe": "script", "script": {"path": str(script)}},
            "calculator": {
                "kind": "dft",
                "recipe": "ase",
                "ase": {"calculator": "subprocess.Popen", "arguments": {"args": "id"}},
            },
            "interpreter": {"kind": "dft", "python": str(script)},
        }[kind]  # type: ignore[assignment]
        said = {"oracle": oracle} if kind == "command" else {"tiers": [{"oracle": oracle}]}
        return f"{SPEC}{json.dumps(said)[1:-1]}\n"

    return text


def node(kind: str, command: Sequence[str]) -> Make:
    """A pipe, or a link to a device, where a file is expected: the last of the arguments."""

    def make(place: Place) -> list[str]:
        path = place.folder / command[-1]
        path.parent.mkdir(exist_ok=True)
        if kind == "pipe":
            os.mkfifo(path)
        else:
            path.symlink_to("/dev/zero")
        return list(command)

    return make


def large_spec(place: Place) -> list[str]:
    with (place.folder / "huge.yaml").open("wb") as out:
        out.truncate(100 << 30)
    return ["campaign", "run", "huge.yaml"]


def url(place: Place) -> list[str]:
    return ["data", "pull", f"optimade:file://{place.secret}", "-o", "pulled.parquet"]


RUN, SHOW = ("campaign", "run", "node.yaml"), ("data", "show", "node.parquet")
NODE, ALLOWED = "device or a pipe|no such file|not a file", "not allowed"

ITEMS = (
    Item("pickle as Parquet", shown("p.parquet", pickled), ANY),
    Item("NumPy objects as Parquet", shown("p.parquet", pickled_arrays), ANY),
    Item("Parquet bomb", screened("bomb.parquet", parquet_bomb), ""),
    Item("pickled Arrow type", shown("type.parquet", pickled_type), ""),
    Item("hostile identifiers in a table", screened("ids.parquet", hostile_ids), ""),
    Item("pipe as a table", node("pipe", SHOW), NODE),
    Item("device as a table", node("device", SHOW), NODE),
    Item("YAML bomb as a specification", specified(lambda _: yaml_laughs()), ANY),
    Item("YAML tag in a specification", specified(lambda p: "a: " + python_tag(p)), ANY),
    Item("YAML a million deep", specified(lambda _: "[" * 1_000_000), ANY),
    Item("pipe as a specification", node("pipe", RUN), NODE),
    Item("device as a specification", node("device", RUN), NODE),
    Item("specification of 100 GiB", large_spec, "larger than"),
    Item("specification with a command", specified(starting("command")), ALLOWED),
    Item("specification with a script", specified(starting("script")), ALLOWED),
    Item("specification with a class to call", specified(starting("calculator")), ALLOWED),
    Item("specification with an interpreter", specified(starting("interpreter")), ALLOWED),
    Item("file:// as a source", url, ANY),
)
