"""A campaign's specification: what is sought, in which chemistry, at what price.

The file is YAML, the schema forbids unknown keys, and everything that decides the outcome is in
it, so that the same file gives the same campaign.
"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any, ClassVar, Literal, Self

from pydantic import AfterValidator, Field, model_validator

from campaigns.elements import SYMBOLS, Elements
from campaigns.generators import GeneratorSpec
from campaigns.oracles.specs import OracleConfig as OracleConfig
from campaigns.oracles.specs import OracleSpec, answers_of
from campaigns.oracles.specs import References as References
from campaigns.oracles.specs import Relaxation as Relaxation
from campaigns.specs import LARGEST_SEED, MOST, MOST_STREAMED, Frozen, SpecFile
from materials.errors import InputError, did_you_mean
from materials.sustainability.columns import AXES
from materials.sustainability.comparison import COMPARABLE, Unknown, check_incumbent
from materials.sustainability.index import Weights


def _one_of(names: tuple[str, ...], what: str) -> AfterValidator:
    def check(name: str) -> str:
        if name not in names:
            raise ValueError(
                f"'{name}' is no {what}; there are {', '.join(names)}."
                f"{did_you_mean(name, names)}"
            )
        return name

    return AfterValidator(check)


SamplerKind = Literal["tpe", "nsga2", "nsga3", "gp", "cmaes", "random"]
Axis = Annotated[str, _one_of(AXES, "axis of sustainability")]
Comparable = Annotated[str, _one_of(COMPARABLE, "axis of sustainability")]


class GapWindow(Frozen):
    """The band gap sought, eV, as the predictor gives it (PBE)."""

    min: float = Field(ge=0.0, le=20.0)
    """eV, where the window begins."""
    max: float = Field(gt=0.0, le=20.0)
    """eV, where it ends."""
    weight: float = Field(default=1.0, ge=0.0, le=1000.0)
    """Exponent of this target in the score."""

    @model_validator(mode="after")
    def _ordered(self) -> Self:
        if self.min >= self.max:
            raise ValueError(
                f"contradictory: min {self.min} eV is not below max {self.max} eV"
            )
        return self


class Stability(Frozen):
    """How far above the hull of competing phases a candidate may lie."""

    max: float = Field(default=0.1, gt=0.0, le=2.0)
    """eV/atom, the most that counts as stable enough."""
    weight: float = Field(default=1.0, ge=0.0, le=1000.0)
    """Exponent of this target in the score."""


class Simplicity(Frozen):
    """Preference for few elements and small cells, which are easier to make and to model."""

    weight: float = Field(default=0.2, ge=0.0, le=1000.0)
    """Exponent of this target in the score."""


class Sustainability(Frozen):
    """Preference for materials that cost people and planet little: one minus the burden index.

    Elements without data count as if they were the worst.
    """

    weight: float = Field(default=0.0, ge=0.0, le=1000.0)
    """Exponent of this target in the score."""
    axes: dict[Axis, Annotated[float, Field(ge=0.0, le=1e6)]] = Field(default_factory=dict)
    """How much each axis counts in the index, in place of its default:
    ``{toxicity: 2, cost: 0}``."""

    @model_validator(mode="after")
    def _weighable(self) -> Self:
        try:
            self.weights()
        except InputError as error:
            raise ValueError(str(error)) from error
        return self

    def weights(self) -> Weights:
        """The axes' weights."""
        return Weights(**self.axes)


class BetterThan(Frozen):
    """The material in use, and on which axes a candidate has to beat it."""

    incumbent: str
    """A name such as ``CdTe``, ``CIGS`` or ``IGZO``, or any formula."""
    on: tuple[Comparable, ...] = Field(min_length=1)
    """Axes of sustainability; a candidate must be better on every one."""
    unknown: Unknown = Unknown.REJECT
    """What becomes of candidates that cannot be compared for want of data."""

    @model_validator(mode="after")
    def _comparable(self) -> Self:
        try:
            check_incumbent(self.incumbent, self.on)
        except InputError as error:
            raise ValueError(str(error)) from error
        return self


