"""Oracles as a specification names them, one ``kind`` each; without a kind, a potential."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, Literal, Self

from pydantic import BeforeValidator, Discriminator, Field, Tag, model_validator

from campaigns.specs import LONGEST_WAIT, MOST, Frozen
from materials.errors import did_you_mean

Name = Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]{0,31}$")]
"""Letters, digits, dot, dash and underscore."""


class _Computing(Frozen):
    """What kinds share that compute."""

    cost: float = Field(default=1.0, ge=0.0, allow_inf_nan=False)
    """Of one attempt, in whatever unit the campaign counts in; failed ones cost too."""
    time_limit: float | None = Field(default=None, gt=0.0, le=LONGEST_WAIT)
    """s, of one attempt; the work is stopped there."""
    retries: int = Field(default=0, ge=0, le=20)
    """Further attempts after a failure that may pass: a crash, a time limit, a full disk."""


class Relaxation(Frozen):
    """Limits of one relaxation."""

    max_force: float = Field(default=0.1, gt=0.0)
    """eV/Å, where a relaxation ends."""
    max_steps: int = Field(default=80, ge=1, le=MOST)
    """Beyond them a relaxation ends as not converged."""
    time_limit: float = Field(default=300.0, gt=0.0, le=LONGEST_WAIT)
    """s, a backstop: reaching it makes the outcome depend on the machine."""


class References(Frozen):
    """Competing phases: the best of the decorated prototypes of every chemical subsystem,
    or a table of one's own.
    """

    table: Path | None = None
    """Phases to compete with instead: a table with ``formula``, ``energy_per_atom`` (eV/atom)
    and ``origin``, which must be the potential's; nothing is computed then."""
    per_element: int = Field(default=4, ge=1, le=10_000)
    """Structures relaxed per element."""
    per_binary: int = Field(default=3, ge=0, le=10_000)
    """Compositions relaxed per pair of elements."""
    per_ternary: int = Field(default=2, ge=0, le=10_000)
    """Compositions relaxed per triple of elements."""
    polymorphs: int = Field(default=3, ge=1, le=10_000)
    """Structures relaxed per composition of a pair with a nonmetal."""
    max_sites: int = Field(default=16, ge=1, le=200)
    """Largest primitive cell among them, in atoms."""


class OracleConfig(_Computing):
    """Relaxation and hull with one interatomic potential, gap by the predictor."""

    kind: Literal["potential"] = "potential"
    name: Name = "potential"
    """What it is called in tables and traces; different for each oracle of a campaign."""
    potential: str = "chgnet"
    """The interatomic potential: ``chgnet``, ``sevennet``, or ``KIND:FILE`` for weights of
    your own."""
    relaxation: Relaxation = Relaxation()
    references: References = References()


class LookupSpec(Frozen):
    """A table in which the answers stand already, for back-tests and measured data."""

    kind: Literal["lookup"]
    name: Name = "lookup"
    """What it is called in tables and traces; different for each oracle of a campaign."""
    cost: float = Field(default=1.0, ge=0.0, allow_inf_nan=False)
    """Of one answer, in whatever unit the campaign counts in; that there is none costs too."""
    table: Path
    """Parquet or CSV with ``material_id``, or ``formula`` and a crystal, or both."""
    source: str = Field(min_length=1)
    """What the numbers are and whose: ``PBE, Materials Project 2019``."""
    columns: dict[str, str] = Field(
        default={"band_gap": "band_gap", "energy_above_hull": "energy_above_hull"},
        min_length=1,
    )
    """What is answered, and the table's column with it: ``{band_gap: gap_hse}``."""

    @model_validator(mode="after")
    def _no_slips(self) -> Self:
        from campaigns.oracles.answers import near_answer

        for name in self.columns:
            if near := near_answer(name):
                raise ValueError(
                    f"columns: '{name}' would be a property of its own. Did you mean "
                    f"'{near}'? If not, give it a name that is less alike"
                )
        return self


class CommandSpec(_Computing):
    """Any program that reads a structure file and prints JSON."""

    kind: Literal["command"]
    name: Name = "command"
    """What it is called in tables and traces; different for each oracle of a campaign."""
    argv: tuple[str, ...] = Field(min_length=1)
    """Program and arguments; no shell. ``{structure}``, ``{folder}`` and ``{id}`` stand for
    the structure's file, the call's working folder and the candidate's id."""
    format: Literal["cif", "poscar", "extxyz", "json"] = "cif"
    """Of the structure file; ``json`` is pymatgen's."""
    time_limit: float | None = Field(default=3600.0, gt=0.0, le=LONGEST_WAIT)
    """s, of one attempt; the program and all it started are killed there."""
    retry_codes: tuple[int, ...] = (75,)
    """Exit codes of failures that may pass; 75 is ``EX_TEMPFAIL`` of sysexits.h."""
    max_output: int = Field(default=1_000_000, ge=1_000, le=1_000_000_000)
    """Bytes the program may print; it is killed beyond."""
    keep: Path | None = None
    """Where each call's folder is kept, by candidate; without, it is removed."""

    @model_validator(mode="after")
    def _known_placeholders(self) -> Self:
        from campaigns.oracles.command import check_placeholders

        check_placeholders(self.argv)
        return self


