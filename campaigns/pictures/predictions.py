"""Predictions against labels, of any model: how near, and whether deviations keep their word.

Arrays in, figures out, no campaign needed; :func:`parity_data` and :func:`reliability` have
the same as tables.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from numpy.typing import ArrayLike, NDArray

from campaigns.pictures import style
from campaigns.words import Words, words
from materials.errors import InputError

LEVELS = np.round(np.arange(0.05, 1.0, 0.05), 2)
"""Shares that central intervals of a normal distribution are checked at."""
SAMPLING = 0.95
"""Share of samples that fall into the band drawn around perfect calibration."""
_CROWD = 3000  # points; more are drawn as a density

FloatArray = NDArray[np.float64]


def parity_data(
    labels: ArrayLike, predictions: ArrayLike, std: ArrayLike | None = None
) -> pd.DataFrame:
    """``label``, ``prediction``, ``std`` (NaN if not given) and ``residual``, a row each.

    All are ``(n,)`` and of one unit; rows without label or prediction are left out.

    Raises:
        InputError: they are not equally long, or a deviation is negative.
    """
    columns = {"label": _flat(labels), "prediction": _flat(predictions)}
    n = len(columns["label"])
    columns["std"] = np.full(n, np.nan) if std is None else _flat(std)
    lengths = {name: len(values) for name, values in columns.items()}
    if len(set(lengths.values())) > 1:
        told = ", ".join(f"{count} of {name}" for name, count in lengths.items())
        raise InputError(f"values must belong together row by row; there are {told}")
    if (columns["std"] < 0).any():
        raise InputError("standard deviations must not be negative")
    frame = pd.DataFrame(columns)
    frame["residual"] = frame["prediction"] - frame["label"]
    return frame[np.isfinite(frame["residual"])].reset_index(drop=True)


def reliability(error: ArrayLike, std: ArrayLike) -> pd.DataFrame:
    """Nominal against observed coverage of predicted deviations, a row per level.

    ``level`` is the share that the central interval of a normal distribution holds,
    ``observed`` the share of errors inside it. ``low`` and ``high`` is where 95 % of samples of
    this size fall if deviations are right and errors independent (binomial); ``n`` counts the
    errors that have a positive deviation. ``(n,)`` each, of one unit.
    """
    from scipy.stats import binom, norm

    e, s = _flat(error), _flat(std)
    usable = np.isfinite(e) & np.isfinite(s) & (s > 0)
    size, n = np.abs(e[usable]) / s[usable], int(usable.sum())
    reach = norm.ppf((1 + LEVELS) / 2)  # deviations to either side
    tail = (1 - SAMPLING) / 2
    return pd.DataFrame(
        {
            "level": LEVELS,
            "observed": [(size <= r).mean() if n else np.nan for r in reach],
            "low": binom.ppf(tail, n, LEVELS) / n if n else np.nan,
            "high": binom.ppf(1 - tail, n, LEVELS) / n if n else np.nan,
            "n": n,
        }
    )


def parity(
    labels: ArrayLike,
    predictions: ArrayLike,
    std: ArrayLike | None = None,
    *,
    quantity: str,
    unit: str,
    say: Words | None = None,
) -> Figure:
    """Predictions over labels, ``(n,)`` each; on the dashed line both agree.

    ``quantity`` names what is predicted, as in ``"Band gap"``. More than 3,000 points are drawn
    as a density. Raises :class:`InputError` as :func:`parity_data` does.
    """
    say = say or words()
    frame = parity_data(labels, predictions, std)
    if frame.empty:
        return style.empty_figure(say("No prediction that has a label"))
    figure, (axes,) = style.new_figure(style.WIDTH, 4.9)
    named = {"quantity": quantity, "unit": unit}
    style.label(
        axes,
        say("{quantity}, label ({unit})", **named),
        say("{quantity}, predicted ({unit})", **named),
        say(
            "Mean error {error} {unit}, {n} crystals",
            error=say.number(float(frame["residual"].abs().mean()), 3),
            unit=unit,
            n=len(frame),
        ),
    )
    ends = frame[["label", "prediction"]].to_numpy()
    low, high = float(ends.min()), float(ends.max())
    if len(frame) > _CROWD:
        drawn = axes.hexbin(
            *(frame["label"], frame["prediction"]),
            gridsize=45,
            bins="log",
            mincnt=1,
            cmap="cividis",
        )
        bar = figure.colorbar(drawn, ax=axes)
        bar.set_label(say("Crystals"), fontsize=11)
        style.numbers(bar.ax, say)
    else:
        _dots(axes, frame)
    axes.plot([low, high], [low, high], color=style.BLACK, linewidth=1.2, linestyle="--")
    style.numbers(axes, say)
    return figure


def _dots(axes: Axes, frame: pd.DataFrame) -> None:
    deviation = frame["std"].where(np.isfinite(frame["std"]), 0.0)
    axes.errorbar(
        *(frame["label"], frame["prediction"]),
        yerr=deviation,
        fmt="o",
        markersize=4.5,
        color=style.BLUE,
        markeredgecolor="white",
        markeredgewidth=0.4,
        ecolor=style.PALE,
        elinewidth=0.9,
    )


def calibration(
    labels: ArrayLike, predictions: ArrayLike, std: ArrayLike, *, say: Words | None = None
) -> Figure:
    """Whether predicted deviations ``(n,)`` keep their word; see :func:`reliability`.

    Below the diagonal deviations are too small, above too large. Raises :class:`InputError`
    as :func:`parity_data` does.
    """
    say = say or words()
    frame = parity_data(labels, predictions, std)
    found = reliability(frame["residual"], frame["std"])
    if not found["n"].iloc[0]:
        return style.empty_figure(say("No prediction that has a label and a deviation"))
    return draw_reliability({say("predictions"): found}, say)


_LINES = (
    *((style.BLUE, "-", "o"), (style.VERMILLION, "--", "s")),
    *((style.GREEN, "-.", "^"), (style.PURPLE, ":", "D")),
)


def draw_reliability(found: Mapping[str, pd.DataFrame], say: Words) -> Figure:
    """Curves of :func:`reliability` by name, four at most, with the widest sampling band."""
    figure, (axes,) = style.new_figure(style.WIDTH, 5.0)
    style.label(
        axes,
        say("Share that should be inside the predicted interval"),
        say("Share that is inside"),
    )
    widest = min(found.values(), key=lambda frame: int(frame["n"].iloc[0]))
    axes.fill_between(
        *(widest["level"], widest["low"], widest["high"]),
        color=style.PALE,
        alpha=0.6,
        linewidth=0,
        label=say("chance, 95% of samples"),
    )
    axes.plot([0, 1], [0, 1], color=style.BLACK, linewidth=1.0, label=say("as promised"))
    for (name, frame), (colour, line, marker) in zip(found.items(), _LINES, strict=False):
        axes.plot(
            *(frame["level"], frame["observed"]),
            color=colour,
            linestyle=line,
            marker=marker,
            markersize=5,
            linewidth=1.6,
            label=say("{name}, {n} values", name=name, n=int(frame["n"].iloc[0])),
        )
    axes.set_xlim(0, 1)
    axes.set_ylim(0, 1.02)
    style.numbers(axes, say)
    style.legend_below(figure, columns=1 if len(found) > 1 else 2)
    return figure


def _flat(values: ArrayLike) -> FloatArray:
    return np.asarray(values, dtype=np.float64).ravel()
