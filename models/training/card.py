"""The model card: written from the manifest and from measurements, so that no number drifts.

:func:`model_card` knows the manifest alone, as when a model has just been exported;
:func:`write_card` measures the model on a validation table and says the rest.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from materials.whole import write_whole
from models.pretrained import Manifest, Member, load_bundle
from models.training.data import DataSource
from models.training.footprint import BUILDING, GRAMS_PER_KWH, WATTS_PER_GB, Effort
from models.training.markdown import markdown_table, paragraphs
from models.training.targets import TARGETS, unit

if TYPE_CHECKING:
    from models.evaluation.study import Study

CARD = "MODEL_CARD.md"
CALIBRATION_PLOT = "calibration.png"


def write_card(folder: Path, validation: Path, effort: Effort) -> Study:
    """Measure the model in ``folder`` on ``validation``, and write its card and its plot.

    Raises :class:`materials.errors.InputError` for a folder that is no model or a table
    that labels none of its targets.
    """
    from models.evaluation.calibration_plot import draw_calibration
    from models.evaluation.study import study

    manifest = load_bundle(folder).manifest
    found = study(folder, validation)
    draw_calibration(found.reliability, folder / CALIBRATION_PLOT)
    text = model_card(manifest, found, effort)
    write_whole(folder / CARD, text)
    return found


def model_card(
    manifest: Manifest, study: Study | None = None, effort: Effort | None = None
) -> str:
    """Return the card as Markdown; without a study, what the manifest alone can tell."""
    parts = [_head(manifest), _INTENDED_USE, _data(manifest)]
    if study is None:
        parts.append(_calibrated(manifest))
    else:
        from models.training.card_figures import accuracy, calibration, cost, weaknesses

        parts += [
            accuracy(study),
            _calibrated(manifest),
            calibration(study, CALIBRATION_PLOT),
            weaknesses(study),
            cost(study),
        ]
    if effort is not None:
        parts.append(_footprint(effort))
    parts += [_out_of_domain(manifest), _LIMITS]
    return "\n\n".join(parts) + "\n"


def _head(manifest: Manifest) -> str:
    train, net = manifest.train, manifest.train.net
    told = [
        f"`{name}` ({TARGETS[name].meaning}, {unit(name)})"
        if name in TARGETS
        else f"`{name}` (as labelled)"
        for name in net.targets
    ]
    networks = "; ".join(map(_member, manifest.members.values()))
    text = paragraphs(
        f"Predicts {', '.join(told)} of an ordered crystal from its structure, each with a "
        "calibrated standard deviation.",
        f"**Networks that answer together, and their passes over the training rows.** "
        f"{networks}.",
        f"Each has {net.n_heads} heads per target, each trained without its own quarter of the "
        f"crystals. Every atom looks as far as {net.graph.stretch:g} times the mean of its "
        f"{net.graph.n_nearest} shortest distances, at most {net.graph.max_reach:g} Å.",
        f"**Training.** AdamW, learning rate "
        f"{train.learning_rate:g}, batches of {train.batch_size}, averaged weights. "
        "Absolute error for the values; a Laplace likelihood for the deviations. All "
        "settings are in `config.json`.",
        "**Weights.** safetensors: tensors, no code. Apache-2.0, with the attribution of "
        "the data below.",
    )
    return f"# {manifest.name}\n\n{text}"


def _member(member: Member) -> str:
    net = member.net
    return (
        f"`{net.architecture}`, {net.atom_width} channels per atom, {member.passes} passes"
    )


_INTENDED_USE = "## Intended use\n\n" + paragraphs(
    "Ranking and screening ordered inorganic crystals before a calculation: which of many "
    "candidates are worth a relaxation with a potential or DFT. Starting weights for "
    "properties with few labels (`galena train`).",
    "Not for decisions on a single crystal without a calculation, nor in place of a "
    "measurement; not for molecules, surfaces, alloys with partial occupancies, or "
    "crystals under pressure.",
)


def _data(manifest: Manifest) -> str:
    table = "\n".join(
        [
            "| split | table | rows of it | crystals | rows skipped | SHA-256 |",
            "|---|---|---|---|---|---|",
            _row("training", manifest.training),
            _row("validation", manifest.validation),
        ]
    )
    before = paragraphs(
        "Materials Project, licensed CC BY 4.0: A. Jain et al., *APL Materials* 1, 011002 "
        "(2013), doi:10.1063/1.4812323. Effective masses: F. Ricci et al., *Scientific Data* "
        "4, 170085 (2017), doi:10.1038/sdata.2017.85. The weights are a work derived from "
        "these data and carry the same attribution. `energy_above_hull` is computed over "
        "Materials Project formation energies.",
        f"**Track: {manifest.track}.** {_TRACKS[manifest.track]}",
    )
    after = paragraphs(
        "Validation crystals are the public MEGNet validation split of the 2018 release; none "
        "was trained on. Settings were chosen on them, so the errors below are slightly "
        f"optimistic. {len(manifest.elements)} elements occur in training."
    )
    return f"## Data\n\n{before}\n\n{table}\n\n{after}"


_TRACKS = {
    "all data": "Trained on every labelled crystal; errors are not comparable with those of "
    "models that were trained on the 2018 release alone.",
    "same data": "Trained on the public training split of the 2018 release alone, of which "
    "three quarters are at hand: less than what published models were trained on.",
}


def _row(split: str, source: DataSource) -> str:
    return (
        f"| {split} | {source.file} | {source.where or 'all'} | {source.rows:,} "
        f"| {source.skipped:,} | `{source.sha256}` |"
    )


def _calibrated(manifest: Manifest) -> str:
    """What export measured, on the half of validation that did not calibrate."""
    rows = []
    for target, found in manifest.metrics.items():
        groups = " / ".join(f"{share:.2f}" for share in found.coverage.by_group)
        rows.append(
            (
                f"`{target}`",
                f"{found.mae:.4f}",
                f"{found.rmse:.4f}",
                f"{found.coverage.share:.3f}",
                groups,
            )
        )
    header = ("target", "MAE", "RMSE", "within one deviation", "the same, sure to doubtful")
    text = paragraphs(
        "A deviation should cover 0.683 of the errors, whatever its size. It is calibrated on "
        "half of the validation crystals and checked on the other half, shown here. Crystals "
        "predicted as metals that are metals are left out of the check: they are right by "
        "clamping."
    )
    return f"## Calibration\n\n{markdown_table(header, rows)}\n\n{text}"


def _footprint(effort: Effort) -> str:
    text = paragraphs(
        f"{effort.hours:.2g} hours on {effort.n_devices} × {effort.device} with "
        f"{effort.memory:g} GB of memory: about **{effort.kilowatt_hours:.2g} kWh and "
        f"{effort.grams / 1000:.2g} kg of CO₂ equivalents**, searches for settings not "
        "included.",
        f"Energy = hours × ({effort.watts - effort.memory * WATTS_PER_GB:g} W of processors at "
        f"full use + {effort.memory:g} GB × {WATTS_PER_GB:g} W/GB) × {BUILDING:g} for the "
        f"building; {GRAMS_PER_KWH:g} g/kWh, the world's mean. Formula and numbers: L. "
        "Lannelongue et al., *Advanced Science* 8, 2100707 (2021), "
        "doi:10.1002/advs.202100707; GPUs: NVIDIA's thermal design power.",
    )
    return f"## Carbon dioxide of training\n\n{text}"


def _out_of_domain(manifest: Manifest) -> str:
    from pymatgen.core.periodic_table import Element

    symbols = " ".join(Element.from_Z(z).symbol for z in manifest.elements)
    text = paragraphs(
        "A crystal with an element that training never saw is refused. Otherwise a crystal "
        "is judged by how far its embedding lies from those of training "
        "(`docs/uncertainty.md`); `in_domain` says on which side of the threshold it is.",
        f"Elements seen: {symbols}.",
    )
    return f"## Out of domain\n\n{text}"


_LIMITS = """## Limits

- PBE underestimates band gaps, by about 40 % on average, and calls some semiconductors
  metals; the network inherits this. Compare `band_gap` with PBE values, not with measured
  ones.
- The training crystals are relaxed. A geometry far from its minimum gets a value for that
  geometry, and the energies were never trained on strained cells.
- Ordered bulk crystals only: no surfaces, molecules, defects, disorder, pressure or
  temperature. Magnetic order is not an input.
- Known crystals dominate the training data. For hypothetical ones, mostly less stable,
  errors are larger than those above; the deviation grows too, but was calibrated on known
  ones.
- The deviation is a scale of the error, not a guarantee; errors have heavy tails."""
