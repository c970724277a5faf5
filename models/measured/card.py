"""The model card of a correction, written from what was measured."""

from __future__ import annotations

from models.measured.gap import FormSettings, MeasuredGap, Source

_CARD = """\
# Measured gaps

Predicts `band_gap_measured`: the band gap found by experiment, in eV, with a standard
deviation. Two forms: *crystal*, from a structure that the network `{network}` has predicted,
and *composition*, from a formula alone.

## How

Gradient-boosted trees (LightGBM), three ensembles for each form: one says how likely a gap is,
two say how large. The answer is zero where a gap is less likely than not, else the mean of both
sizes. They are told Magpie's 132 statistics of the elements (Ward et al., npj Comput. Mater. 2,
16028 (2016)) and three outputs of a network of compositions that was taught computed gaps of
formulas *not* among the measured ones; the crystal form is also told the means and deviations
of {targets} by `{network}`, and refuses any other network.

## Data

| | file | rows | SHA-256 |
|---|---|---:|---|
{data}

Measured gaps: Zhuo, Mansouri Tehrani, Brgoch, J. Phys. Chem. Lett. 9, 1668 (2018), as in
matbench v0.1 (Dunn et al., npj Comput. Mater. 6, 138 (2020)). Computed gaps and structures:
Materials Project (Jain et al., APL Mater. 1, 011002 (2013)), CC BY 4.0. No row of either is in
this folder. A formula stands for its lowest crystal.

## Errors

Cross-validation over the folds of the data: each row predicted by trees that never saw its
fold; deviations calibrated on the other folds. eV.

| form | MAE | by fold | gap or none | 1 std | 90 % | 90 %, gap | rank |
|---|---:|---|---:|---:|---:|---:|---:|
{scores}

*Gap or none*: share of rows rightly called. *1 std*: share within one deviation, of rows with
a predicted gap; 68.3 % is aimed at. *90 %*: share within the 90 % interval, of all rows, and of
those with a predicted gap. *Rank*: Spearman's correlation of deviation and absolute error. The
trees in this folder were then grown on all rows.

## Limits

- The network was trained on most of the crystals that stand for the measured formulas, so what
  it says of them is surer than for a crystal of your own; see `docs/measured-gaps.md` for the
  error on those it never saw.
- A measured gap is one number for a formula: polymorphs, doping, temperature and the way of
  measuring are not told apart. Films and defects are outside.
- Where a gap is predicted that is not there, or missed, the error is the whole gap.
- Not for decisions that nobody checks: measure, or compute with a hybrid functional or GW.

## Made with

{libraries}
"""


def card(gap: MeasuredGap) -> str:
    """Return the card as Markdown."""
    manifest = gap.manifest
    sources = [
        ("measured", manifest.measured),
        *(("crystals of measured formulas", source) for source in manifest.crystals),
        ("formulas for the network of compositions", manifest.composition),
    ]
    forms = {"crystal": manifest.crystal_form, "composition": manifest.composition_form}
    return _CARD.format(
        network=manifest.network,
        targets=", ".join(f"`{name}`" for name in manifest.targets),
        data="\n".join(_source(what, source) for what, source in sources),
        scores="\n".join(_scores(name, form) for name, form in forms.items()),
        libraries=", ".join(f"{k} {v}" for k, v in manifest.libraries.items()),
    )


def _source(what: str, source: Source) -> str:
    return f"| {what} | {source.file} | {source.rows:,} | `{source.sha256[:16]}` |"


def _scores(name: str, form: FormSettings) -> str:
    found = form.scores
    folds = ", ".join(f"{mae:.3f}" for mae in found.mae_by_fold)
    return (
        f"| {name} | {found.mae:.3f} | {folds} | {found.metal_accuracy:.1%} | "
        f"{found.within_one_std:.1%} | {found.within_90:.1%} | "
        f"{found.within_90_gapped:.1%} | {found.spearman:.2f} |"
    )
