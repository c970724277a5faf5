"""Specifications in YAML: campaigns, screenings, back-tests and generators."""

from __future__ import annotations

import json
from collections.abc import Callable
from functools import cache
from pathlib import Path
from random import Random
from typing import Any
from zlib import crc32

import yaml

from campaigns.backtests.spec import BacktestSpec
from campaigns.config import CampaignConfig
from campaigns.generators import GenerateSpec
from campaigns.screening.spec import ScreenSpec
from campaigns.specs import dump_spec
from tools.fuzz.group import READ
from tools.fuzz.mutate import changed_tree, mutated
from tools.fuzz.reasons import refused

_KINDS: dict[str, Any] = {
    "campaign": CampaignConfig,
    "screen": ScreenSpec,
    "backtest": BacktestSpec,
    "generate": GenerateSpec,
}
_SPECS: tuple[tuple[str, str], ...] = (
    (
        "campaign",
        "name: a\nelements: {allowed: [Zn, S, No, Y]}\ntargets: {band_gap: {min: 1, max: 2}}\n"
        "search: {n_species: [2], asks: 9}\nrounds: 2\nbatch_size: 2\nseed: 3\n",
    ),
    (
        "campaign",
        "name: lab\npool: {table: a.parquet, per_round: 9}\nelements: {forbidden: [Pb]}\n"
        "targets: {band_gap: {min: 1.0, max: 1.8}, energy_above_hull: {weight: 0}}\n"
        "batch_size: 2\noracle: {kind: inbox, wanted: [{name: band_gap, unit: eV}]}\n"
        "better_than: {incumbent: CdTe, on: [toxicity]}\nbudget: {hours: 1}\n",
    ),
    (
        "campaign",
        "name: t\nelements: {allowed: [Mg, O, S]}\ntargets: {band_gap: {min: 1, max: 3}}\n"
        "generators:\n- {kind: swaps, table: a.parquet, n_species: [2]}\n"
        "tiers:\n- best: 2\n  oracle: {kind: dft, recipe: gpaw, time_limit: 600}\n"
        "- {oracle: {kind: command, argv: [a, '{structure}'], name: c}}\n",
    ),
    (
        "campaign",
        "name: l\nelements: {allowed: [Mg, O, S]}\ntargets: {band_gap: {min: 1, max: 3}}\n"
        "oracle: {kind: lookup, table: a.csv, source: PBE, columns: {band_gap: g,\n"
        "  energy_above_hull: h}}\nknown: [a.csv]\nmodel: fast\n",
    ),
    (
        "screen",
        "candidates: {elements: {allowed: [Na, Cl]}, n_species: [2], limit: 9, seed: 1}\n"
        "filters: {new: true, better_than: {incumbent: CdTe, on: [toxicity]}}\n"
        "constraints: [band_gap >= 1.0]\nbest: 2\nby: band_gap\norder: highest\n",
    ),
    (
        "screen",
        "table: 'runs/*.parquet'\ncolumns: [x]\nrows_per_shard: 10\nin_domain: true\n",
    ),
    (
        "backtest",
        "name: b\npool: {table: a.parquet, where: {release: '2018'}}\nexclude: [{table: b}]\n"
        "targets: {band_gap: {min: 1, max: 2}}\nrounds: 2\nbatch_size: 2\nseeds: 2\n"
        "constraints: {forbidden: [Pb], burden: {max: 0.5, axes: {toxicity: 2}}}\n"
        "strategies: [greedy]\nfewer_seeds: {greedy: 2}\n",
    ),
    (
        "generate",
        "elements: {allowed: [Mg, O]}\nlimit: 5\ngenerators:\n"
        "- {kind: prototypes, source: aflow, n_species: [1, 2]}\n"
        "- {kind: alloys, ends: [a.cif, b.cif], steps: 4}\n"
        "- {kind: symmetric, formulas: [MgO], per_formula: 2}\n"
        "- {kind: substitution, table: a.parquet, min_probability: 1.0e-6}\n",
    ),
)
_ENDLESS = "a number of 5,000 digits"
_ODD: tuple[Any, ...] = (
    *(10**12, 10**9, -1, 0, 2**63, _ENDLESS, 1.5, float("nan"), float("inf"), -0.0, 1e308),
    *(True, False, None, "", "No", "Y", "on", "yes", "1:30", "010", "0x10", "1_000", "1e5"),
    *("2026-01-02", "12e03", "=", "<<", "~", ".inf", "{", "[", "*a", "&a", "!!python/none"),
    *("((((" * 50, "Zn1e9O", "H" * 3000, "\0", "\ud800", "../../x", "a\nb", "x" * 5000),
    *([], {}, [[]], [None], ["Zn"] * 300, {"": ""}, {"kind": "no"}, {"a": {"b": {"c": 1}}}),
)
_SNIPPETS = (
    *("&a [*a]", "&a {a: *a}", "!!python/object/apply:os.system [echo]", "!!binary é"),
    *("!!timestamp x", "!!int x", "!!float x", "!!bool x", "!!set {a, b}", "!!omap [a: 1]"),
    *(
        "2026-13-45",
        "0b",
        "1:2:3",
        "? {a: b}",
        "{<<: {rounds: 3}}",
        "{<<: 3}",
        "|\n x",
        ">-",
    ),
    *(
        "[" * 400,
        "{a: " * 400,
        "- " * 400,
        "'",
        '"\\x"',
        '"\\0"',
        '"\\ud800"',
        "%YAML 9",
        "--- a",
    ),
    *(
        "@",
        "`",
        "\t",
        "\ufeff",
        "9" * 5000,
        "-" + "9" * 400,
        "1e999",
        "0o17",
        "[a, b",
        "*none",
    ),
)


