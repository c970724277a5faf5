"""What a back-test says about a campaign to come."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from pydantic import BaseModel, Field, ValidationError

from campaigns.backtests.records import BACKTEST
from materials.errors import InputError

OWN = "galena"
"""The strategy that a campaign follows."""


class _Curve(BaseModel):
    mean: list[float] = Field(min_length=1)
    low: list[float] = Field(min_length=1)
    high: list[float] = Field(min_length=1)


class _Strategy(BaseModel):
    strategy: str
    verdict: str
    acceleration: _Curve


class _Facts(BaseModel):
    model: str


class _Result(BaseModel):
    """What is needed of a ``backtest.json``."""

    format: Any = None
    galena: Any = None
    name: str
    facts: _Facts
    strategies: list[_Strategy]


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
    results = {one.strategy: one for one in found.strategies}
    if strategy not in results:
        raise InputError(
            f"{file}: strategy '{strategy}' was not replayed; run galena backtest with "
            f"--strategies {strategy}"
        )
    curve = results[strategy].acceleration
    factor = (
        f"{curve.mean[-1]:.1f} times random search "
        f"(95 % interval {curve.low[-1]:.1f} to {curve.high[-1]:.1f})"
    )
    if results[strategy].verdict == "decelerates":
        return (
            f"back-test '{found.name}': this model may slow the search down, {factor}; "
            "choose another model or more starting labels, or search at random"
        )
    if results[strategy].verdict == "unclear":
        return (
            f"back-test '{found.name}': too few seeds to tell that this model is no slower "
            f"than chance, {factor}; run galena backtest with more --seeds"
        )
    if model is not None and model != found.facts.model:
        return (
            f"back-test '{found.name}' was of {found.facts.model}, this campaign uses {model}: "
            "it says nothing for certain about it"
        )
    return None


def _read(file: Path) -> _Result:
    try:
        found = _Result.model_validate_json(file.read_bytes())
    except OSError as error:
        raise InputError(
            f"{file}: expected the backtest.json that galena backtest writes: {error}"
        ) from error
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(str(part) for part in first["loc"]) or "file"
        raise InputError(
            f"{file}: is no result of galena backtest: {where}: {first['msg']}"
        ) from error
    BACKTEST.check(found.format, file, writer=found.galena)
    return found
