"""What a campaign's decisions rest on, as dataset inputs of its run: by name and hash.

The data themselves stay where they are. MLflow shows name, digest and context of each, and the
rest as its profile.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import PurePath
from typing import TYPE_CHECKING, Any

from campaigns.sources import KNOWN, POOL, PROTOTYPES, TRAINING
from campaigns.versions import galena_version
from campaigns.view import CampaignView
from materials.provenance import file_sha256

if TYPE_CHECKING:
    from mlflow.entities import DatasetInput

CONTEXT_TAG = "mlflow.data.context"
_HASHED = re.compile(r"(?:(?P<file>[^;]+?) )?sha256:(?P<sha256>[0-9a-f]{64})")
_MP = {
    "source": "Materials Project, https://materialsproject.org",
    "licence": "CC-BY-4.0",
}
_SHIPPED: Mapping[str, Mapping[str, str]] = {
    "known_formulas.txt.xz": _MP,
    "prototypes.json": {
        "source": "AFLOW Encyclopedia of Crystallographic Prototypes, as carried by pymatgen",
        "licence": "MIT",
    },
}
"""Of materials/data/SOURCES.md."""


@dataclass(frozen=True, kw_only=True)
class Table:
    """One table that a campaign rests on."""

    name: str
    sha256: str
    context: str
    """What it is to the campaign: ``training``, ``pool``, ``known``, ``references``."""
    facts: Mapping[str, Any]
    """Source, licence and the like, where they are on record."""

    @property
    def digest(self) -> str:
        """As MLflow takes it: 36 characters at most."""
        return self.sha256[:32]

    def input(self) -> DatasetInput:
        """As MLflow takes it."""
        from mlflow.entities import Dataset, DatasetInput, InputTag

        facts = {"sha256": self.sha256} | dict(self.facts)
        dataset = Dataset(
            name=self.name,
            digest=self.digest,
            source_type="code",  # a table whose place MLflow need not know
            source=json.dumps({"tags": {"file": self.name, **facts}}),
            profile=json.dumps(facts),
        )
        return DatasetInput(dataset, [InputTag(CONTEXT_TAG, self.context)])


def tables_of(view: CampaignView, sources: Mapping[str, str]) -> list[Table]:
    """The tables on record, each once: of ``sources``, what decided by the ledger.

    The reference phases that ship with Galena count if it is the Galena that ran.
    """
    found = {
        (table.name, table.digest): table
        for table in (*_recorded(view, sources), *_references(view))
    }
    return list(found.values())


def _recorded(view: CampaignView, sources: Mapping[str, str]) -> Iterator[Table]:
    named = {TRAINING: "training", PROTOTYPES: "prototypes", KNOWN: "known", POOL: "pool"}
    for part, told in {**view.versions, **sources}.items():
        context = named.get(part)
        if part.startswith("oracle "):
            context = "references" if part.endswith(" references") else "oracle"
        if part.startswith("generator "):
            context = "generator"
        if context is None:
            continue
        for match in _HASHED.finditer(told):
            name = (match["file"] or _table_of(view, part)).strip()
            facts = dict(_SHIPPED.get(name, {}))
            if part == TRAINING and _model_is_shipped(view):
                facts = dict(_MP)
            if part == POOL:
                facts["place"] = str((view.spec.get("pool") or {}).get("table", ""))
            yield Table(name=name, sha256=match["sha256"], context=context, facts=facts)


def _table_of(view: CampaignView, part: str) -> str:
    """The file of an oracle that looks up, of which only the hash is on record."""
    oracles = [
        view.spec.get("oracle"),
        *(t["oracle"] for t in view.spec.get("tiers") or ()),
    ]
    for oracle in oracles:
        if oracle and part == f"oracle {oracle.get('name', oracle.get('kind'))}":
            return PurePath(str(oracle.get("table", part))).name
    return part


def _model_is_shipped(view: CampaignView) -> bool:
    from models.pretrained import shipped

    return view.versions.get("model") in shipped()


def _references(view: CampaignView) -> Iterator[Table]:
    """The competing phases that Galena brings, where a potential judged by them."""
    oracle = view.spec.get("oracle") or {}
    own = (oracle.get("references") or {}).get("table")
    if oracle.get("kind", "potential") != "potential" or own is not None:
        return
    if view.versions.get("galena") != galena_version():
        return
    from campaigns.oracles.shipped import SHIPPED

    origin = view.versions.get("potential", "")
    for path in SHIPPED:
        facts = {"source": f"Galena, computed with {origin}", "licence": "Apache-2.0"}
        yield Table(
            name=path.name, sha256=file_sha256(path), context="references", facts=facts
        )
