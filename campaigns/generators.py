"""Generators of candidates as a specification names them, one ``kind`` each."""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal, Self

from pydantic import Field, model_validator

from campaigns.elements import Elements
from campaigns.specs import (
    LARGEST_SEED,
    MOST,
    MOST_STREAMED,
    Frozen,
    parse_spec,
    read_text,
)
from materials.errors import InputError

if TYPE_CHECKING:
    from materials.candidates.protocol import Generator
    from materials.candidates.structure_types import StructureType
    from materials.candidates.systems import Scope
    from materials.table import CrystalTable


class _Spec(Frozen):
    """What all kinds share."""

    n_species: tuple[Annotated[int, Field(ge=1, le=10)], ...] = Field(
        default=(2, 3), min_length=1, max_length=10
    )
    """How many elements a candidate has."""
    max_sites: int = Field(default=20, ge=1, le=200)
    """Largest primitive cell, in atoms."""


class _FromCrystals(_Spec):
    """Kinds that begin with known crystals."""

    table: Path | None = None
    """Crystal table with the known crystals; relative to the specification."""
    types: Path | None = None
    """File of structure types. Where it is missing it is made from the table, which takes a
    few milliseconds a crystal; where it is there, no table is needed."""

    @model_validator(mode="after")
    def _something_known(self) -> Self:
        if self.reads_crystals and self.table is None and self.types is None:
            raise ValueError(
                "known crystals are needed: give a table of them, or a file of types"
            )
        return self

    @property
    def reads_crystals(self) -> bool:
        """Whether it begins with known crystals after all."""
        return True


class PrototypesSpec(_FromCrystals):
    """Structure types with other elements on their species."""

    kind: Literal["prototypes"]
    source: Literal["crystals", "aflow", "aflow-encyclopedia"] = "crystals"
    """Structure types of known crystals, or shipped prototypes: 1,699 from 275 AFLOW entries
    (``aflow``), or the whole Encyclopedia uncoloured (``aflow-encyclopedia``)."""
    unbalanced: float = Field(default=0.02, ge=0.0, le=1.0)
    """What a composition whose charges do not balance is worth beside one that is; 0 leaves
    it out."""

    @property
    def reads_crystals(self) -> bool:
        return self.source == "crystals"


class SubstitutionSpec(_FromCrystals):
    """Other ions in known crystals, by the data-mined likelihood of the exchange."""

    kind: Literal["substitution"]
    min_probability: float = Field(default=1e-6, gt=0.0, lt=1.0)
    """Least likely exchange: product of the ions' conditional probabilities."""


class SwapsSpec(_FromCrystals):
    """One element for another, two for two, or one split in two, charges kept."""

    kind: Literal["swaps"]
    swaps: tuple[Literal["one", "two", "split"], ...] = ("one", "two", "split")
    """GaAs to InAs; SrTiO3 to LaAlO3; InP to ZnSnP2."""
    orderings: int = Field(default=4, ge=1, le=10_000)
    """Ways to order two elements on the sites of one, the evenest first."""


class AlloysSpec(_FromCrystals):
    """Ordered alloys between two end members that differ in one element."""

    kind: Literal["alloys"]
    ends: tuple[Path, Path] | None = None
    """Crystal files of two end members; without, all pairs among the known crystals."""
    min_share: float = Field(default=0.0, ge=0.0, le=1.0)
    """Of the second end member."""
    max_share: float = Field(default=1.0, ge=0.0, le=1.0)
    """Of the second end member."""
    steps: int = Field(default=4, ge=2, le=48)
    """Shares are whole multiples of one by this."""
    orderings: int = Field(default=4, ge=1, le=10_000)
    """For one pair and one share, so many, the evenest first."""

    @property
    def reads_crystals(self) -> bool:
        return self.ends is None


class SymmetricSpec(_Spec):
    """Random crystals with some symmetry, by PyXtal."""

    kind: Literal["symmetric"]
    formulas: tuple[str, ...] = ()
    """Of these formulas; without, of all in which charges balance."""
    max_amount: int = Field(default=4, ge=1, le=100)
    """Atoms of one element in a formula unit, where formulas are not given."""
    per_formula: int = Field(default=50, ge=1, le=MOST)
    """Crystals of each formula."""


