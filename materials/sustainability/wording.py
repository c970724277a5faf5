"""What the columns say of a material, in sentences."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from functools import lru_cache

from materials.sustainability.assessment import Assessment
from materials.sustainability.columns import MIN_COVERAGE, by_key
from materials.sustainability.comparison import OVERALL, AxisComparison, Comparison
from materials.sustainability.facts import Facts, load_facts
from materials.sustainability.hazards import Finding

SCARCE = 0.1
"""mg per kg of crust, below which an element is called scarce; silver has 0.075."""

BY_PRODUCT = 0.5
"""Share that comes as a companion of other metals, above which it is said."""

CONCENTRATED = 2500
"""HHI of a highly concentrated market (US Department of Justice and FTC, 2010)."""

_BRITISH = {"Al": "aluminium", "Cs": "caesium"}


def sentences(found: Assessment, *, facts: Facts | None = None) -> list[str]:
    """What is notable of a material, gravest first, and what is not known."""
    facts = facts or load_facts()
    return [
        *_restricted(found, facts),
        *_hazardous(found),
        *_conflict(found),
        *_critical(found),
        *_by_products(found, facts),
        *_concentrated(found, facts),
        *_scarce(found, facts),
        *_unknown(found),
    ]


def comparison_sentences(found: Comparison) -> list[str]:
    """One sentence for each axis, and the verdict."""
    lines = [_axis_sentence(row, found) for row in found.rows]
    names = ", ".join(_axis_name(row.axis) for row in found.rows)
    verdict = {
        True: f"{found.formula} is better than {found.incumbent} on all of: {names}.",
        False: f"{found.formula} is not better than {found.incumbent} on all of: {names}.",
        None: f"Whether {found.formula} is better than {found.incumbent} on all of "
        f"{names} cannot be told.",
    }
    return [*lines, verdict[found.better]]


def element_name(symbol: str) -> str:
    """``tellurium`` for Te."""
    return _BRITISH.get(symbol) or _pymatgen_name(symbol)


def joined(words: Iterable[str]) -> str:
    """``a, b and c``."""
    *first, last = list(words) or [""]
    return f"{', '.join(first)} and {last}" if first else last


@lru_cache(maxsize=128)
def _pymatgen_name(symbol: str) -> str:
    from pymatgen.core.periodic_table import Element

    return str(Element(symbol).long_name).lower()


def _share(found: Assessment, symbols: Sequence[str]) -> str:
    share = sum(found.mass_shares[symbol] for symbol in symbols)
    return f"{100 * share:.0f} %" if share >= 0.005 else f"{100 * share:.1g} %"


def _restricted(found: Assessment, facts: Facts) -> Iterator[str]:
    for finding in found.hazards:
        if finding.list == "radioactive":
            name = element_name(finding.subject)
            yield f"{found.formula} contains {name}, which has no stable isotope."
        if finding.list == "rohs":
            limit = facts.get(finding.subject, "rohs_limit")
            at_most = (
                f", limit {limit.value} wt% of a homogeneous material" if limit else ""
            )
            only = " as Cr(VI) only" if finding.scope == "some" else ""
            yield (
                f"{found.formula} contains {element_name(finding.subject)} "
                f"({_share(found, [finding.subject])} of its mass), restricted{only} under "
                f"RoHS{at_most}."
            )


def _hazardous(found: Assessment) -> Iterator[str]:
    """One sentence for each element or substance that other lists name."""
    alone = len(found.elements) == 1
    by_subject: dict[str, list[Finding]] = {}
    for finding in found.hazards:
        if finding.list not in ("rohs", "radioactive") and finding.weight > 0:
            by_subject.setdefault(finding.subject, []).append(finding)
    for subject, findings in by_subject.items():
        is_element = subject in found.elements
        name = element_name(subject) if is_element else subject
        firm = [f for f in findings if _holds(f, alone=alone)]
        other = [f for f in findings if f not in firm]
        if firm:
            yield f"{_capital(name)} is listed: {'; '.join(map(_entry, firm))}."
        if other and not firm:
            where = (
                "for the element or other compounds" if is_element else "for other forms"
            )
            yield (
                f"{_capital(name)} is listed {where}, which counts little here: "
                f"{'; '.join(map(_entry, other))}."
            )


def _holds(finding: Finding, *, alone: bool) -> bool:
    return finding.scope == "all" or (finding.scope == "element" and alone)


def _entry(finding: Finding) -> str:
    match finding.list:
        case "iarc":
            return f"IARC group {finding.value}"
        case "ntp":
            return f"NTP {finding.value}"
        case "trgs561":
            return "TRGS 561 carcinogenic metal"
        case "svhc" if finding.value == "true":
            return "REACH candidate list"
        case "svhc":
            return f"REACH candidate list ({finding.note})"
        case "rac":
            return f"ECHA's RAC: {finding.value}"
    return finding.value


def _conflict(found: Assessment) -> Iterator[str]:
    listed = _true_of(found, "conflict")
    if listed:
        what = "conflict minerals" if len(listed) > 1 else "a conflict mineral"
        yield f"{_named(listed)} {_is(listed)} {what} under Regulation (EU) 2017/821."


def _critical(found: Assessment) -> Iterator[str]:
    strategic = _true_of(found, "eu_strategic")
    critical = [e for e in _true_of(found, "eu_critical") if e not in strategic]
    american = _true_of(found, "us_critical")
    for key, listed, where in (
        (
            "eu_strategic",
            strategic,
            "strategic in the EU (Regulation (EU) 2024/1252, Annex I)",
        ),
        (
            "eu_critical",
            critical,
            "critical in the EU (Regulation (EU) 2024/1252, Annex II)",
        ),
        ("us_critical", american, "critical in the USA (final list of 2025)"),
    ):
        if listed:
            forms = {fact.element: fact.note for fact in found.columns[key].facts}
            each = [_in_form(symbol, forms[symbol]) for symbol in listed]
            yield f"{_capital(joined(each))} {_is(listed)} {where}."


def _in_form(symbol: str, form: str) -> str:
    """The element, and the form that a list means if it is another: carbon (graphite)."""
    name, form = element_name(symbol), form.lower()
    return name if form in ("", name, _pymatgen_name(symbol)) else f"{name} ({form})"


def _by_products(found: Assessment, facts: Facts) -> Iterator[str]:
    companions = {
        fact.element: float(fact.value) for fact in found.columns["companion"].facts
    }
    each = [
        f"{element_name(symbol)} ({share:.0f} %{_hosts(symbol, facts)})"
        for symbol, share in companions.items()
        if share >= 100 * BY_PRODUCT
    ]
    if each:
        yield f"Mined mostly as a by-product of other metals: {joined(each)}."
    for symbol in found.elements:
        if symbol not in companions and (hosts := _hosts(symbol, facts)):
            name = _capital(element_name(symbol))
            yield f"{name} is named as a by-product{hosts[1:]}; how much of it is not known."


def _hosts(symbol: str, facts: Facts) -> str:
    """``, of copper and zinc``, or nothing where no host is named."""
    hosts = facts.get(symbol, "byproduct_hosts")
    return f", of {joined(map(element_name, str(hosts.value).split()))}" if hosts else ""


def _concentrated(found: Assessment, facts: Facts) -> Iterator[str]:
    for fact in found.columns["hhi_production"].facts:
        country = facts.get(fact.element, "top_producer_wmd2024")
        share = facts.get(fact.element, "top_producer_share_wmd2024")
        if float(fact.value) >= CONCENTRATED and country and share:
            yield (
                f"{float(share.value):.0f} % of {element_name(fact.element)} came from "
                f"{country.value} in {share.year} (HHI {float(fact.value):,.0f})."
            )


def _scarce(found: Assessment, facts: Facts) -> Iterator[str]:
    for symbol in found.elements:
        abundance = facts.get(symbol, "crust_abundance")
        if abundance and float(abundance.value) < SCARCE:
            yield (
                f"{_capital(element_name(symbol))} is scarce: {abundance.value:g} mg per kg "
                "of the Earth's crust."
            )


def _unknown(found: Assessment) -> Iterator[str]:
    """Columns by what they lack, so that each gap is told once."""
    gaps: dict[tuple[str, ...], list[str]] = {}
    for value in found.columns.values():
        if value.missing:
            gaps.setdefault(value.missing, []).append(value.title)
    for missing, titles in gaps.items():
        names = joined(map(element_name, missing))
        yield f"No data for {names} ({_share(found, missing)} of the mass): {joined(titles)}."
    if found.unread:
        yield (
            "Not read: the candidate list and the classification of "
            f"{joined(map(element_name, found.unread))}; no entry is no all-clear."
        )


def _axis_sentence(row: AxisComparison, found: Comparison) -> str:
    name = _capital(_axis_name(row.axis))
    if row.better is None or row.value is None or row.incumbent_value is None:
        return f"{name}: unknown; {_why_unknown(row, found)}."
    values = _values(row.value, row.incumbent_value, row.unit)
    higher = row.axis != OVERALL and any(by_key()[k].higher_is_better for k in row.columns)
    lower = row.value < row.incumbent_value
    if row.better:
        verdict = "better"
    elif row.value == row.incumbent_value or (lower != higher):
        verdict = "about the same, so no better"
    else:
        verdict = "worse"
    least = min(row.coverage, row.incumbent_coverage)
    what = "hazard lists read: " if row.axis == "toxicity" else "data for at least "
    of = "" if row.axis == "toxicity" else " of the mass"
    partly = f" ({what}{100 * least:.0f} %{of})" if least < 0.995 else ""
    return f"{name}: {verdict}, {values}{partly}."


def _values(value: float, incumbent: float, unit: str) -> str:
    if unit.endswith("share"):
        of = " of the mass" if unit == "mass share" else ""
        return f"{_plain(100 * value)} % against {_plain(100 * incumbent)} %{of}"
    scale = "on a scale of 0 to 1" if unit.endswith("0–1") else unit
    return f"{_plain(value)} against {_plain(incumbent)} {scale}"


def _why_unknown(row: AxisComparison, found: Comparison) -> str:
    short = [
        f"{100 * coverage:.0f} % of the mass of {name}"
        for name, coverage in (
            (found.formula, row.coverage),
            (found.incumbent, row.incumbent_coverage),
        )
        if coverage < MIN_COVERAGE
    ]
    return (
        f"data for {joined(short)}, at least {100 * MIN_COVERAGE:.0f} % are needed"
        if short
        else "no column is known of both"
    )


def _true_of(found: Assessment, key: str) -> list[str]:
    return [fact.element for fact in found.columns[key].facts if fact.value]


def _named(symbols: Sequence[str]) -> str:
    return _capital(joined(map(element_name, symbols)))


def _is(symbols: Sequence[str]) -> str:
    return "are" if len(symbols) > 1 else "is"


def _axis_name(axis: str) -> str:
    return axis.replace("_", " ")


def _capital(text: str) -> str:
    return text[:1].upper() + text[1:]


def _plain(value: float) -> str:
    """Two significant digits, as the data deserve, without powers of ten."""
    if value == 0:
        return "0"
    return f"{value:,.2g}" if abs(value) < 10 else f"{float(f'{value:.2g}'):,.0f}"
