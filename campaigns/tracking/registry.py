"""Models in MLflow's registry: versions under one name, and aliases that point at one of them.

``champion`` is the alias that the commands and campaign files of a group agree on; moving it
moves them all, and every campaign notes which version it was at the time.
"""

from __future__ import annotations

import json
import re
import time
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any

from campaigns.tracking.client import experiment_of, explained, open_client
from campaigns.tracking.facts import between_dashes
from campaigns.tracking.flavour import ARTIFACT, metrics_of, save_flavour
from campaigns.tracking.store import database_path, is_file, shown
from materials.errors import InputError, did_you_mean

if TYPE_CHECKING:
    from mlflow.entities import DatasetInput, LoggedModel
    from mlflow.entities.model_registry import ModelVersion
    from mlflow.tracking import MlflowClient

    from models.inference import Predictor
    from models.training.data import DataSource

NAME = "galena"
"""The registered model that Galena's versions go to."""

CHAMPION = "champion"
EXPERIMENT = "models"
"""MLflow's experiment of the runs that registered something."""

_NAME = re.compile(r"[\w -]{1,100}")  # what MLflow takes and every URI can hold
_ALIAS = re.compile(r"(?![vV]\d+$)[\w-]{1,100}")
_PICTURE = re.compile(r"!\[([^\]]*)\]\([^)]*\)")
"""In Markdown; a description has no files to show."""
_METADATA_TAG = "galena.metadata"
_VERSIONS_TAG = "mlflow.modelVersions"
_DESCRIPTION_LENGTH = 5000
"""Longest description that MLflow's databases keep."""
_PROBLEM = "the model registry could not be used"
_ADVICE = "Nothing was changed in the model's own folder"


@dataclass(frozen=True)
class RegisteredModel:
    """One version in the registry."""

    name: str
    version: str
    aliases: tuple[str, ...]
    run_id: str
    created: datetime
    metadata: dict[str, Any]
    """As :func:`campaigns.tracking.flavour.describe` told it; empty for foreign models."""

    @property
    def uri(self) -> str:
        """What names this version for good: ``models:/galena/3``."""
        return f"models:/{self.name}/{self.version}"


def register_model(
    folder: Path, *, tracking_uri: str, name: str = NAME, alias: str | None = CHAMPION
) -> RegisteredModel:
    """Put the model in ``folder`` into the registry, and point ``alias`` at it.

    A model that is there already, recognised by its version, gets no second version. The run
    that registers holds its metrics and, as dataset inputs, the tables it was trained and
    measured on by name, SHA-256 and number of rows.

    Raises:
        InputError: ``folder`` is not a model's folder, or no URI could lead to ``name``.
        TrackingError: MLflow refused.
    """
    from models.inference import Predictor

    if not _NAME.fullmatch(name):
        raise InputError(
            f"name '{name}': expected up to 100 letters, digits, '-', '_' or spaces"
        )
    if alias and (not _ALIAS.fullmatch(alias) or alias == "latest"):
        raise InputError(
            f"alias '{alias}': expected letters, digits, '-' or '_', and neither 'latest' nor "
            "a version such as v1"
        )
    predictor = Predictor.load(folder, device="cpu")
    with explained(tracking_uri, problem=_PROBLEM, advice=_ADVICE):
        client = open_client(tracking_uri)
        known = _versions(client, name)
        found = next(
            (v for v in known if v.metadata.get("model") == predictor.version), None
        )
        version = (
            found.version if found else _add(client, tracking_uri, name, folder, predictor)
        )
        if alias:
            client.set_registered_model_alias(name, alias, version)
        return next(v for v in _versions(client, name) if v.version == version)


def list_models(tracking_uri: str, *, name: str | None = None) -> list[RegisteredModel]:
    """Every version in the registry, or those of one name: by name, newest first.

    A store that does not exist holds none, and is not made.

    Raises:
        TrackingError: MLflow refused.
    """
    if not _exists(tracking_uri):
        return []
    with explained(tracking_uri, problem=_PROBLEM, advice=_ADVICE):
        return _versions(open_client(tracking_uri), name)


def describe_model(
    name: str, tracking_uri: str, *, alias: str | None = None, version: str | None = None
) -> RegisteredModel:
    """The version that ``alias`` points at, or ``version`` itself, or else the newest.

    Raises:
        InputError: there is no such model, alias or version; says what there is.
        TrackingError: MLflow refused.
    """
    every = list_models(tracking_uri)
    names = sorted({model.name for model in every})
    own = [model for model in every if model.name == name]
    if not own:
        raise InputError(
            f"{shown(tracking_uri)}: no registered model '{name}'; there is "
            f"{', '.join(names) or 'none at all'}.{did_you_mean(name, names)} Register "
            "one with galena model register FOLDER, or name another store with --tracking-uri"
        )
    for model in own:
        if alias in model.aliases or model.version == version:
            return model
    if alias is None and version is None:
        return own[0]
    wanted = f"alias '{alias}'" if alias else f"version {version}"
    there = ", ".join(
        " ".join([model.version, *(f"@{a}" for a in model.aliases)]) for model in own
    )
    raise InputError(
        f"{shown(tracking_uri)}: model '{name}' has no {wanted}; its versions are {there}"
    )


def card_of(folder: Path, predictor: Predictor) -> str:
    """The model's card as a version's description, its end left out where it is too long."""
    from models.training.card import CARD

    path = folder / CARD
    first = f"{predictor.version}, trained on {predictor.manifest.training.file}"
    if not path.is_file():
        return first
    text = _PICTURE.sub(r"\1", path.read_text(encoding="utf-8")).strip()
    card = f"{first}\n\n{text}"
    rest = f"\n\nThe whole card is the artifact `artifacts/{ARTIFACT}/{CARD}`."
    if len(card) <= _DESCRIPTION_LENGTH:
        return card
    room = _DESCRIPTION_LENGTH - len(rest)
    return card[: card.rfind("\n\n", 0, room)] + rest