class Targets(Frozen):
    """What makes a candidate good. The score is the product of the parts to their weights."""

    band_gap: GapWindow
    energy_above_hull: Stability = Stability()
    simplicity: Simplicity = Simplicity()
    sustainability: Sustainability = Sustainability()

    @model_validator(mode="after")
    def _something_counts(self) -> Self:
        if self.band_gap.weight == 0 and self.energy_above_hull.weight == 0:
            raise ValueError(
                "contradictory: band_gap and energy_above_hull both weigh 0, so nothing is "
                "sought; give one a weight above 0"
            )
        return self


class VolumeRange(Frozen):
    """Between which factors of the guessed volume the search may choose."""

    min: float = Field(gt=0.3, le=3.0)
    """Smallest factor."""
    max: float = Field(gt=0.3, le=3.0)
    """Largest factor."""

    @model_validator(mode="after")
    def _ordered(self) -> Self:
        if self.min >= self.max:
            raise ValueError(
                f"contradictory: volume factor {self.min} is not below {self.max}"
            )
        return self


class Search(Frozen):
    """How the space of prototype times decoration is searched."""

    sampler: SamplerKind = "tpe"
    """The sampler of Optuna that learns. ``nsga2`` and ``nsga3`` are told every target by
    itself, ``cmaes`` searches the volume and leaves the rest to ``tpe``, ``gp`` learns from
    the best and a spread of the others, ``random`` learns nothing."""
    volume: VolumeRange | None = None
    """Search the volume too, as a factor on the guessed one; without it, the guess stands."""

    n_species: tuple[int, ...] = Field(default=(2, 3), max_length=5)
    """Numbers of distinct elements per candidate."""
    max_sites: int = Field(default=12, ge=1, le=200)
    """Largest primitive cell, in atoms."""
    asks: int = Field(default=2000, ge=0, le=10 * MOST)
    """Proposals the sampler makes per round, most of which filters turn down; 0 leaves it
    out."""
    chunk: int = Field(default=50, ge=1, le=MOST)
    """Proposals scored together before the sampler learns from them."""
    explore: float = Field(default=0.7, ge=0.0, le=1.0)
    """Share of a round's proposals drawn at random, before the sampler uses what it knows."""
    per_generator: int = Field(default=200, ge=1, le=MOST)
    """Candidates that each of ``generators`` gives per round, in its order."""
    minimum_distance: float = Field(default=0.6, gt=0.0, le=1.0)
    """Smallest allowed distance, as a fraction of the sum of atomic radii."""

    @model_validator(mode="after")
    def _possible(self) -> Self:
        if not self.n_species or min(self.n_species) < 1 or max(self.n_species) > 5:
            raise ValueError(
                f"n_species must hold numbers from 1 to 5, got {self.n_species}"
            )
        if self.sampler == "cmaes" and self.volume is None:
            raise ValueError(
                "sampler cmaes searches what is continuous, and without search.volume "
                "nothing is; give search.volume, such as {min: 0.9, max: 1.15}"
            )
        return self


class PoolSpec(Frozen):
    """Crystals that exist already, to choose from beside those that are made."""

    table: Path
    """Crystal table (Parquet), a folder of them, or crystal files; relative to the working
    folder."""
    per_round: int = Field(default=200, ge=1, le=MOST)
    """So many of the best that were not looked at before are candidates in a round."""


class Tier(Frozen):
    """A further oracle, for the few best of what those before it accepted."""

    oracle: OracleSpec
    best: int = Field(default=2, ge=1, le=MOST)
    """How many a round gives it, by score; what a round leaves over, later ones may use."""


class Budget(Frozen):
    """Where the campaign stops, whichever comes first."""

    oracle_calls: int | None = Field(default=None, ge=1, le=MOST_STREAMED)
    """Of the first oracle."""
    cost: float | None = Field(default=None, gt=0.0)
    """Of all oracles together, in the unit of their ``cost``; checked between calls."""
    hours: float | None = Field(default=None, gt=0.0, le=1e6)
    """Hours of computing, summed over interruptions; checked between oracle calls."""


