"""What identifiers in ledgers, tables and specifications are called by people."""

from __future__ import annotations

from collections.abc import Mapping

from campaigns.words.say import Words, noted

NAMES: Mapping[str, str] = {
    # Where a campaign stands, and what became of a candidate.
    "running": noted("running"),
    "waiting": noted("waiting for answers"),
    "finished": noted("finished"),
    "confirmed": noted("confirmed"),
    "refuted": noted("refuted"),
    "failed": noted("the call failed"),
    "nothing on targets": noted("nothing on targets"),
    "not asked": noted("not asked"),
    "asked": noted("asked, no answer yet"),
    # Stages of a decision trace, filters among them.
    "proposal": noted("proposal"),
    "distinct_elements": noted("distinct elements"),
    "allowed_elements": noted("allowed elements"),
    "charge_neutrality": noted("charge neutrality"),
    "electronegativity_order": noted("order of electronegativities"),
    "minimum_distance": noted("shortest distance"),
    "better_than": noted("better than what is in use"),
    "settled": noted("formula still open"),
    "duplicate": noted("no repetition"),
    "prediction": noted("prediction"),
    "novelty": noted("novelty"),
    "acquisition": noted("acquisition"),
    "relaxation": noted("relaxation"),
    "hull": noted("hull"),
    "allowed": noted("allowed elements"),
    "forbidden": noted("forbidden elements"),
    "max_sites": noted("atoms in the cell"),
    "max_elements": noted("number of elements"),
    "charge_neutral": noted("charge neutrality"),
    "new": noted("novelty"),
    "in_domain": noted("like what the model was trained on"),
    "best": noted("best"),
    # Properties.
    "band_gap": noted("band gap"),
    "band_gap_std": noted("standard deviation of the band gap"),
    "band_gap_hse": noted("band gap (HSE06)"),
    "band_gap_measured": noted("band gap (measured)"),
    "energy_per_atom": noted("energy"),
    "energy_above_hull": noted("energy above hull"),
    "formation_energy_per_atom": noted("formation energy"),
    "decomposition": noted("decomposition"),
    "score": noted("score"),
    "simplicity": noted("simplicity"),
    "sustainability": noted("sustainability"),
    "log10_electron_mass": noted("log10 of the effective electron mass"),
    "log10_hole_mass": noted("log10 of the effective hole mass"),
    "is_metal": noted("chance of being a metal"),
    # Axes of sustainability.
    "carbon": noted("carbon footprint"),
    "energy": noted("embodied energy"),
    "cost": noted("cost"),
    "supply_risk": noted("supply risk"),
    "criticality": noted("criticality"),
    "companion": noted("by-product share"),
    "recycling": noted("recycling"),
    "toxicity": noted("toxicity"),
    "conflict": noted("conflict minerals"),
    "overall": noted("overall"),
    # Who proposes, and from what.
    "sampler": noted("sampler"),
    "prototypes": noted("prototypes"),
    "substitution": noted("substitution"),
    "swaps": noted("swaps"),
    "alloys": noted("alloys"),
    "symmetric": noted("symmetric crystals"),
    "pool": noted("pool"),
    "table": noted("table"),
    "row": noted("row"),
    "prototype": noted("prototype"),
    "species": noted("element"),
    "volume": noted("volume"),
    "place": noted("place"),
    "parent": noted("made from"),
    # What decides, and what a campaign can be reproduced with.
    "predictor": noted("predictor"),
    "potential": noted("potential"),
    "oracle": noted("oracle"),
    "told": noted("told"),
    "training data": noted("training data"),
    "shipped prototypes": noted("shipped prototypes"),
    "known formulas": noted("known formulas"),
    "element facts": noted("element facts"),
    "competing phases": noted("competing phases"),
    "oxidation states and electronegativities": noted(
        "oxidation states and electronegativities"
    ),
    "specification": noted("specification"),
    "model": noted("model"),
    "references": noted("competing phases"),
    # Ends of a column.
    "lowest": noted("lowest"),
    "highest": noted("highest"),
    "true": noted("yes"),
    "false": noted("no"),
}


def name_of(identifier: str, say: Words) -> str:
    """What people call it; one that is not listed without its underscores."""
    message = NAMES.get(identifier)
    if message is not None:
        return say(message)
    stem, _, number = identifier.rpartition("_")
    if number.isdecimal() and stem in NAMES:
        return f"{say(NAMES[stem])} {number}"
    return identifier.replace("_", " ")