GeneratorSpec = Annotated[
    PrototypesSpec | SubstitutionSpec | SwapsSpec | AlloysSpec | SymmetricSpec,
    Field(discriminator="kind"),
]
"""One generator; ``kind`` says which."""

KINDS = ("prototypes", "substitution", "swaps", "alloys", "symmetric")


class GenerateSpec(Frozen):
    """What ``galena generate`` makes."""

    elements: Elements
    generators: tuple[GeneratorSpec, ...] = Field(min_length=1)
    """Several give their next best in turn."""
    limit: int = Field(default=1000, ge=1, le=MOST_STREAMED)
    """Candidates."""
    seed: int = Field(default=0, ge=0, le=LARGEST_SEED)
    """Of the order of chemical systems, and of what is drawn at random."""

    @classmethod
    def load(cls, path: Path) -> Self:
        """Read a YAML file; raises :class:`InputError` naming file and field."""
        text = read_text(path)
        return parse_spec(cls, text, name=str(path), keys="elements and generators")


def build_generator(
    spec: GeneratorSpec, elements: Sequence[str], seed: int, base: Path
) -> Generator:
    """Make the generator a specification describes.

    ``base`` is where its relative paths begin. Numbers of elements that are more than are
    allowed are left out.

    Raises:
        InputError: a file cannot be used, or there is nothing that could be made.
        MissingExtraError: a package that the kind needs is not installed.
    """
    from materials.candidates.systems import Scope

    counts = tuple(k for k in spec.n_species if k <= len(elements))
    scope = Scope(elements=tuple(elements), n_species=counts or spec.n_species, seed=seed)
    if isinstance(spec, SymmetricSpec):
        return _symmetric(spec, scope)
    if isinstance(spec, PrototypesSpec):
        return _prototypes(spec, scope, base)
    if isinstance(spec, AlloysSpec):
        return _alloys(spec, scope, base)
    if isinstance(spec, SwapsSpec):
        return _swaps(spec, scope, base)
    return _substitution(spec, scope, base)


def input_files(spec: GeneratorSpec) -> list[Path]:
    """The files that a generator is made from, as :func:`build_generator` takes them."""
    if isinstance(spec, AlloysSpec) and spec.ends is not None:
        return list(spec.ends)
    if isinstance(spec, SymmetricSpec) or not spec.reads_crystals:
        return []
    if spec.types is not None and spec.types.exists():
        return [spec.types]
    return [] if spec.table is None else [spec.table]


def given_files(spec: GeneratorSpec) -> list[Path]:
    """The files that somebody has to bring; a file of types that is made is none of them."""
    if isinstance(spec, AlloysSpec) and spec.ends is not None:
        return list(spec.ends)
    if isinstance(spec, SymmetricSpec) or not spec.reads_crystals:
        return []
    return [path for path in (spec.table or spec.types,) if path is not None]


def _prototypes(spec: PrototypesSpec, scope: Scope, base: Path) -> Generator:
    from materials.candidates.generators.prototypes import (
        PrototypeGenerator,
        PrototypeSettings,
    )
    from materials.candidates.prototypes import PrototypeSet, aflow_prototypes

    settings = PrototypeSettings(unbalanced=spec.unbalanced)
    if spec.source == "crystals":
        return PrototypeGenerator(_known_types(spec, base), scope, settings)
    shipped = aflow_prototypes(
        n_species=scope.n_species,
        max_sites=spec.max_sites,
        which=PrototypeSet(spec.source),
    )
    return PrototypeGenerator(shipped, scope, settings)


def _substitution(spec: SubstitutionSpec, scope: Scope, base: Path) -> Generator:
    from materials.candidates.generators.substitution import (
        SubstitutionGenerator,
        SubstitutionSettings,
    )

    settings = SubstitutionSettings(min_probability=spec.min_probability)
    return SubstitutionGenerator(_known_types(spec, base), scope, settings)


