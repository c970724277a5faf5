"""Oracles in a specification: every kind reads, and what is wrong is named."""

from __future__ import annotations

import pytest

from campaigns.oracles.specs import KINDS, DftSpec, OracleConfig, OracleSpec
from campaigns.specs import Frozen, dump_spec, parse_spec
from materials.errors import InputError

LEAST = {
    "potential": "{potential: chgnet}",
    "lookup": "{kind: lookup, table: t.parquet, source: PBE}",
    "command": "{kind: command, argv: [run, '{structure}']}",
    "dft": "{kind: dft}",
    "inbox": "{kind: inbox}",
    "function": "{kind: function}",
}


class Campaign(Frozen):
    """As a campaign's specification holds oracles."""

    oracle: OracleSpec = OracleConfig()
    tiers: tuple[OracleSpec, ...] = ()


def parse(text: str) -> Campaign:
    return parse_spec(Campaign, text, name="c.yaml", keys="oracle")


@pytest.mark.parametrize("kind", KINDS)
def test_every_kind_reads_with_its_own_name_and_back(kind: str) -> None:
    spec = parse(f"oracle: {LEAST[kind]}\ntiers: [{LEAST[kind]}]")
    assert spec.oracle.kind == spec.oracle.name == kind
    assert spec.tiers == (spec.oracle,)
    assert parse(dump_spec(spec)) == spec


def test_without_a_kind_it_is_a_potential_as_it_always_was() -> None:
    spec = parse("oracle: {potential: sevennet, relaxation: {max_steps: 7}}")
    assert isinstance(spec.oracle, OracleConfig)
    assert spec.oracle.relaxation.max_steps == 7


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("oracle: {kind: dtf}", "oracle: 'dtf' is no kind of oracle; there are"),
        ("oracle: {kind: dtf}", "Did you mean 'dft'?"),
        (
            "oracle: {kind: dft, gpaw: {cutof: 3}}",
            "oracle.gpaw.cutof: unknown key. Did you",
        ),
        ("oracle: {relaxation: {steps: 3}}", "oracle.relaxation.steps: unknown key."),
        ("oracle: {relaxation: {max_step: 3}}", "Did you mean 'max_steps'?"),
        ("oracle: {max_stepz: 3}", "Known here: cost, time_limit, retries, kind, name"),
        ("tiers: [{kind: dft, gpaw: {cutof: 3}}]", "tiers.0.gpaw.cutof: unknown key."),
        ("tiers: [{kind: lookup, source: x}]", "tiers.0.table: required"),
        ("oracle: {kind: dft, recipe: ase}", "needs its settings: give the key ase"),
        ("oracle: {kind: dft, time_limit: -1}", "oracle.time_limit"),
        ("oracle: {kind: dft, cost: .nan}", "oracle.cost"),
        ("oracle: {kind: dft, name: a/b}", "oracle.name"),
        ("oracle: {kind: command, argv: []}", "oracle.argv"),
        ("oracle: {kind: command, argv: [a, '{strcture}']}", "Did you mean 'structure'?"),
        ("oracle: {kind: command, argv: [a]}", "{structure}"),
        ("oracle: {kind: inbox, wanted: [{name: a, min: 2, max: 1}]}", "contradictory"),
        ("oracle: {kind: inbox, wanted: [{name: a}, {name: a}]}", "asked for twice"),
        ("oracle: {kind: inbox, wanted: [{name: note}]}", "column of every worksheet"),
        (
            "oracle: {kind: inbox, wanted: [{name: band_gap, unit: meV}]}",
            "band_gap is asked for in eV, not in 'meV'",
        ),
        ("oracle: {kind: inbox, wanted: [{name: band_gap}]}", "write unit: eV"),
        (
            "oracle: {kind: inbox, wanted: [{name: energy_above_hull, unit: eV}]}",
            "write unit: eV/atom",
        ),
        (
            "oracle: {kind: lookup, table: t.csv, source: x, columns: {Band_gap: g}}",
            "Did you mean 'band_gap'?",
        ),
        (
            "oracle: {kind: lookup, table: t.csv, source: x, columns: {bandgap: g}}",
            "Did you mean 'band_gap'?",
        ),
        (
            "oracle: {kind: lookup, table: t, source: x, columns: {energy_above_hul: g}}",
            "Did you mean 'energy_above_hull'?",
        ),
        ("oracle: 3", "oracle: "),
    ],
)
def test_what_is_wrong_is_named(text: str, message: str) -> None:
    with pytest.raises(InputError) as caught:
        parse(text)
    assert message in str(caught.value)


@pytest.mark.parametrize("name", ["band_gap_hse", "band_gap_direct", "thickness"])
def test_quantities_of_their_own_bear_any_name_and_unit(name: str) -> None:
    lookup = f"{{kind: lookup, table: t.csv, source: x, columns: {{{name}: g}}}}"
    inbox = f"{{kind: inbox, wanted: [{{name: {name}, unit: meV}}]}}"
    assert parse(f"oracle: {lookup}\ntiers: [{inbox}]").oracle.columns == {name: "g"}


def test_first_principles_cost_more_than_a_potential_unless_said_otherwise() -> None:
    spec = parse("oracle: {}\ntiers: [{kind: dft}]")
    assert isinstance(spec.tiers[0], DftSpec)
    assert spec.tiers[0].cost > spec.oracle.cost
