"""Models, weights and campaign folders that no good person makes."""

from __future__ import annotations

import hashlib
import json
import shutil
import struct
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

from tools.hostile.crystals import ANY, GOOD, MIB, pickled
from tools.hostile.item import Item, Make, Place

SHIPPED = Path(__file__).parents[2] / "models" / "weights" / "fast"


def model(change: Callable[[Place, Path], None]) -> Make:
    """A copy of a model, changed, that is asked for a prediction."""

    def make(place: Place) -> list[str]:
        folder = place.folder / "model"
        shutil.copytree(place.model or SHIPPED, folder)
        change(place, folder)
        (place.folder / "good.cif").write_text(GOOD)
        return ["predict", "good.cif", "--model", "model"]

    return make


def _config(folder: Path) -> dict[str, Any]:
    content: dict[str, Any] = json.loads((folder / "config.json").read_text())
    return content


def _put(folder: Path, content: bytes) -> None:
    """Weights in place of the first member's, with the hash that the model says."""
    config = _config(folder)
    name = next(iter(config["members"]))
    (folder / name).write_bytes(content)
    config["members"][name]["sha256"] = hashlib.sha256(content).hexdigest()
    (folder / "config.json").write_text(json.dumps(config))


def pickled_weights(place: Place, folder: Path) -> None:
    _put(folder, pickled(place))


def lying_header(_: Place, folder: Path) -> None:
    """A header as long as all memory."""
    _put(folder, struct.pack("<Q", 2**62) + b"{}")


def lying_shape(_: Place, folder: Path) -> None:
    header = {"w": {"dtype": "F32", "shape": [2**40, 2**20], "data_offsets": [0, 4]}}
    text = json.dumps(header).encode()
    _put(folder, struct.pack("<Q", len(text)) + text + bytes(4))


def other_weights(_: Place, folder: Path) -> None:
    """Weights that are not those of the hash."""
    name = next(iter(_config(folder)["members"]))
    content = bytearray((folder / name).read_bytes())
    content[-1] ^= 1
    (folder / name).write_bytes(bytes(content))


def outside_weights(place: Place, folder: Path) -> None:
    """A member that is a path out of the folder."""
    config = _config(folder)
    name = next(iter(config["members"]))
    config["members"] = {f"../../outside/{place.secret.name}": config["members"][name]}
    (folder / "config.json").write_text(json.dumps(config))


def enormous(_: Place, folder: Path) -> None:
    """A network that no memory holds."""
    config = _config(folder)
    for net in (config["train"]["net"], *(m["net"] for m in config["members"].values())):
        net["atom_width"] = 2**20
    (folder / "config.json").write_text(json.dumps(config))


def secret_config(place: Place, folder: Path) -> None:
    (folder / "config.json").unlink()
    (folder / "config.json").symlink_to(place.secret)


def potential(kind: str, content: Callable[[Place], bytes]) -> Make:
    """Weights of a potential that relaxes."""

    def make(place: Place) -> list[str]:
        (place.folder / "weights.pt").write_bytes(content(place))
        (place.folder / "good.cif").write_text(GOOD)
        weights = ["--potential", f"{kind}:weights.pt"]
        return ["relax", "good.cif", "-o", "relaxed.parquet", *weights]

    return make


def torch_bomb(place: Place) -> bytes:
    """What torch.save writes, compressed, so that it unpacks to a gigabyte."""
    path = place.folder / "bomb.zip"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED, compresslevel=1) as out:
        out.writestr("archive/data.pkl", pickled(place))
        out.writestr("archive/data/0", bytes(place.bomb // 4 * MIB))
    return path.read_bytes()


def torch_pickle(place: Place) -> bytes:
    """What torch.save writes, with code in it."""
    path = place.folder / "code.zip"
    with zipfile.ZipFile(path, "w") as out:
        out.writestr("archive/data.pkl", pickled(place))
        out.writestr("archive/version", "3\n")
    return path.read_bytes()


ITEMS = (
    Item("pickle as safetensors", model(pickled_weights), "safetensors"),
    Item("safetensors with a lying header", model(lying_header), "safetensors"),
    Item("safetensors with a lying shape", model(lying_shape), "safetensors"),
    Item("other weights than the hash says", model(other_weights), "SHA-256"),
    Item("weights outside of the model", model(outside_weights), "no file name"),
    Item("network that no memory holds", model(enormous), ANY),
    Item("model's config is a link to a secret", model(secret_config), ANY),
    Item("pickled potential, MACE", potential("mace", pickled), "can run any code"),
    Item("pickled potential, CHGNet", potential("chgnet", pickled), "bare pickles"),
    Item("code in a potential's tensors", potential("chgnet", torch_pickle), ANY),
    Item("bomb in a potential's tensors", potential("chgnet", torch_bomb), "compressed"),
)
