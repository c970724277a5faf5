"""Assessments and comparisons as plain mappings, for JSON and reports."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

from materials.sustainability.assessment import Assessment, Value
from materials.sustainability.comparison import Comparison
from materials.sustainability.wording import comparison_sentences, sentences


def assessment_dict(found: Assessment) -> dict[str, Any]:
    """Everything of one assessment, with year and source of every value."""
    return {
        "formula": found.formula,
        "mass_shares": dict(found.mass_shares),
        "index": asdict(found.index),
        "columns": {key: _value(value) for key, value in found.columns.items()},
        "hazards": [asdict(finding) for finding in found.hazards],
        "classification_not_read": list(found.unread),
        "sentences": sentences(found),
    }


def comparison_dict(found: Comparison) -> dict[str, Any]:
    """Everything of one comparison."""
    return {
        "formula": found.formula,
        "incumbent": found.incumbent,
        "better": found.better,
        "axes": [asdict(row) for row in found.rows],
        "sentences": comparison_sentences(found),
    }


def _value(value: Value) -> dict[str, Any]:
    facts = [
        {key: part for key, part in asdict(fact).items() if part != ""}
        for fact in value.facts
    ]
    return {
        "title": value.title,
        "value": value.value,
        "unit": value.unit,
        "coverage": value.coverage,
        "missing": list(value.missing),
        "worst": value.worst,
        "worst_value": value.worst_value,
        "facts": facts,
    }
