"""What a campaign's decisions rest on, each with the version or hash that was in force."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from importlib.metadata import version
from importlib.resources import as_file, files
from pathlib import Path
from typing import TYPE_CHECKING

from campaigns.config import CampaignConfig, PoolSpec
from campaigns.generators import given_files, input_files
from campaigns.oracles.specs import DftSpec, OracleConfig
from campaigns.versions import galena_version
from materials.provenance import file_sha256

if TYPE_CHECKING:
    from campaigns.oracles.build import Equipment

GALENA, PREDICTOR, POTENTIAL = "galena", "predictor", "potential"
TRAINING, PROTOTYPES, KNOWN = "training data", "shipped prototypes", "known formulas"
FACTS = "element facts"
POOL = "pool"
_ORACLES = (POTENTIAL, "oracle ")
CHEMISTRY = "oxidation states and electronegativities"


def decision_sources(config: CampaignConfig, equipment: Equipment) -> dict[str, str]:
    """Name -> version or hash of all that can change what the campaign decides.

    Raises :class:`InputError` if a file that the specification names cannot be read.
    """
    predictor, versions = equipment.predictor, equipment.versions
    training = predictor.manifest.training
    generators: dict[str, list[str]] = {}
    for spec in config.generators:
        generators.setdefault(spec.kind, []).extend(_hashes(input_files(spec)))
    return {
        GALENA: galena_version(),
        PREDICTOR: predictor.version,
        TRAINING: f"{training.file} sha256:{training.sha256}",
        **{part: v for part, v in versions.items() if part.startswith(_ORACLES)},
        PROTOTYPES: _shipped("prototypes.json"),
        KNOWN: "; ".join([_shipped("known_formulas.txt.xz"), *_hashes(config.known)]),
        FACTS: f"sha256:{_facts_sha256()}",
        CHEMISTRY: f"pymatgen {version('pymatgen')}",
        **(
            {}
            if config.pool is None
            else {POOL: "; ".join(_hashes(_pool_files(config.pool)))}
        ),
        **{
            kind: "; ".join(found) or galena_version() for kind, found in generators.items()
        },
    }


def _shipped(name: str) -> str:
    with as_file(files("materials").joinpath("data", name)) as path:
        return f"{name} sha256:{file_sha256(path)}"


def input_versions(config: CampaignConfig) -> dict[str, str]:
    """Hashes of the files that a specification names: with others, it is another campaign."""
    found: dict[str, list[Path]] = {}
    if config.pool is not None:
        found[POOL] = _pool_files(config.pool)
    if config.known:
        found[KNOWN] = list(config.known)
    for place, generator in enumerate(config.generators, start=1):
        if files := given_files(generator):
            found[f"generator {place}"] = files
    return {part: "; ".join(_hashes(paths)) for part, paths in found.items()}


def oracle_inputs(config: CampaignConfig) -> dict[str, str]:
    """Hashes of the files that oracles' answers depend on, wherever they are asked."""
    found: dict[str, Path] = {}
    for spec in config.oracles:
        if isinstance(spec, OracleConfig) and spec.references.table is not None:
            found[f"oracle {spec.name} references"] = spec.references.table
        if isinstance(spec, DftSpec) and spec.script is not None:
            found[f"oracle {spec.name} script"] = spec.script.path
    return {part: "; ".join(_hashes([path])) for part, path in found.items()}


def _pool_files(pool: PoolSpec) -> list[Path]:
    """The files of a pool, by name."""
    if pool.table.is_dir():
        return sorted(path for path in pool.table.rglob("*") if path.is_file())
    return sorted(pool.table.parent.glob(pool.table.name))


def _hashes(paths: Sequence[Path]) -> list[str]:
    return [f"{path.name} sha256:{file_sha256(path)}" for path in paths]


def _facts_sha256() -> str:
    """Hash of the element facts that are installed; optional tables may be missing."""
    digest = hashlib.sha256()
    folder = files("materials.sustainability") / "data"
    for path in sorted(folder.iterdir(), key=lambda entry: entry.name):
        if path.name.endswith(".csv"):
            digest.update(path.name.encode() + b"\0" + path.read_bytes())
    return digest.hexdigest()