def _swaps(spec: SwapsSpec, scope: Scope, base: Path) -> Generator:
    from materials.candidates.generators.swaps import SwapGenerator, SwapKind, SwapSettings

    settings = SwapSettings(
        kinds=tuple(SwapKind(kind) for kind in spec.swaps),
        max_sites=spec.max_sites,
        orderings=spec.orderings,
    )
    return SwapGenerator(_known_types(spec, base), scope, settings)


def _alloys(spec: AlloysSpec, scope: Scope, base: Path) -> Generator:
    from materials.candidates.generators.alloys import AlloyGenerator, AlloySettings

    settings = AlloySettings(
        min_share=spec.min_share,
        max_share=spec.max_share,
        steps=spec.steps,
        max_sites=spec.max_sites,
        orderings=spec.orderings,
    )
    types = _known_types(spec, base) if spec.ends is None else _end_types(spec, base)
    return AlloyGenerator(types, scope, settings)


def _symmetric(spec: SymmetricSpec, scope: Scope) -> Generator:
    from materials.candidates.generators.symmetric import (
        SymmetricGenerator,
        SymmetricSettings,
    )

    settings = SymmetricSettings(
        formulas=spec.formulas,
        max_amount=spec.max_amount,
        max_sites=spec.max_sites,
        per_formula=spec.per_formula,
    )
    return SymmetricGenerator(scope, settings)


def _end_types(spec: AlloysSpec, base: Path) -> Sequence[StructureType]:
    """The types of two end members from files; two types are nothing to alloy."""
    from materials.candidates.structure_types import TypeLimits, prototypes_from
    from materials.files import read_crystals

    paths = [base / path for path in spec.ends or ()]
    ends = []
    for crystal in read_crystals(paths):
        if crystal.structure is None:
            raise InputError(f"{crystal.name}: {crystal.error}")
        ends.append((Path(crystal.name).stem, crystal.structure))
    limits = TypeLimits(n_species=tuple(range(1, 6)), max_sites=spec.max_sites)
    return prototypes_from(ends, limits)


def _known_types(spec: _FromCrystals, base: Path) -> Sequence[StructureType]:
    """Structure types of as many species as any generator could need."""
    table = None if spec.table is None else base / spec.table
    file = None if spec.types is None else base / spec.types
    most = max(spec.n_species)
    found = _load(table, file, most, spec.max_sites)
    return [
        known
        for known in found
        if known.prototype.n_species <= most and known.prototype.n_sites <= spec.max_sites
    ]


@lru_cache(maxsize=4)
def _load(
    table: Path | None, file: Path | None, most: int, max_sites: int
) -> tuple[StructureType, ...]:
    from materials.candidates.structure_types import TypeLimits, prototypes_from
    from materials.candidates.types_file import read_types, write_types
    from materials.provenance import Provenance
    from materials.table import CrystalTable

    if file is not None and (file.exists() or table is None):
        if table is not None:
            _check_origin(file, table)
        return read_types(file)
    if table is None:
        raise InputError("known crystals are needed: give a table of them, or their types")
    known = CrystalTable.open(table)
    rows = ((row.material_id, row.structure()) for row in known.rows() if row.error is None)
    limits = TypeLimits(n_species=tuple(range(1, most + 1)), max_sites=max_sites)
    types = prototypes_from(rows, limits)
    if not types:
        raise InputError(
            f"{table}: no crystal has up to {most} elements and {max_sites} atoms in its "
            "primitive cell"
        )
    if file is not None:
        origin = Provenance(source=table.name, version=_version(known))
        write_types(file, types, origin=origin)
    return types


def _check_origin(file: Path, table: Path) -> None:
    """Raise :class:`InputError` if a file of types was made from another table."""
    from materials.table import CrystalTable

    batch = next(CrystalTable.open(file).batches(["source_version"], size=1), None)
    made_from = "" if batch is None else batch.column("source_version")[0].as_py()
    if made_from != _version(CrystalTable.open(table)):
        raise InputError(
            f"{file}: made from another table than {table}; remove it, or give another name"
        )


def _version(table: CrystalTable) -> str:
    return f"sha256:{table.sha256}"
