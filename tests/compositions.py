"""Hypothesis strategies for formulas, with and without facts about their elements."""

from __future__ import annotations

from hypothesis import strategies as st

from materials.sustainability.facts import load_facts

KNOWN = st.sampled_from(load_facts().elements)
ANY = st.one_of(KNOWN, st.sampled_from(["Po", "Ra", "Ac", "Pu", "Rn"]))


def formulas(elements: st.SearchStrategy[str] = ANY) -> st.SearchStrategy[str]:
    """Up to five elements, up to nine atoms of each."""
    parts = st.dictionaries(elements, st.integers(1, 9), min_size=1, max_size=5)
    return parts.map(lambda amounts: "".join(f"{k}{v}" for k, v in amounts.items()))
