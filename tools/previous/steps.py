"""Steps of ``tools/write_previous.py``, each run by the Galena that PYTHONPATH names.

Only what hardly ever changes is imported: the command line, and the few functions at which
work is killed. ``steps.py STEP FOLDER``; a step may end by SIGKILL, which is what it is for.
"""

from __future__ import annotations

import importlib
import json
import os
import signal
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from pymatgen.core import Lattice, Structure

CUBIC = {
    "rocksalt": ("Fm-3m", ([0, 0, 0], [0.5, 0.5, 0.5])),
    "zincblende": ("F-43m", ([0, 0, 0], [0.25, 0.25, 0.25])),
    "fluorite": ("Fm-3m", ([0, 0, 0], [0.25, 0.25, 0.25])),
    "caesium": ("Pm-3m", ([0, 0, 0], [0.5, 0.5, 0.5])),
}
"""Space group and sites of binary structure types."""

CRYSTALS = (
    ("MgO", "rocksalt", 4.2),
    ("CaO", "rocksalt", 4.8),
    ("MgS", "rocksalt", 5.2),
    ("CaS", "rocksalt", 5.7),
    ("NaCl", "rocksalt", 5.6),
    ("KBr", "rocksalt", 6.6),
    ("ZnO", "zincblende", 4.6),
    ("ZnS", "zincblende", 5.4),
    ("ZnSe", "zincblende", 5.7),
    ("GaAs", "zincblende", 5.7),
    ("GaN", "zincblende", 4.5),
    ("AlP", "zincblende", 5.5),
    ("AlN", "zincblende", 4.4),
    ("SiC", "zincblende", 4.4),
    ("CuCl", "zincblende", 5.4),
    ("CaF2", "fluorite", 5.5),
    ("ZrO2", "fluorite", 5.1),
    ("SrF2", "fluorite", 5.8),
    ("Na2O", "fluorite", 5.6),
    ("Mg2Si", "fluorite", 6.4),
    ("CsCl", "caesium", 4.1),
    ("TiFe", "caesium", 3.0),
    ("NiAl", "caesium", 2.9),
    ("CsBr", "caesium", 4.3),
    ("LiF", "rocksalt", 4.0),
    ("BaO", "rocksalt", 5.5),
    ("SrS", "rocksalt", 6.0),
    ("TiC", "rocksalt", 4.3),
    ("InP", "zincblende", 5.9),
    ("BN", "zincblende", 3.6),
    ("BaF2", "fluorite", 6.2),
    ("Li2O", "fluorite", 4.6),
)
"""Textbook crystals: formula, structure type, edge of the cubic cell in Å, rounded."""


def structures() -> list[Structure]:
    """The crystals, in their order."""
    found = []
    for formula, kind, edge in CRYSTALS:
        group, sites = CUBIC[kind]
        cell, species = Lattice.cubic(edge), _species(formula, kind)
        crystal = Structure.from_spacegroup(group, cell, species, list(sites))
        found.append(crystal.get_primitive_structure())
    return found


def _species(formula: str, kind: str) -> list[str]:
    """Elements in the order of the type's sites; in fluorite the twofold one is second."""
    from pymatgen.core import Composition

    amounts = Composition(formula).get_el_amt_dict()
    order = (
        sorted(amounts, key=amounts.__getitem__) if kind == "fluorite" else list(amounts)
    )
    return [str(symbol) for symbol in order]


def label(crystal: Structure) -> float:
    """A number that follows from the composition, made up for training."""
    return float(np.mean([site.specie.X for site in crystal])) - 1.5


def cli(*arguments: str) -> None:
    """Run the command line in this process; a wrong command ends it."""
    from campaigns.cli.app import app

    code = app(list(arguments), standalone_mode=False)
    if code not in (None, 0):
        sys.exit(code)


def dies(where: str, method: str, after: int, *, first: bool = False) -> None:
    """Be killed at a call of a method: before it if ``first``, else once it is done."""
    module, _, name = where.rpartition(".")
    owner = getattr(importlib.import_module(module), name)
    done: Callable[..., Any] = getattr(owner, method)
    left = after

    def counted(*args: Any, **kwargs: Any) -> Any:
        nonlocal left
        left -= 1
        if first and left == 0:
            os.kill(os.getpid(), signal.SIGKILL)
        value = done(*args, **kwargs)
        if left == 0:
            os.kill(os.getpid(), signal.SIGKILL)
        return value

    setattr(owner, method, counted)


# --- crystals and tables


