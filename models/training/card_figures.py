"""The sections of a model card that hold measurements."""

from __future__ import annotations

from collections.abc import Sequence

from models.evaluation.scores import Figure
from models.evaluation.study import WITHIN, Study
from models.evaluation.tables import in_words, interval, size
from models.evaluation.weak_spots import Group, worst
from models.training.markdown import markdown_table, paragraphs
from models.training.targets import unit

_SHOWN = 3  # targets in tables of groups, the first of the model's
_WORST = 12  # elements
_KINDS = {
    "chemistry": "By chemistry",
    "gap": "By PBE gap, eV",
    "atoms": "By atoms in the cell",
}


def accuracy(study: Study) -> str:
    """Errors with intervals, and how well metals are told."""
    rows = [
        (
            f"`{target}`",
            unit(target),
            f"{found.rows:,}",
            _cell(found.mae, 4),
            _cell(found.rmse, 4),
            _cell(found.r2, 3),
        )
        for target, found in study.scores.items()
    ]
    table = markdown_table(("target", "unit", "crystals", "MAE", "RMSE", "R²"), rows)
    texts = [
        f"On the {study.rows:,} crystals of {study.table} (SHA-256 `{study.sha256}`); in "
        "brackets 95 % intervals from 2,000 bootstrap samples of the rows."
    ]
    if study.metal is not None:
        texts.append(
            f"Metal or not: area under the ROC curve {_cell(study.metal, 4)}, over crystals "
            "whose PBE gap is and is not zero."
        )
    return f"## Accuracy\n\n{table}\n\n{paragraphs(*texts)}"


def calibration(study: Study, plot: str) -> str:
    """The plot, and the share of errors within some deviations."""
    rows = [
        (f"`{target}`", f"{found.rows:,}", *(f"{share:.3f}" for share in found.within))
        for target, found in study.reliability.items()
    ]
    header = ("share of errors within", "crystals", *(f"{k:g} std" for k in WITHIN))
    text = paragraphs(
        "Each point of the plot is a tenth of the checked crystals: the deviation "
        "they were predicted with, and the one that 68.3 % of their errors kept below. "
        "Calibrated deviations lie on the grey line."
    )
    return (
        f"![Deviations against errors]({plot})\n\n{text}\n\n{markdown_table(header, rows)}"
    )


def weaknesses(study: Study) -> str:
    """Errors by group: where to trust less."""
    targets = tuple(study.scores)[:_SHOWN]
    parts = [
        "## Where it fails",
        paragraphs(
            "MAE over validation crystals, with 95 % intervals; groups of fewer than 20 are "
            "left out. Groups overlap."
        ),
    ]
    for kind, title in _KINDS.items():
        chosen = [group for group in study.groups if group.kind == kind]
        parts.append(_groups(title, chosen, targets))
    for target in targets[:2]:
        chosen = worst(study.groups, "element", target, _WORST)
        parts.append(_groups(f"Elements worst in {in_words(target)}", chosen, targets))
    return "\n\n".join(parts)


def cost(study: Study) -> str:
    """Time and size."""
    found = study.cost
    text = paragraphs(
        f"{found.ms_per_crystal:.1f} ms per crystal, mean over {study.table}, with "
        f"{found.threads} thread(s) of {found.hardware} ({found.covers}; loading excluded). "
        f"{size(study.parameters)} parameters."
    )
    return f"## Cost\n\n{text}"


def _groups(title: str, groups: Sequence[Group], targets: Sequence[str]) -> str:
    header = (title, "crystals", *(f"{in_words(t)}, {unit(t)}" for t in targets))
    rows = [
        (
            group.name,
            f"{group.rows:,}",
            *(_known(group.mae.get(target)) for target in targets),
        )
        for group in groups
    ]
    return markdown_table(header, rows)


def _known(figure: Figure | None) -> str:
    return "–" if figure is None else _cell(figure, 3)


def _cell(figure: Figure, digits: int) -> str:
    return f"{figure.value:.{digits}f} ({interval(figure, digits)})"
