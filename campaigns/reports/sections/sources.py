"""Whose data and software the campaign used, and under which licences."""

from __future__ import annotations

import json
from importlib.resources import files

from campaigns.config import CampaignConfig
from campaigns.generators import PrototypesSpec, given_files
from campaigns.grids import Grid
from campaigns.oracles.specs import DftSpec, InboxSpec, LookupSpec, OracleConfig, OracleSpec
from campaigns.reports.content import Bullets, Section
from campaigns.reports.marks import english, link, name
from campaigns.reports.telling import NOTHING, Telling
from campaigns.sources import TRAINING

_MP = ("A. Jain et al., APL Materials 1, 011002 (2013)", "10.1063/1.4812323")
_AFLOW = (
    "M. J. Mehl et al., Computational Materials Science 136, S1 (2017)",
    "10.1016/j.commatsci.2017.01.017",
)
_PYMATGEN = (
    "S. P. Ong et al., Computational Materials Science 68, 314 (2013)",
    "10.1016/j.commatsci.2012.10.028",
)
_CHGNET = (
    "B. Deng et al., Nature Machine Intelligence 5, 1031 (2023)",
    "10.1038/s42256-023-00716-3",
)
_GPAW = ("J. J. Mortensen et al., J. Chem. Phys. 160, 092503 (2024)", "10.1063/5.0182685")


def sources(tell: Telling, grid: Grid, *, shows_burdens: bool) -> Section:
    """What the campaign really used, each with licence and paper."""
    say, config = tell.say, tell.config
    items = _training(tell)
    if config.search.asks > 0 or _decorates(config):
        items.append(
            say(
                "Prototypes are those of the AFLOW library, {paper}, as carried by pymatgen, "
                "{carrier}; licence of pymatgen: {licence}.",
                paper=_paper(_AFLOW),
                carrier=_paper(_PYMATGEN),
                licence=english("MIT"),
            )
        )
    items += [_of_oracle(spec, tell) for spec in config.oracles]
    items += _own_files(tell)
    weighed = config.targets.sustainability.weight > 0 or config.better_than is not None
    if shows_burdens or weighed:
        items.append(
            say(
                "Facts about elements and their supply are of many sources, each with year and "
                "licence, listed in {file}. Shares of by-products there ({paper}) are under "
                "{licence}: not for commercial use.",
                file=name("materials/sustainability/data/SOURCES.md"),
                paper=english("Nassar et al., Science Advances 1, e1400180 (2015)"),
                licence=english("CC BY-NC 4.0"),
            )
        )
    if grid.place:
        items.append(
            say(
                "Carbon intensities of grids: {paper}, licence {licence}.",
                paper=english("Ember and Energy Institute, processed by Our World in Data"),
                licence=english("CC BY 4.0"),
            )
        )
    return Section("sources", say("Data and licences"), (Bullets(tuple(items)),))


def _decorates(config: CampaignConfig) -> bool:
    """Whether a generator begins with shipped prototypes."""
    return any(
        isinstance(each, PrototypesSpec) and not each.reads_crystals
        for each in config.generators
    )


def _training(tell: Telling) -> list[str]:
    """What the predictor learned from, as far as that is on record, and known formulas."""
    say, view = tell.say, tell.view
    predictor, data = view.versions.get("predictor", ""), view.sources.get(TRAINING, "")
    mp = {"licence": english("CC BY 4.0"), "paper": _paper(_MP)}
    if _is_shipped(view.versions.get("model", ""), data):
        return [
            say(
                "The predictor was trained on the Materials Project, and known formulas come "
                "from it; licence {licence}: {paper}.",
                **mp,
            )
        ]
    known = say(
        "Known formulas come from the Materials Project; licence {licence}: {paper}.", **mp
    )
    if not data:
        told = say(
            "What the predictor {predictor} was trained on is not on record.",
            predictor=name(predictor or NOTHING),
        )
    else:
        told = say(
            "The predictor {predictor} was trained on {data}; its licence is not on record.",
            predictor=name(predictor or NOTHING),
            data=name(data),
        )
    return [told, known]


def _is_shipped(model: str, data: str) -> bool:
    """Whether a model comes with Galena, or was trained on the same table as those that do.

    A predictor's name says nothing: anybody may call one so.
    """
    manifests = {
        folder.name: json.loads((folder / "config.json").read_text(encoding="utf-8"))
        for folder in (files("models") / "weights").iterdir()
        if (folder / "config.json").is_file()
    }
    if data:
        hashes = {each["training"]["sha256"] for each in manifests.values()}
        return data.rpartition("sha256:")[2] in hashes
    return model in manifests


def _own_files(tell: Telling) -> list[str]:
    """Tables and crystals that the specification names."""
    say, config = tell.say, tell.config
    items = []
    if config.pool is not None:
        items.append(
            say(
                "Crystals to choose among come from {file}.",
                file=name(config.pool.table.name),
            )
        )
    items += [
        say(
            "The generator “{generator}” begins with crystals of {files}.",
            generator=say.name(generator.kind),
            files=say.listed([name(path.name) for path in given]),
        )
        for generator in config.generators
        if (given := given_files(generator))
    ]
    items += [
        say(
            "Competing phases of the oracle {oracle} come from {file}.",
            oracle=name(spec.name),
            file=name(table.name),
        )
        for spec in config.oracles
        if isinstance(spec, OracleConfig) and (table := spec.references.table)
    ]
    if config.known:
        names = [name(path.name) for path in config.known]
        items.append(
            say(
                "Formulas that count as known are those of {files} too.",
                files=say.listed(names),
            )
        )
    if items:
        items.append(
            say(
                "Licences of files that the specification names are not on record: they are "
                "for whoever brought the files to say."
            )
        )
    return items


def _of_oracle(spec: OracleSpec, tell: Telling) -> str:
    say = tell.say
    if isinstance(spec, OracleConfig):
        if spec.potential == "chgnet":
            return say(
                "Energies and relaxations are those of CHGNet, {paper}; licence {licence}.",
                paper=_paper(_CHGNET),
                licence=english("BSD-3-Clause"),
            )
        return say(
            "Energies and relaxations are those of the potential {potential}.",
            potential=name(spec.potential),
        )
    if isinstance(spec, LookupSpec):
        return say(
            "Answers of the oracle {oracle} come from a table: {source}.",
            oracle=name(spec.name),
            source=english(spec.source),
        )
    if isinstance(spec, DftSpec) and spec.recipe == "gpaw":
        return say(
            "Answers of the oracle {oracle} were computed with GPAW, {paper}; licence "
            "{licence}.",
            oracle=name(spec.name),
            paper=_paper(_GPAW),
            licence=english("GPL-3.0-or-later"),
        )
    if isinstance(spec, InboxSpec):
        return say("Answers of the oracle {oracle} are people's.", oracle=name(spec.name))
    return say("Answers of the oracle {oracle} are a program's.", oracle=name(spec.name))


def _paper(cited: tuple[str, str]) -> str:
    """Citation and DOI, which leads to the paper."""
    text, doi = cited
    return f"{english(text)}, {link(f'https://doi.org/{doi}', doi)}"