def crystals(folder: Path) -> None:
    """Crystal files, a crystal table, one with labels, and one of answers."""
    import pyarrow as pa

    from materials.table import CrystalTable
    from materials.writer import CrystalTableWriter

    found = structures()
    ids = [f"{formula}-{kind}" for formula, kind, _ in CRYSTALS]
    for place, (name, crystal) in enumerate(zip(ids, found, strict=True)):
        part = folder / "files" / ("one" if place < len(ids) // 2 else "two")
        part.mkdir(parents=True, exist_ok=True)
        crystal.to(filename=str(part / f"{name}.cif"))
    table = CrystalTable.from_structures(found, ids=ids)
    table.write(folder / "crystals.parquet")
    with CrystalTableWriter(folder / "labelled.parquet") as writer:
        for batch in table.batches():
            labels = pa.array([label(crystal) for crystal in found])
            hull = pa.array([0.01 * (i % 7) for i in range(len(found))])
            gaps = pa.array([max(0.0, 3.0 * label(crystal)) for crystal in found])
            fields = [*batch.schema, *(pa.field(n, pa.float64()) for n in LABELS)]
            columns = [*batch.columns, labels, gaps, hull]
            writer.write(pa.RecordBatch.from_arrays(columns, schema=pa.schema(fields)))


LABELS = ("label", "band_gap", "energy_above_hull")


def pull(folder: Path) -> None:
    """A table pulled from crystal files."""
    sources = [str(folder / "files" / part) for part in ("one", "two")]
    cli("data", "pull", *sources, "-o", str(folder / "pulled.parquet"))


def pulling(folder: Path) -> None:
    """The same, killed when the first source is in."""
    dies("materials.sources.store.PullStore", "append", 1)
    sources = [str(folder / "files" / part) for part in ("one", "two")]
    cli("data", "pull", *sources, "-o", str(folder / "pulling.parquet"))


def screen(folder: Path, output: str = "screened") -> None:
    """A screening of the table."""
    cli(
        *("screen", str(folder / "crystals.parquet"), "-o", str(folder / output)),
        *("--model", "fast", "--rows-per-shard", "4", "--workers", "1", "--device", "cpu"),
        *("--top", "0"),
    )


def screening(folder: Path) -> None:
    """The same, killed after two of its shards."""
    dies("campaigns.screening.store.ShardStore", "add", 2)
    screen(folder, "screening")


def novelty(folder: Path) -> None:
    """An index of known crystals, and what is new beside them."""
    cli(
        *(
            "novelty",
            str(folder / "labelled.parquet"),
            "-k",
            str(folder / "crystals.parquet"),
        ),
        *("--index", str(folder / "known.safetensors"), "-o", str(folder / "novelty.csv")),
    )


def relax(folder: Path, output: str = "relaxed.parquet") -> None:
    """Relaxations of two crystals."""
    files = [str(folder / "files" / "one" / f"{name}.cif") for name in _RELAXED]
    cli("relax", *files, "-o", str(folder / output), "--max-steps", "10", "--device", "cpu")


def relaxing(folder: Path) -> None:
    """The same, killed after the first."""
    dies("campaigns.relaxing.journal.Journal", "add", 1)
    relax(folder, "relaxing.parquet")


_RELAXED = ("MgO-rocksalt", "CaS-rocksalt", "ZnSe-zincblende")


# --- training


def _task(folder: Path) -> Any:
    from models.graphs.neighbours import GraphConfig
    from models.nets.gated import GatedNetConfig
    from models.training.config import TrainConfig
    from models.training.prepare import prepare

    net = GatedNetConfig(
        graph=GraphConfig(n_nearest=4, max_reach=6.0),
        targets=("band_gap", "energy_above_hull"),
        non_negative=("band_gap",),
        binary=(),
        corrections=(),
        atom_width=8,
        edge_width=8,
        angle_width=2,
        n_radial=4,
        n_blocks=1,
        n_heads=2,
    )
    config = TrainConfig(net=net, passes=4, decay_passes=2, batch_size=8, warmup_steps=2)
    prepared = prepare(folder / "labelled.parquet", folder / "graphs.safetensors", net)
    return prepared.data, config


def train(folder: Path, run: str = "trained") -> None:
    """A small network, trained to the end and exported."""
    from models.training.export import export_bundle
    from models.training.fit import train as fit

    data, config = _task(folder)
    found = fit(data, data, config, folder=folder / run)
    model = folder / "model"
    export_bundle(
        [found.checkpoint], data, data, folder=model, name="previous", configs=[config]
    )


def training(folder: Path) -> None:
    """The same, killed after its second checkpoint."""
    dies("models.training.checkpoint.Checkpoint", "save", 2)
    train(folder, "training")


def own(folder: Path) -> None:
    """A model of an own column, from a small table."""
    cli(
        *("train", str(folder / "labelled.parquet"), "--target", "label"),
        *("--folder", str(folder / "own"), "--folds", "2", "--passes", "1"),
        *("--from", "fast", "--tracking-uri", f"sqlite:///{folder / 'own.db'}"),
    )


def predict(folder: Path) -> None:
    """What the exported model says of the crystals."""
    for model in ("model", "own/model"):
        if (folder / model).exists():
            name = f"predicted_{model.partition('/')[0]}.json"
            cli(
                *("predict", str(folder / "files"), "--model", str(folder / model)),
                *("-o", str(folder / name), "--device", "cpu"),
            )


# --- campaigns

_SPEC: dict[str, Any] = {
    "name": "previous",
    "elements": {"allowed": ["Mg", "Ca", "Zn", "O", "S", "Se"]},
    "targets": {"band_gap": {"min": 0.5, "max": 6.0}, "energy_above_hull": {"max": 1.0}},
    "search": {"n_species": [2], "max_sites": 4, "asks": 60, "chunk": 30},
    "rounds": 2,
    "batch_size": 3,
    "model": "fast",
    "oracle": {"potential": "chgnet", "relaxation": {"max_force": 0.5, "max_steps": 3}},
    "seed": 5,
}


def campaign(folder: Path, place: str = "campaign") -> None:
    """Two rounds of made crystals, judged by a potential."""
    spec = folder / "spec.yaml"
    spec.write_text(json.dumps(_SPEC), encoding="utf-8")  # JSON is YAML
    store = f"sqlite:///{folder / 'tracking.db'}"
    cli(
        "campaign",
        "run",
        str(spec),
        "--folder",
        str(folder / place),
        "--tracking-uri",
        store,
    )


def campaigning(folder: Path) -> None:
    """The same, killed after the first verdict of the second round."""
    dies("campaigns.ledger.Ledger", "commit_verdict", 4)
    campaign(folder, "campaigning")


def pool(folder: Path, place: str = "pool") -> None:
    """Two rounds from a table, looked up in another; people are asked about the best."""
    spec = folder / "pool.yaml"
    table = str(folder / "labelled.parquet")
    columns = {"band_gap": "band_gap", "energy_above_hull": "energy_above_hull"}
    content = {
        "name": "pool",
        "targets": {
            "band_gap": {"min": 0.5, "max": 6.0},
            "energy_above_hull": {"max": 1.0},
        },
        "pool": {"table": table, "per_round": 12},
        "rounds": 2,
        "batch_size": 3,
        "model": "fast",
        "oracle": {"kind": "lookup", "table": table, "source": "made", "columns": columns},
        "tiers": [{"best": 1, "oracle": {"kind": "inbox", "name": "laboratory"}}],
        "seed": 5,
    }
    spec.write_text(json.dumps(content), encoding="utf-8")
    store = f"sqlite:///{folder / 'tracking.db'}"
    cli(
        "campaign",
        "run",
        str(spec),
        "--folder",
        str(folder / place),
        "--tracking-uri",
        store,
    )


def pooling(folder: Path) -> None:
    """The same, killed after the first verdict of the second round."""
    dies("campaigns.ledger.Ledger", "commit_verdict", 4)
    pool(folder, "pooling")


# --- what is to be found again

_SHOWN = ("candidate_id", "formula", "round", "energy_above_hull", "band_gap", "score")


def expected(folder: Path) -> None:
    """What the campaigns, the screening and the training came to, as this Galena sees it."""
    import pyarrow.parquet as pq

    from campaigns.results import open_view

    found: dict[str, Any] = {"campaigns": {}}
    for name in ("campaign", "campaigning", "pool", "pooling"):
        if (folder / name).exists():
            view = open_view(folder / name)
            found["campaigns"][name] = {
                "status": view.status,
                "shortlist": view.shortlist["candidate_id"].tolist(),
                "verdicts": json.loads(
                    view.verdicts[list(_SHOWN)].to_json(orient="records")
                ),
            }
    screened = pq.read_table(folder / "screened").to_pandas()
    found["screened"] = json.loads(screened.to_json(orient="records"))
    history = json.loads((folder / "trained" / "history.json").read_text(encoding="utf-8"))
    found["trained"] = history
    (folder / "expected.json").write_text(json.dumps(found, indent=1), encoding="utf-8")


if __name__ == "__main__":
    globals()[sys.argv[1]](Path(sys.argv[2]))
