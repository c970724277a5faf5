"""From whatever names a campaign to its specification and its folder."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from campaigns.config import CampaignConfig
from campaigns.folder import CampaignFolder
from campaigns.ledger import Ledger
from campaigns.oracles.function import Function
from campaigns.specs import parse_mapping, read_text, validated
from materials.errors import InputError, did_you_mean

RUNS = Path("runs")
"""Where campaigns live, each in a folder of its own."""

Source = CampaignConfig | Mapping[str, Any] | Path | str


def content_of(source: Source) -> tuple[dict[str, Any], str, Path | None]:
    """A specification as a mapping, what to call it in messages, and its folder if it has one.

    Raises:
        InputError: it cannot be read, or is nothing that a campaign could be loaded from.
    """
    if isinstance(source, CampaignConfig):
        return source.model_dump(mode="json", exclude_unset=True), source.name, None
    if isinstance(source, Mapping):
        return dict(source), str(source.get("name", "the specification")), None
    if not isinstance(source, str | Path):
        raise InputError(
            f"a campaign is loaded from a YAML file, a folder, a mapping or a CampaignConfig, "
            f"not from a {type(source).__name__}"
        )
    path = Path(source)
    if path.is_dir():
        return _of_folder(path), str(path), path
    if not path.exists():
        near = [f.name for f in path.parent.iterdir()] if path.parent.is_dir() else []
        raise InputError(
            f"{path}: no such file.{did_you_mean(path.name, near)} A campaign that has begun "
            "goes on with Campaign.resume(NAME)"
        )
    return parse_mapping(read_text(path), name=str(path), keys=_KEYS), str(path), None


_KEYS = CampaignConfig.required_keys


def _of_folder(path: Path) -> dict[str, Any]:
    place = CampaignFolder(path)
    if place.spec.exists():
        try:
            return parse_mapping(read_text(place.spec), name=str(place.spec), keys=_KEYS)
        except InputError:
            if not place.ledger.exists():
                raise  # else it is damaged, and the ledger has it too
    place.check_begun()
    ledger = Ledger(place.ledger)
    try:
        return dict(ledger.get("spec") or {})
    finally:
        ledger.close()


def with_changes(
    content: Mapping[str, Any],
    *,
    name: str,
    model: str | None = None,
    function: Function | None = None,
    pool: Path | None = None,
) -> CampaignConfig:
    """The specification with another model, a function as its oracle, a pool to choose from.

    Raises:
        InputError: something in it cannot be used; names the field.
    """
    changed = dict(content)
    if model is not None:
        changed["model"] = model
    if pool is not None:
        said = changed.get("pool")
        before = dict(said) if isinstance(said, Mapping) else {}
        changed["pool"] = before | {"table": str(pool)}
    if function is not None and not _names(changed, function.name):
        said = changed.get("oracle")
        limits = dict(said) if isinstance(said, Mapping) else {}
        own = limits if limits.get("kind") == "function" and "name" not in limits else {}
        changed["oracle"] = own | {"kind": "function", "name": function.name}
    return validated(CampaignConfig, changed, name=name)


def _names(content: Mapping[str, Any], name: str) -> bool:
    """Whether a specification has a function of that name among its oracles."""
    tiers = content.get("tiers") or ()
    specs = [
        content.get("oracle"),
        *(t.get("oracle") for t in tiers if isinstance(t, dict)),
    ]
    return any(
        isinstance(spec, Mapping)
        and spec.get("kind") == "function"
        and spec.get("name") == name
        for spec in specs
    )


def folder_named(name: str | Path, runs: Path = RUNS) -> Path:
    """The folder of a campaign that has begun, by its name or as it is.

    Raises:
        InputError: there is none, or several of that name; says which there are.
    """
    if not isinstance(name, str | Path):
        raise InputError(
            f"a campaign is resumed by its name or folder, not by a {type(name).__name__}"
        )
    for path in (Path(name), runs / name):
        if CampaignFolder(path).ledger.exists():
            return path
    begun = sorted(path.parent for path in runs.glob("*/ledger.sqlite"))
    names = {path: campaign_name(path) for path in begun}
    found = [path for path, own in names.items() if own == str(name)]
    if len(found) == 1:
        return found[0]
    if found:
        raise InputError(
            f"several campaigns are called '{name}': {_listed(map(str, found))}; give the "
            "folder of one"
        )
    known = sorted({*names.values(), *(path.name for path in begun)})
    there = f"there are {_listed(known)}" if known else "there is none yet"
    raise InputError(
        f"no campaign '{name}' under {runs}: {there}.{did_you_mean(str(name), known)}"
    )


def campaign_name(folder: Path) -> str:
    """What the campaign in a folder is called; the folder's name where nothing says it."""
    try:
        name = _of_folder(folder).get("name")
    except InputError:
        name = None
    return str(name or folder.name)


def _listed(names: Iterable[str]) -> str:
    return ", ".join(names)
