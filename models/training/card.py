"""The model card, written from the manifest so that its numbers cannot drift."""

from __future__ import annotations

import textwrap

from models.pretrained import Manifest
from models.training.data import DataSource

UNITS = {
    "band_gap": "eV",
    "formation_energy_per_atom": "eV/atom",
    "energy_above_hull": "eV/atom",
}
"""Of the targets that the shipped tables label; others are given as labelled."""


def model_card(manifest: Manifest) -> str:
    """Return the card as Markdown."""
    parts = [
        _head(manifest),
        _data(manifest),
        _metrics(manifest),
        _LIMITS,
    ]
    return "\n\n".join(parts) + "\n"


def _head(manifest: Manifest) -> str:
    train, net = manifest.train, manifest.train.net
    targets = ", ".join(f"`{t}` ({UNITS.get(t, 'as labelled')})" for t in net.targets)
    passes = ", ".join(map(str, manifest.passes))
    paragraphs = [
        f"Predicts {targets} of an ordered crystal from its structure, each with a "
        "calibrated standard deviation. PBE level of theory.",
        f"**Network.** {net.n_blocks} edge-gated convolutions ({net.atom_width} channels "
        f"per atom, {net.edge_width} per edge) that see the angles between bonds; "
        f"{net.n_heads} heads per target, each trained without its own quarter of the "
        f"crystals. Every atom looks as far as {net.graph.stretch:g} times the mean of its "
        f"{net.graph.n_nearest} shortest distances, at most {net.graph.max_reach:g} Å. "
        f"Networks that answer together: {len(manifest.passes)}.",
        f"**Training.** Passes over the training rows: {passes}. AdamW, learning rate "
        f"{train.learning_rate:g}, batches of {train.batch_size}, averaged weights. "
        "Absolute error for the values; a Laplace likelihood for the deviations. All "
        "settings are in `config.json`.",
        "**Weights.** safetensors: tensors, no code.",
    ]
    wrapped = [textwrap.fill(text, 92) for text in paragraphs]
    return "\n\n".join([f"# {manifest.name}", *wrapped])


def _data(manifest: Manifest) -> str:
    return f"""## Data

Materials Project, licensed CC BY 4.0: A. Jain et al., *APL Materials* 1, 011002 (2013),
doi:10.1063/1.4812323. The weights are a work derived from these data and carry the same
attribution. `energy_above_hull` is computed over Materials Project formation energies.

| split | table | crystals | rows skipped | SHA-256 |
|---|---|---|---|---|
{_row("training", manifest.training)}
{_row("validation", manifest.validation)}

The network was chosen on the validation split, so its errors there are slightly optimistic.
{len(manifest.elements)} elements occur in training; crystals with others are refused."""


def _row(split: str, source: DataSource) -> str:
    return (
        f"| {split} | {source.file} | {source.rows:,} | {source.skipped:,} "
        f"| `{source.sha256}` |"
    )


def _metrics(manifest: Manifest) -> str:
    lines = []
    for target, found in manifest.metrics.items():
        groups = " / ".join(f"{share:.2f}" for share in found.coverage.by_group)
        lines.append(
            f"| `{target}` | {UNITS.get(target, '')} | {found.mae:.4f} | {found.rmse:.4f} "
            f"| {found.coverage.share:.3f} | {groups} |"
        )
    table = "\n".join(lines)
    return f"""## Validation

| target | unit | MAE | RMSE | within one deviation | the same, from sure to doubtful |
|---|---|---|---|---|---|
{table}

A deviation should cover 0.683 of the errors, whatever its size. It is calibrated on half of
the validation crystals and checked on the other half, shown here. Crystals predicted as
metals
that are metals are left out of the check: they are right by clamping."""


_LIMITS = """## Limits

- PBE underestimates band gaps, by about 40 % on average, and calls some semiconductors
  metals; the network inherits this. Compare its gaps with PBE values, not with measured
  ones.
- The training crystals are relaxed. A geometry far from its minimum gets a value for that
  geometry, and the energies were never trained on strained cells.
- Ordered bulk crystals only: no surfaces, molecules, defects, disorder, pressure or
  temperature. Magnetic order is not an input.
- Known crystals dominate the training data. For hypothetical ones, mostly less stable,
  errors are larger than those above; the deviation grows too, but was calibrated on known
  ones.
- The deviation is a scale of the error, not a guarantee; errors have heavy tails."""
