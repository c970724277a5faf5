"""What a model from a small table says of itself."""

from __future__ import annotations

from collections.abc import Collection

from models.small.compare import METRICS
from models.small.contenders import MEANING
from models.small.folder import SmallManifest, SmallTarget
from models.training.markdown import markdown_table, paragraphs

_KINDS = {
    "number": "a number",
    "non-negative": "a number that is never below zero",
    "binary": "0 or 1; predicted is the chance of 1",
}
_HOW = {
    "fine-tuned": "Predicted by the networks of all folds together, their mean.",
    "frozen": "Predicted by a head fitted to all rows.",
    "boosted": "Predicted by trees grown on all rows.",
}


def small_card(manifest: SmallManifest, *, learned_before: Collection[str] = ()) -> str:
    """Return the card as Markdown.

    ``learned_before`` are properties that the networks to start from had been trained on.
    """
    source = manifest.training
    parts = [
        f"# {manifest.name}",
        paragraphs(
            f"Learned from {source.rows} rows of `{source.file}` "
            f"(SHA-256 `{source.sha256[:12]}…`; {source.skipped} rows left out), by the method "
            f"that did best in {manifest.folds}-fold cross-validation. All rows of one reduced "
            "formula were in one fold, so that no compound was predicted by a model that had "
            "learned it from this table.",
            "The figures below are those that decided: the best of a few is a little "
            "flattered by having been chosen. Deviations and intervals are calibrated on the "
            "same out-of-fold errors.",
        ),
    ]
    if again := [f"`{name}`" for name in manifest.targets if name in learned_before]:
        parts.append(
            f"The networks started from had been trained on {', '.join(again)} before, perhaps "
            "on compounds of this table: then their figures, fine-tuned or frozen, are better "
            "than on compounds that are new to them. Those of trees are not affected."
        )
    if manifest.base:
        parts.append(f"Networks started from `{manifest.base}`.")
    parts += [_section(name, target) for name, target in manifest.targets.items()]
    return "\n\n".join(parts) + "\n"


def _section(name: str, target: SmallTarget) -> str:
    metrics = METRICS[target.kind]
    rows = [
        [
            f"**{MEANING[contender]}**"
            if contender == target.method
            else MEANING[contender],
            *(f"{told[m].mean:.4g} ± {told[m].spread:.2g}" for m in metrics),
        ]
        for contender, told in target.scores.items()
    ]
    table = markdown_table(["method", *metrics], rows)
    how = _HOW[target.method]
    return f"## `{name}`\n\nIt is {_KINDS[target.kind]}. {how}\n\n{table}"