class CampaignConfig(SpecFile):
    """One campaign."""

    required_keys: ClassVar[str] = "name, elements and targets"

    name: str = Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$")
    """Letters, digits, dot, dash and underscore."""
    description: str = ""
    """The question, in a sentence or two; the report opens with it."""
    elements: Elements
    targets: Targets
    better_than: BetterThan | None = None
    """Turn down whatever is not better than the material in use."""
    search: Search = Search()
    pool: PoolSpec | None = None
    """Crystals to choose from; without ``elements``, of any element, and nothing is made."""
    generators: tuple[GeneratorSpec, ...] = ()
    """What proposes candidates beside the sampler; their files are relative to the working
    folder."""
    rounds: int = Field(default=5, ge=1, le=MOST)
    """How often candidates are proposed, chosen and judged."""
    batch_size: int = Field(default=10, ge=1, le=MOST)
    """Oracle calls per round."""
    budget: Budget = Budget()
    model: str | None = Field(default=None, min_length=1)
    """The predictor: a folder, a shipped model's name, or an MLflow URI such as
    ``models:/galena@champion``; the shipped default if not given."""
    oracle: OracleSpec = OracleConfig()
    """What judges every batch; ``kind`` says what it is, a potential if it says nothing."""
    tiers: tuple[Tier, ...] = ()
    """Further oracles, the dearer the later."""
    backtest: Path | None = None
    """Result of ``galena backtest``: if the model decelerates there, the campaign warns."""
    known: tuple[Path, ...] = ()
    """Tables whose formulas count as known, added to the shipped list."""
    seed: int = Field(default=0, ge=0, le=LARGEST_SEED)
    """The same file with the same seed gives the same campaign."""

    @model_validator(mode="before")
    @classmethod
    def _any_element(cls, content: Any) -> Any:
        """A pool says by itself which elements there are; then nothing is made of others."""
        if not isinstance(content, dict) or not content.get("pool"):
            return content
        elements = content.get("elements") or {}
        if not isinstance(elements, dict) or "allowed" in elements:
            return content
        forbidden = elements.get("forbidden") or ()
        if not isinstance(forbidden, list | tuple):
            return content  # the field itself says what is wrong
        allowed = [symbol for symbol in SYMBOLS if symbol not in forbidden]
        search = content.get("search") or {}
        if isinstance(search, dict):
            search = {"asks": 0} | search
        return content | {"elements": elements | {"allowed": allowed}, "search": search}

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        makes = self.search.asks > 0 or self.generators
        if makes and max(self.search.n_species) > len(self.elements.allowed):
            raise ValueError(
                f"search.n_species asks for {max(self.search.n_species)} elements per "
                f"candidate but only {len(self.elements.allowed)} are allowed"
            )
        looked_at = self.search.asks + self.search.per_generator * len(self.generators)
        looked_at += 0 if self.pool is None else self.pool.per_round
        if self.batch_size > looked_at:
            raise ValueError(
                f"batch_size {self.batch_size} exceeds the {looked_at} proposals of a round "
                "(search.asks, search.per_generator, pool.per_round); a batch is chosen "
                "among them"
            )
        sought = {
            "band_gap": self.targets.band_gap.weight,
            "energy_above_hull": self.targets.energy_above_hull.weight,
        }
        answered = answers_of(self.oracle)
        for name, weight in sought.items():
            if weight > 0 and answered is not None and name not in answered:
                raise ValueError(
                    f"oracle '{self.oracle.name}' does not answer {name}, which is a target: "
                    f"let it answer, set targets.{name}.weight to 0, or make it one of tiers"
                )
        names = [spec.name for spec in self.oracles]
        for name in names:
            if names.count(name) > 1:
                raise ValueError(
                    f"two oracles are called '{name}'; give one of them another name"
                )
        return self

    @property
    def oracles(self) -> tuple[OracleSpec, ...]:
        """All of them, the first tier first."""
        return (self.oracle, *(tier.oracle for tier in self.tiers))
