"""From what people write after ``--model`` to a folder that can be loaded."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

from campaigns.tracking.client import explained, open_client
from campaigns.tracking.flavour import read_metadata
from campaigns.tracking.registry import RegisteredModel, describe_model
from campaigns.tracking.store import for_mlflow
from materials.errors import InputError, did_you_mean

if TYPE_CHECKING:
    from mlflow.tracking import MlflowClient

_REGISTERED = re.compile(
    r"models:/(?P<name>[^/@]+)(?:@(?P<alias>[^/@]+)|/(?P<version>\d+)|/latest)"
)
_BARE = re.compile(r"(?:models:/)?(?P<name>[^/@:]+)(?:@(?P<alias>[^/@:]+))?")
_IN_A_RUN = re.compile(r"runs:/[^/]+/.+|models:/m-[0-9a-f]+")
_FORMS = (
    "models:/galena@champion, models:/galena/3, models:/galena/latest or runs:/RUN/galena"
)


@dataclass(frozen=True)
class LocalModel:
    """A model's folder on this machine, for as long as it is needed."""

    folder: Path
    origin: str
    """What names it for good, an alias resolved: ``models:/galena/3``, a shipped model's name,
    or the folder."""


def registered(model: str, tracking_uri: str) -> RegisteredModel:
    """The registered version that a ``models:/`` URI leads to now; of a name alone the newest.

    Raises:
        InputError: there is none, or the URI cannot be understood.
        TrackingError: MLflow refused.
    """
    parts = _REGISTERED.fullmatch(model) or _BARE.fullmatch(model)
    if parts is None:
        raise InputError(f"'{model}' names no model; expected {_FORMS}")
    asked = {"alias": None, "version": None} | parts.groupdict()
    return describe_model(
        str(asked["name"]), tracking_uri, alias=asked["alias"], version=asked["version"]
    )


@contextmanager
def local_model(model: str | None, tracking_uri: str) -> Iterator[LocalModel]:
    """Find a model by folder, shipped name or MLflow URI, or the default one for None.

    What comes from MLflow is downloaded to a temporary folder, which is gone afterwards: load
    the model inside the ``with``.

    Raises:
        InputError: there is no such model; says what there is.
        TrackingError: MLflow refused.
    """
    if model is None or not model.startswith(("models:", "runs:")):
        yield _on_disk(model)
        return
    origin = _resolved(model, tracking_uri)
    with TemporaryDirectory(prefix="galena-") as temporary:
        yield LocalModel(_download(origin, tracking_uri, Path(temporary)), origin)


def _on_disk(model: str | None) -> LocalModel:
    from models.pretrained import DEFAULT, shipped

    known = shipped()
    if model is None:
        return LocalModel(known[DEFAULT], DEFAULT)
    folder = Path(model)
    if (folder / "config.json").is_file():
        return LocalModel(folder, str(folder.resolve()))
    if model in known:
        return LocalModel(known[model], model)
    what = "a folder without config.json" if folder.is_dir() else "no such model"
    raise InputError(
        f"{model}: {what}; expected a model's folder, a shipped model "
        f"({', '.join(known)}) or an MLflow URI such as models:/galena@champion."
        f"{did_you_mean(model, known)} A network of your own is made with galena train, or "
        "tools/make_weights.py; a specification that names a folder may say how in a comment"
    )


def _resolved(model: str, tracking_uri: str) -> str:
    """The URI with its alias replaced by the version that it points at now."""
    return model if _IN_A_RUN.fullmatch(model) else registered(model, tracking_uri).uri


def _download(uri: str, tracking_uri: str, folder: Path) -> Path:
    """Fetch the artefact into ``folder`` and return the model's own folder inside it."""
    problem, advice = f"{uri} could not be fetched", "Name another model with --model"
    with explained(tracking_uri, problem=problem, advice=advice):
        from mlflow.artifacts import download_artifacts

        place = download_artifacts(
            _location(open_client(tracking_uri), uri),
            dst_path=str(folder),
            tracking_uri=for_mlflow(tracking_uri),
            registry_uri=for_mlflow(tracking_uri),
        )
    try:
        return read_metadata(Path(place))[1]
    except InputError as error:
        raise InputError(f"{uri}: {error}") from error


def _location(client: MlflowClient, uri: str) -> str:
    """Where the files are. Given the URI itself, MLflow would look in its global store."""
    kind, _, rest = uri.partition(":/")
    name, _, inside = rest.partition("/")
    if kind == "models" and inside:
        return str(client.get_model_version_download_uri(name, inside))
    if kind == "models":
        return str(client.get_logged_model(name).artifact_location)
    run = client.get_run(name)
    for output in run.outputs.model_outputs if run.outputs else ():
        logged = client.get_logged_model(output.model_id)
        if logged.name == inside.rstrip("/"):
            return str(logged.artifact_location)
    return f"{run.info.artifact_uri}/{inside}"
