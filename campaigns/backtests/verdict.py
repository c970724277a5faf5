"""What a back-test says about a campaign to come."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from materials.errors import InputError

OWN = "galena"
"""The strategy that a campaign follows."""


def warning(path: Path, *, model: str | None = None, strategy: str = OWN) -> str | None:
    """A sentence for the person about to start a campaign, or None if all is well.

    ``path`` is a ``backtest.json`` or its folder; ``model`` the version of the campaign's
    predictor, which should be the one that was tested.

    Raises:
        InputError: there is no such file, it is none of a back-test, or the strategy was not
            replayed in it.
    """
    file = path / "backtest.json" if path.is_dir() else path
    found = _read(file)
    results = {one["strategy"]: one for one in found["strategies"]}
    if strategy not in results:
        raise InputError(
            f"{file}: strategy '{strategy}' was not replayed; run galena backtest with "
            f"--strategies {strategy}"
        )
    curve = results[strategy]["acceleration"]
    mean, low, high = (curve[part][-1] for part in ("mean", "low", "high"))
    factor = f"{mean:.1f} times random search (95 % interval {low:.1f} to {high:.1f})"
    if results[strategy]["verdict"] == "decelerates":
        return (
            f"back-test '{found['name']}': this model may slow the search down, {factor}; "
            "choose another model or more starting labels, or search at random"
        )
    tested = found["facts"]["model"]
    if model is not None and model != tested:
        return (
            f"back-test '{found['name']}' was of {tested}, this campaign uses {model}: it "
            "says nothing for certain about it"
        )
    return None


def _read(file: Path) -> dict[str, Any]:
    try:
        found = json.loads(file.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise InputError(
            f"{file}: expected the backtest.json that galena backtest writes: {error}"
        ) from error
    if not isinstance(found, dict) or not {"name", "facts", "strategies"} <= found.keys():
        raise InputError(f"{file}: is no result of galena backtest; it lacks `strategies`")
    return found
