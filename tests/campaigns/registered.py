"""A small model in a registry of its own; making one takes seconds."""

from __future__ import annotations

import json
import shutil
from dataclasses import dataclass
from pathlib import Path

from safetensors.torch import load, save

from campaigns.tracking import RegisteredModel, register_model
from materials.provenance import file_sha256
from tests.campaigns.small_model import save_small_model

HELD = {"file": "held.parquet", "sha256": "1" * 64, "rows": 4, "skipped": 1}


@dataclass(frozen=True)
class Registry:
    """A store, the model's own folder, and the version that was made of it."""

    uri: str
    bundle: Path
    model: RegisteredModel
    artefact: Path  # the folder of MLflow's that the version was written to

    def copied(self, folder: Path) -> str:
        """The URI of a store to change; its files stay where this one has them."""
        shutil.copy(self.uri.removeprefix("sqlite:///"), folder / "mlflow.db")
        return f"sqlite:///{folder / 'mlflow.db'}"


def make_registry(folder: Path) -> Registry:
    """Register a small model as ``galena``, the champion."""
    bundle = save_small_model(folder / "bundle")
    config = json.loads((bundle / "config.json").read_text())
    config["validation"] |= HELD  # a table of its own
    (bundle / "config.json").write_text(json.dumps(config))
    uri = f"sqlite:///{folder / 'mlflow.db'}"
    model = register_model(bundle, tracking_uri=uri)
    (artefact,) = folder.glob("artifacts/models/*/artifacts")
    return Registry(uri, bundle, model, artefact)


def other_model(folder: Path) -> Path:
    """The small model with one weight changed."""
    save_small_model(folder)
    member = folder / "member-1.safetensors"
    state = load(member.read_bytes())
    state[next(key for key, value in state.items() if value.is_floating_point())] += 0.5
    member.write_bytes(save(state))
    config = json.loads((folder / "config.json").read_text())
    config["members"][member.name]["sha256"] = file_sha256(member)
    (folder / "config.json").write_text(json.dumps(config))
    return folder
