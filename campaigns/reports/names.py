"""What tables call things: axes, steps of a candidate's way, filters, kinds of oracles."""

from __future__ import annotations

from collections.abc import Mapping

from campaigns.reports.marks import name
from campaigns.words import Words, noted

_AXES: Mapping[str, str] = {
    "toxicity": noted("toxicity"),
    "supply_risk": noted("supply risk"),
    "carbon": noted("carbon"),
    "energy": noted("energy"),
    "cost": noted("cost"),
    "criticality": noted("criticality"),
    "recycling": noted("recycling"),
    "companion": noted("by-product"),
    "conflict": noted("conflict minerals"),
    "overall": noted("overall burden"),
}
_STAGES: Mapping[str, str] = {
    "proposal": noted("proposal"),
    "distinct_elements": noted("distinct elements"),
    "allowed_elements": noted("allowed elements"),
    "charge_neutrality": noted("charge neutrality"),
    "electronegativity_order": noted("order of electronegativities"),
    "better_than": noted("better than what is in use"),
    "minimum_distance": noted("shortest distance"),
    "settled": noted("formula still open"),
    "duplicate": noted("no repetition"),
    "prediction": noted("prediction"),
    "sustainability": noted("sustainability"),
    "novelty": noted("novelty"),
    "acquisition": noted("choice of the batch"),
    "relaxation": noted("relaxation"),
    "hull": noted("energy above hull"),
    "band_gap": noted("band gap"),
}
_KINDS: Mapping[str, str] = {
    "potential": noted("interatomic potential"),
    "lookup": noted("table of known answers"),
    "command": noted("program"),
    "dft": noted("first principles"),
    "inbox": noted("people"),
}
_STANDINGS: Mapping[str, str] = {
    "confirmed": noted("confirmed"),
    "refuted": noted("turned down"),
    "failed": noted("failed"),
    "nothing on targets": noted("says nothing of the targets"),
    "": noted("not asked"),
}
_STATUS: Mapping[str, str] = {
    "finished": noted("finished"),
    "running": noted("running"),
    "waiting": noted("waiting for answers"),
}


def axis_name(axis: str, say: Words) -> str:
    """An axis of sustainability."""
    return _said(_AXES, axis, say)


def stage_name(stage: str, say: Words) -> str:
    """A filter or step of the funnel; an oracle by its own name."""
    return _said(_STAGES, stage, say)


def kind_name(kind: str, say: Words) -> str:
    """A kind of oracle."""
    return _said(_KINDS, kind, say)


def standing_name(standing: str, say: Words) -> str:
    """What further oracles made of a candidate."""
    return _said(_STANDINGS, standing, say)


def status_name(status: str, say: Words) -> str:
    """Whether a campaign is over."""
    return _said(_STATUS, status, say)


def _said(names: Mapping[str, str], key: str, say: Words) -> str:
    """What has no name here is one of the user's own and stays as it is."""
    return say(names[key]) if key in names else name(key.replace("_", " "))
