"""Formulas with their numbers set low."""

from __future__ import annotations

import re

NUMBERS = re.compile(r"(?<=[A-Za-z)])(\d+(?:\.\d+)?)")
"""The numbers of a formula, which are set low."""
_LOW = str.maketrans("0123456789", "₀₁₂₃₄₅₆₇₈₉")


def formula_text(formula: str) -> str:
    """``SnO2`` for Matplotlib, its numbers set low."""
    return NUMBERS.sub(r"$_{\1}$", formula.replace("$", ""))


def formula_plain(formula: str) -> str:
    """``SnO₂`` for places that take letters alone."""
    return NUMBERS.sub(lambda found: found[1].translate(_LOW), formula)