class GpawSettings(Frozen):
    """Plane waves and PAW in GPAW; how far each is converged is in docs/oracles.md."""

    cutoff: float = Field(default=600.0, ge=100.0, le=2000.0)
    """eV, of the plane waves. Oxides, nitrides and fluorides need so much; others 400."""
    kpoint_density: float = Field(default=4.0, gt=0.0, le=20.0)
    """Å, k-points per Å⁻¹ along each reciprocal vector; the mesh contains Γ."""
    smearing: float = Field(default=0.01, gt=0.0, le=0.5)
    """eV, width of the Fermi-Dirac occupations."""
    functional: str = Field(default="PBE", pattern=r"^[A-Za-z0-9_+-]+$")
    """A local or semi-local one that GPAW knows."""
    quasiparticle_gap: bool = True
    """Also the GLLB-sc gap: Kohn-Sham gap plus derivative discontinuity."""


class AseSettings(Frozen):
    """Any calculator of ASE that gives an energy."""

    calculator: str = Field(pattern=r"^[A-Za-z_][\w.]*\.[A-Za-z_]\w*$")
    """Where its class lives: ``ase.calculators.emt.EMT``."""
    arguments: dict[str, str | int | float | bool | dict[str, Any] | list[Any]] = Field(
        default_factory=dict
    )
    """What the class is called with."""


class ScriptSettings(Frozen):
    """A recipe of one's own."""

    path: Path
    """Python script, called with a job and a result file; docs/oracles.md says what is
    in them."""
    settings: dict[str, Any] = Field(default_factory=dict)
    """Handed to the script as they are."""


class DftSpec(_Computing):
    """First principles through an ASE calculator, in a process of its own."""

    kind: Literal["dft"]
    name: Name = "dft"
    """What it is called in tables and traces; different for each oracle of a campaign."""
    cost: float = Field(default=100.0, ge=0.0, allow_inf_nan=False)
    """Of one attempt, in whatever unit the campaign counts in; failed ones cost too."""
    time_limit: float | None = Field(default=3600.0, gt=0.0, le=LONGEST_WAIT)
    """s, of one attempt; the calculation is killed there."""
    retries: int = Field(default=1, ge=0, le=20)
    """Further attempts after a failure that may pass: a crash, a time limit, a full disk."""
    recipe: Literal["gpaw", "ase", "script"] = "gpaw"
    """What computes: GPAW, any calculator of ASE, or a script of one's own; the key of that
    name has its settings."""
    python: str | None = Field(default=None, min_length=1)
    """The interpreter that has the code, such as ``/usr/bin/python3``; without, this one."""
    geometry: Literal["as-given", "volume", "relax"] = "as-given"
    """What is optimised first: nothing, the volume alone by an equation of state, or positions
    and cell in a few steps."""
    max_steps: int = Field(default=30, ge=1, le=MOST)
    """Of a relaxation."""
    max_force: float = Field(default=0.05, gt=0.0)
    """eV/Å, where a relaxation ends."""
    threads: int = Field(default=1, ge=1, le=4096)
    """That a calculation may use."""
    max_sites: int = Field(default=50, ge=1, le=10_000)
    """Atoms in the primitive cell; a larger crystal is refused before anything is spent."""
    keep: Path | None = None
    """Where each calculation's files are kept, by candidate; without, they are removed."""
    gpaw: GpawSettings = GpawSettings()
    ase: AseSettings | None = None
    script: ScriptSettings | None = None

    @model_validator(mode="after")
    def _settings_given(self) -> Self:
        if self.recipe != "gpaw" and getattr(self, self.recipe) is None:
            raise ValueError(
                f"recipe {self.recipe} needs its settings: give the key {self.recipe}"
            )
        return self