def seeds() -> list[bytes]:
    """Specifications that can be used, their kind in a first line of its own."""
    return [f"#{kind}\n{text}".encode() for kind, text in _SPECS]


def changed(data: bytes, pool: list[bytes], random: Random) -> bytes:
    """Text changed as text, a value changed inside, or something that YAML alone has."""
    roll = random.random()
    if roll < 0.35:
        return mutated(data, pool, random)
    kind, text = random.choice(_SPECS)
    tree = json.loads(_trees()[text])
    if roll < 0.8:
        for _ in range(random.choice((1, 1, 2, 3))):
            tree = (
                changed_tree(tree, random) if random.random() < 0.4 else _odd(tree, random)
            )
        return f"#{kind}\n{_flow(tree)}".encode("utf-8", "surrogatepass")
    if roll < 0.85:
        return f"#{kind}\n{_bomb(random)}{text}".encode()
    lines = text.splitlines()
    place = random.randrange(len(lines))
    key = lines[place].partition(":")[0]
    if random.random() < 0.3:
        lines.append(random.choice((lines[place], f"{key}: 1", f"<<: {{{key}: 1}}")))
    else:
        lines[place] = f"{key}: {random.choice(_SNIPPETS)}"
    return f"#{kind}\n{chr(10).join(lines)}\n".encode()


def feed(content: bytes, folder: Path) -> str:
    """Load it as the command of its kind does; what is read must survive being written."""
    first, _, _ = content.partition(b"\n")
    kind = _KINDS.get(first[1:].decode("latin-1"), CampaignConfig)
    path = folder / "spec.yaml"
    path.write_bytes(content)
    with refused(path) as outcome:
        spec = kind.load(path)
        if crc32(content) % 8 == 0:
            path.write_text(dump_spec(spec), encoding="utf-8")
            if kind.load(path) != spec:
                raise AssertionError("written and read again it is another specification")
        return READ
    return outcome.reason


@cache
def _trees() -> dict[str, str]:
    """Each specification's text, and the same as JSON."""
    return {text: json.dumps(yaml.safe_load(text)) for _, text in _SPECS}


def _odd(tree: Any, random: Random) -> Any:
    """One leaf, or what holds it, in exchange for something nobody should write there."""
    holder: Any = tree
    while isinstance(holder, dict | list) and holder:
        keys = list(holder) if isinstance(holder, dict) else list(range(len(holder)))
        key = random.choice(keys)
        inner = holder[key]
        if not isinstance(inner, dict | list) or not inner or random.random() < 0.2:
            holder[key] = random.choice(_ODD)
            break
        holder = inner
    return tree


def _flow(tree: Any) -> str:
    """As JSON, which is YAML but for what is no number there."""
    text = json.dumps(tree, default=str).replace(json.dumps(_ENDLESS), "9" * 5000)
    for word, ours in (("NaN", ".nan"), ("-Infinity", "-.inf"), ("Infinity", ".inf")):
        text = text.replace(word, ours)
    return text


def _bomb(random: Random) -> str:
    """Aliases of aliases: ten to the tenth values in a few lines."""
    build: Callable[[int], str] = random.choice(
        (
            lambda n: f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 10)}]\n",
            lambda n: f"a{n}: &a{n} {{<<: [{', '.join([f'*a{n - 1}'] * 10)}]}}\n",
        )
    )
    start = random.choice(("a0: &a0 {x: y}\n", "a0: &a0 x\n"))
    return start + "".join(build(n) for n in range(1, random.choice((3, 10))))