def _search_tags(predictor: Predictor) -> dict[str, str]:
    """What versions are searched by, as campaigns are by ``galena.model``."""
    return {
        "galena.model": predictor.version,
        "galena.targets": between_dashes(predictor.targets),
        "galena.track": str(predictor.manifest.track),
    }


def _exists(tracking_uri: str) -> bool:
    return not is_file(tracking_uri) or database_path(tracking_uri).is_file()


def _add(
    client: MlflowClient, tracking_uri: str, name: str, folder: Path, predictor: Predictor
) -> str:
    """Log the model in a run of its own, make a version of it, and return its number."""
    experiment = experiment_of(client, tracking_uri, EXPERIMENT)
    tags = {"mlflow.user": "galena", "mlflow.source.name": "galena model register"}
    run = client.create_run(experiment, tags=tags, run_name=predictor.version)
    status = "FAILED"
    try:
        logged = client.create_logged_model(
            experiment, name, run.info.run_id, model_type="crystal properties"
        )
        metadata = _log_files(client, logged, folder, predictor)
        _log_facts(client, logged, predictor)
        client.finalize_logged_model(logged.model_id, "READY")
        _ensure_name(client, name)
        made = client.create_model_version(
            name,
            source=logged.artifact_location,  # by its id MLflow would look in another store
            run_id=run.info.run_id,
            model_id=logged.model_id,
            description=card_of(folder, predictor),
            tags={_METADATA_TAG: json.dumps(metadata), **_search_tags(predictor)},
        )
        # Databases do not keep which logged model a version is; its page goes by this.
        versions = json.dumps([{"name": name, "version": str(made.version)}])
        client.set_logged_model_tags(logged.model_id, {_VERSIONS_TAG: versions})
        status = "FINISHED"
    finally:
        client.set_terminated(run.info.run_id, status)
    return str(made.version)


def _log_files(
    client: MlflowClient, logged: LoggedModel, folder: Path, predictor: Predictor
) -> dict[str, Any]:
    from mlflow.models import Model

    about = Model(run_id=logged.source_run_id, model_id=logged.model_id)
    with TemporaryDirectory(prefix="galena-") as temporary:
        path = Path(temporary) / "model"
        metadata = save_flavour(folder, predictor, path, about)
        client.log_model_artifacts(logged.model_id, str(path))
    return metadata


def _log_facts(client: MlflowClient, logged: LoggedModel, predictor: Predictor) -> None:
    """Tables as inputs of the run, the model as its output, and its errors as metrics."""
    from mlflow.entities import LoggedModelOutput, Metric

    run_id = str(logged.source_run_id)
    manifest = predictor.manifest
    validation = _dataset(manifest.validation, "validation")
    client.log_inputs(run_id, [_dataset(manifest.training, "training"), validation])
    client.log_outputs(run_id, [LoggedModelOutput(logged.model_id, step=0)])
    now = round(1000 * time.time())
    measured = [
        Metric(
            key, value, now, 0,
            model_id=logged.model_id,
            dataset_name=validation.dataset.name,
            dataset_digest=validation.dataset.digest,
            run_id=run_id,
        )
        for key, value in metrics_of(predictor).items()
    ]  # fmt: skip
    for start in range(0, len(measured), 500):  # MLflow takes 1,000 at once
        client.log_batch(run_id, metrics=measured[start : start + 500])


def _dataset(source: DataSource, context: str) -> DatasetInput:
    """A table by name, hash and size. MLflow's digest has 36 characters at most."""
    from mlflow.entities import Dataset, DatasetInput, InputTag

    facts = {"rows": source.rows, "skipped": source.skipped, "sha256": source.sha256}
    name = f"{source.file} ({source.where})" if source.where else source.file
    dataset = Dataset(
        name=name,
        digest=source.sha256[:32],
        source_type="code",
        source=json.dumps({"tags": {"file": source.file, "sha256": source.sha256}}),
        profile=json.dumps(facts),
    )
    return DatasetInput(dataset, [InputTag("mlflow.data.context", context)])


def _ensure_name(client: MlflowClient, name: str) -> None:
    if any(
        model.name == name for model in client.search_registered_models(max_results=1000)
    ):
        return
    client.create_registered_model(
        name,
        description="Properties of crystals, each with its doubt. Input: CIF or JSON text.",
    )


def _versions(client: MlflowClient, name: str | None) -> list[RegisteredModel]:
    """All versions, or those of one name, by name and newest first."""
    aliases = {
        model.name: model.aliases
        for model in client.search_registered_models(max_results=1000)
    }
    found = client.search_model_versions(max_results=10_000)
    told = [_told(v, aliases.get(v.name, {})) for v in found if name in (None, v.name)]
    return sorted(told, key=lambda model: (model.name, -int(model.version)))


def _told(version: ModelVersion, aliases: Mapping[str, str]) -> RegisteredModel:
    return RegisteredModel(
        name=version.name,
        version=str(version.version),
        aliases=tuple(
            sorted(a for a, v in aliases.items() if str(v) == str(version.version))
        ),
        run_id=version.run_id or "",
        created=datetime.fromtimestamp(version.creation_timestamp / 1000, UTC),
        metadata=json.loads(version.tags.get(_METADATA_TAG, "{}")),
    )
