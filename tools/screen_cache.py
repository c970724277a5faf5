"""Screen prepared crystals on a machine with torch and NumPy alone, and say how fast.

    python tools/screen_cache.py prepare CRYSTALS.parquet --model fast -o screen.pt
    python tools/screen_cache.py run screen.pt -o predicted.pt

The cache holds crystals as flat tensors, the model, and what this machine's processor predicts
of the first of them, which the other machine's answers are held against. Reading and writing
tensors stands for Parquet there, which needs a library; all between is what ``galena screen``
does.
"""

from __future__ import annotations

import argparse
import dataclasses
import json
import sys
import time
from pathlib import Path
from types import NoneType, UnionType
from typing import Any, Union, get_args, get_origin, get_type_hints

import numpy as np
import torch

from materials.flat import FlatCrystals
from models.clock import Clock
from models.graphs.search import crystal_graphs
from models.inference import Predictor
from models.nets import build_net
from models.pretrained import Bundle, Manifest
from models.uncertainty.doubt import Doubt

CHECKED = 2000  # crystals whose predictions come with the cache
SHARD = 16_384  # crystals at once


def prepare(given: argparse.Namespace) -> None:
    """Write crystals, model and the processor's predictions into one file of tensors."""
    from materials.table import CrystalTable
    from models.pretrained import load_bundle, shipped

    batches = CrystalTable.open(given.table).batches(size=given.rows or 1 << 30)
    flat = FlatCrystals.from_batch(next(batches)).dense()
    folder = shipped().get(given.model, Path(given.model))
    bundle = load_bundle(folder)
    tensors = {
        "crystals.z": torch.from_numpy(flat.atomic_numbers.astype(np.uint8)),
        "crystals.frac": torch.from_numpy(flat.frac_coords.astype(np.float32)),
        "crystals.lattice": torch.from_numpy(flat.lattice.astype(np.float32)),
        "crystals.start": torch.from_numpy(flat.start),
    }
    for number, net in enumerate(bundle.nets):
        tensors |= {f"net{number}.{key}": t for key, t in net.state_dict().items()}
    tensors |= {f"doubt.{key}": t for key, t in bundle.doubt.tensors().items()}
    few = crystals_of(tensors).cut(0, min(CHECKED, len(flat)))
    expected = Predictor(bundle, device="cpu").predict_flat(few)
    tensors["expected"] = torch.from_numpy(expected.mean)
    tensors["expected.std"] = torch.from_numpy(expected.std)
    manifest = json.dumps(dataclasses.asdict(bundle.manifest))
    torch.save({"tensors": tensors, "manifest": manifest}, given.output)
    print(f"{len(flat)} crystals, {given.output.stat().st_size / 2**20:.0f} MiB")


def run(given: argparse.Namespace) -> None:
    """Screen the cache, shard by shard, and print what it took as JSON."""
    began = time.monotonic()
    held = torch.load(given.cache, weights_only=True, mmap=True)
    tensors = held["tensors"]
    manifest = rebuilt(Manifest, json.loads(held["manifest"]))
    predictor = Predictor(
        bundle_of(manifest, tensors), device=given.device, precision=given.precision
    )
    flat = crystals_of(tensors)
    few = len(tensors["expected"])
    warm = predictor.predict_flat(flat.cut(0, few), compiled=given.compiled)
    expected, std = (tensors[name].numpy() for name in ("expected", "expected.std"))
    off = np.abs(warm.mean - expected)
    clock, means = Clock(), []
    start = time.monotonic()
    for first in range(0, len(flat), SHARD):
        with clock.stage("read"):
            some = flat.cut(first, min(first + SHARD, len(flat)))
        found = predictor.predict_flat(some, compiled=given.compiled, clock=clock)
        means.append(torch.from_numpy(np.stack([found.mean, found.std], 1)).float())
    with clock.stage("write"):
        if given.output is not None:
            torch.save(torch.cat(means), given.output)
    seconds = time.monotonic() - start
    on_gpu = predictor.device.type == "cuda"
    report = {
        "device": torch.cuda.get_device_name() if on_gpu else "cpu",
        "crystals": len(flat),
        "crystals_per_second": len(flat) / seconds,
        "stages": clock.seconds,
        "before": start - began,
        "largest_deviation": dict(
            zip(predictor.targets, np.nanmax(off, axis=0).tolist(), strict=True)
        ),
        "in_deviations": float(np.nanmax(off / std)),
        **roofline(predictor, flat.cut(0, min(512, len(flat))), clock, len(flat)),
    }
    print(json.dumps(report, indent=1))