class Quantity(Frozen):
    """One number that is asked for."""

    name: str = Field(pattern=r"^[a-z][a-z0-9_]{0,63}$")
    """``band_gap``, ``energy_above_hull`` or any other, in small letters."""
    unit: str = Field(default="", max_length=32, pattern=r"^[^\[\]\r\n]*$")
    """``eV``; empty for plain numbers. ``band_gap`` and energies are asked for in eV and
    eV/atom, as the campaign has them."""
    min: float | None = Field(default=None, allow_inf_nan=False)
    """Least value that can be right."""
    max: float | None = Field(default=None, allow_inf_nan=False)
    """Largest value that can be right."""
    description: str = ""
    """How it is to be measured, for who does it."""

    @model_validator(mode="after")
    def _ordered(self) -> Self:
        if self.min is not None and self.max is not None and self.min >= self.max:
            raise ValueError(f"contradictory: min {self.min} is not below max {self.max}")
        return self

    @model_validator(mode="after")
    def _own_unit(self) -> Self:
        """What a campaign computes with has one unit; answers may be written in others."""
        from campaigns.oracles.answers import ANSWERS

        unit = ANSWERS.get(self.name, self.unit)
        if self.unit != unit:
            raise ValueError(
                f"{self.name} is asked for in {unit}, not in '{self.unit}': write unit: "
                f"{unit}; answers that name another unit are converted"
            )
        return self


class FunctionSpec(_Computing):
    """A Python function of whoever runs the campaign, given to ``Campaign.load``."""

    kind: Literal["function"]
    name: Name = "function"
    """What it is called in tables and traces; different for each oracle of a campaign. The
    function is given under this name."""
    time_limit: float | None = Field(default=3600.0, gt=0.0, le=LONGEST_WAIT)
    """s, of one attempt; beyond it the campaign goes on without an answer. None calls the
    function in the kernel's own thread, without limit."""


WORKSHEET_COLUMNS = ("candidate_id", "formula", "structure", "failed_because", "note")
"""What a worksheet has beside the quantities asked for."""


class InboxSpec(Frozen):
    """A person or a laboratory: worksheets go out, answers come back when they come."""

    kind: Literal["inbox"]
    name: Name = "inbox"
    """What it is called in tables and traces; different for each oracle of a campaign."""
    cost: float = Field(default=1000.0, ge=0.0, allow_inf_nan=False)
    """Of one answer, in whatever unit the campaign counts in."""
    wanted: tuple[Quantity, ...] = Field(
        default=(Quantity(name="band_gap", unit="eV", min=0.0, max=20.0),), min_length=1
    )
    """What is asked about each candidate."""
    instructions: str = ""
    """Printed above the worksheet."""
    enough: float = Field(default=1.0, ge=0.0, le=1.0)
    """Share of a round's questions that must be answered before the next round is proposed.
    A further tier never holds the campaign up."""

    @model_validator(mode="after")
    def _each_once(self) -> Self:
        names = [quantity.name for quantity in self.wanted]
        for name in names:
            if names.count(name) > 1:
                raise ValueError(f"'{name}' is asked for twice")
            if name in WORKSHEET_COLUMNS:
                raise ValueError(f"'{name}' is a column of every worksheet already")
        return self


KINDS = ("potential", "lookup", "command", "dft", "inbox", "function")


def _kind_of(content: Any) -> str:
    if isinstance(content, Mapping):
        return str(content.get("kind", "potential"))
    return str(getattr(content, "kind", "potential"))


def _known_kind(content: Any) -> Any:
    """Name the near kind where pydantic would only list all."""
    if isinstance(content, Mapping) and (kind := _kind_of(content)) not in KINDS:
        raise ValueError(
            f"'{kind}' is no kind of oracle; there are {', '.join(KINDS)}."
            f"{did_you_mean(kind, KINDS)}"
        )
    return content


OracleSpec = Annotated[
    Annotated[OracleConfig, Tag("potential")]
    | Annotated[LookupSpec, Tag("lookup")]
    | Annotated[CommandSpec, Tag("command")]
    | Annotated[DftSpec, Tag("dft")]
    | Annotated[InboxSpec, Tag("inbox")]
    | Annotated[FunctionSpec, Tag("function")],
    Discriminator(_kind_of),
    BeforeValidator(_known_kind),
]
"""Any oracle, told apart by ``kind``."""

ComputedSpec = OracleConfig | LookupSpec | CommandSpec | DftSpec
"""Those that are programs, which any process can start."""


def answers_of(spec: OracleSpec) -> frozenset[str] | None:
    """Which fields of a verdict an oracle can fill; None where only it knows."""
    if isinstance(spec, InboxSpec):
        return frozenset(quantity.name for quantity in spec.wanted)
    if isinstance(spec, LookupSpec):
        return frozenset(spec.columns)
    if isinstance(spec, DftSpec) and spec.recipe != "script":
        return frozenset(
            {"energy_per_atom", *(["band_gap"] if spec.recipe == "gpaw" else [])}
        )
    return None