def roofline(
    predictor: Predictor, few: FlatCrystals, clock: Clock, n: int
) -> dict[str, float]:
    """The networks' time beside what the device could do at its best."""
    from models.evaluation.roofline import count_work, measure_machine

    graphs = crystal_graphs(
        few, predictor.manifest.train.net.graph, device=predictor.device
    )
    work = count_work(predictor, graphs.cut(0, len(few)))
    machine = measure_machine(predictor.device, threads=torch.get_num_threads())
    return {
        "flops_per_crystal": work.flops,
        "bytes_per_crystal": work.bytes,
        "flops_per_second": machine.flops_per_second,
        "bytes_per_second": machine.bytes_per_second,
        "roofline_share": machine.seconds(work) * n / clock.seconds["network"],
    }


def crystals_of(tensors: dict[str, torch.Tensor]) -> FlatCrystals:
    """The crystals in a cache; their numbers are those of single precision."""
    return FlatCrystals(
        tensors["crystals.z"].numpy().astype(np.int64),
        tensors["crystals.frac"].numpy().astype(np.float64),
        tensors["crystals.lattice"].numpy().astype(np.float64),
        tensors["crystals.start"].numpy(),
    )


def bundle_of(manifest: Manifest, tensors: dict[str, torch.Tensor]) -> Bundle:
    """The model in a cache."""
    nets = []
    for number, member in enumerate(manifest.members.values()):
        net = build_net(member.net)
        net.load_state_dict(part(tensors, f"net{number}."))
        nets.append(net.eval().requires_grad_(False))
    return Bundle(manifest, tuple(nets), Doubt.from_tensors(part(tensors, "doubt.")))


def part(tensors: dict[str, torch.Tensor], prefix: str) -> dict[str, torch.Tensor]:
    """The tensors whose names begin so, without it."""
    return {
        name.removeprefix(prefix): tensor.clone()
        for name, tensor in tensors.items()
        if name.startswith(prefix)
    }


def rebuilt(kind: Any, plain: Any) -> Any:
    """A frozen dataclass from what ``asdict`` and JSON made of it, without a library."""
    if dataclasses.is_dataclass(kind):
        hints = get_type_hints(kind)
        return kind(**{key: rebuilt(hints[key], value) for key, value in plain.items()})
    origin, inner = get_origin(kind), get_args(kind)
    if origin in (Union, UnionType):
        if plain is None and NoneType in inner:
            return None
        (fitting,) = (one for one in inner if fits(one, plain))
        return rebuilt(fitting, plain)
    if origin is tuple:
        kinds = inner[:1] * len(plain) if inner[-1] is Ellipsis else inner
        return tuple(rebuilt(one, value) for one, value in zip(kinds, plain, strict=True))
    if origin is dict:
        return {key: rebuilt(inner[1], value) for key, value in plain.items()}
    return plain


def fits(kind: Any, plain: Any) -> bool:
    """Whether this one of several architectures is meant, or this plain type."""
    if not dataclasses.is_dataclass(kind):
        return isinstance(kind, type) and isinstance(plain, kind)
    named = {field.name: field.default for field in dataclasses.fields(kind)}
    return isinstance(plain, dict) and plain.get("architecture") == named["architecture"]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    actions = parser.add_subparsers(required=True)
    preparing = actions.add_parser("prepare", help="where everything is installed")
    preparing.add_argument("table", type=Path)
    preparing.add_argument("--model", default="fast")
    preparing.add_argument("--rows", type=int, help="the first so many alone")
    preparing.add_argument("-o", "--output", type=Path, required=True)
    preparing.set_defaults(do=prepare)
    running = actions.add_parser("run", help="where torch and NumPy are")
    running.add_argument("cache", type=Path)
    running.add_argument("-o", "--output", type=Path)
    running.add_argument("--device", default="auto")
    running.add_argument("--precision", default="float32")
    running.add_argument(
        "--compiled", action="store_true", help="with Numba, on processors"
    )
    running.set_defaults(do=run)
    given = parser.parse_args()
    given.do(given)


if __name__ == "__main__":
    sys.exit(main())
