"""Element swaps that keep a known crystal's charges balanced, as chemists have long done.

Three kinds, each changing as little as can be:

* one element for another of the same charge: GaAs, InAs;
* two elements at once whose charges change by as much up as down: SrTiO3, LaAlO3;
* one element split in two on its own sites, ordered: 2 In for Zn and Sn, InP to ZnSnP2
  (cross-substitution: Goodman, J. Phys. Chem. Solids 6, 305 (1958),
  doi:10.1016/0022-3697(58)90050-7; Pamplin, J. Phys. Chem. Solids 25, 675 (1964),
  doi:10.1016/0022-3697(64)90176-3).

Within a chemical system they are ranked by how likely the ions are to stand for each other.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from enum import Enum
from functools import lru_cache
from itertools import combinations, permutations

from materials.candidates.exchange import exchanged, rescaled
from materials.candidates.ions import IonicCrystal, exchange_score, ionic_crystals
from materials.candidates.orderings import Ordering, orderings, shared_formula
from materials.candidates.protocol import Generated, candidate_name
from materials.candidates.structure_types import Occupant, StructureType
from materials.candidates.systems import Scope, System, stream_rankings
from materials.errors import InputError
from materials.known import reduced_formula

_RANKINGS_KEPT, _ORDERINGS_KEPT = 64, 4096
_RATIOS = ((1, 1), (1, 2), (2, 1), (1, 3), (3, 1))
_LESS_EVEN = 1.0  # what each further ordering is less likely by, as a logarithm


class SwapKind(Enum):
    """What is swapped; see the module."""

    ONE = "one"
    TWO = "two"
    SPLIT = "split"


@dataclass(frozen=True, kw_only=True)
class SwapSettings:
    """Which swaps are made."""

    kinds: tuple[SwapKind, ...] = tuple(SwapKind)
    max_sites: int = 16
    """Atoms in the cell of a split crystal."""
    orderings: int = 4
    """Of a split crystal, so many, the evenest first."""

    def __post_init__(self) -> None:
        if not self.kinds or len(set(self.kinds)) < len(self.kinds):
            raise InputError(f"kinds are different swaps, at least one; got {self.kinds}")
        for name in ("max_sites", "orderings"):
            if getattr(self, name) < 1:
                raise InputError(f"{name} is at least 1, got {getattr(self, name)}")


@dataclass(frozen=True)
class Swap:
    """One way to change a known crystal."""

    parent: Occupant
    old: tuple[str, ...]
    """The elements that go."""
    new: tuple[str, ...]
    """Those that come: one each, or two for one."""
    ratio: tuple[int, int] | None = None
    """Of the two that share one sublattice."""
    ordering: int = 0
    """Which of the ways to share it, the evenest first."""

    def describe(self) -> str:
        """``In>Zn+Sn 1:1 #0``."""
        if self.ratio is None:
            return " ".join(f"{a}>{b}" for a, b in zip(self.old, self.new, strict=True))
        ratio = ":".join(map(str, self.ratio))
        return f"{self.old[0]}>{'+'.join(self.new)} {ratio} #{self.ordering}"


Scored = tuple[tuple[object, ...], float, Swap]
"""What equal results share, log probability, swap."""


class SwapGenerator:
    """Swaps in the occupants of structure types, system by system, ranked."""

    name = "swaps"

    def __init__(
        self,
        types: Sequence[StructureType],
        scope: Scope,
        settings: SwapSettings | None = None,
    ) -> None:
        """Known crystals whose charges cannot balance are left out.

        Raises :class:`InputError` if none is left.
        """
        self._scope = scope
        self._settings = settings or SwapSettings()
        counts = {k - fewer for k in scope.n_species for fewer in (0, 1)}
        self._parents = ionic_crystals(types, sorted(counts))
        if not self._parents:
            raise InputError(
                "no known crystal has charges that balance: there is nothing to swap in"
            )
        self._containing = _by_part(self._parents)
        self._known = {parent.target(parent.occupant.elements) for parent in self._parents}
        self._rank = lru_cache(_RANKINGS_KEPT)(self._ranked)
        self._share = lru_cache(_ORDERINGS_KEPT)(self._shared)
        self._crystals = {parent.occupant.crystal_id: parent for parent in self._parents}

    def stream(self, first: int = 0) -> Iterator[Generated]:
        """Yield candidates from number ``first`` on, the best of each system first."""
        return stream_rankings(self._scope, self._rank, first)

    def ranking(self, system: System) -> SwapRanking:
        """What can be made of one chemical system."""
        return self._rank(system)

    def _ranked(self, system: System) -> SwapRanking:
        best: dict[tuple[object, ...], tuple[float, Swap]] = {}
        for kind in self._settings.kinds:
            for target, score, swap in self._swaps(system, kind):
                if target not in best or best[target][0] < score:
                    best[target] = (score, swap)
        rows = sorted(
            best.values(),
            key=lambda row: (-row[0], row[1].parent.crystal_id, row[1].describe()),
        )
        return SwapRanking(tuple(swap for _, swap in rows), self._share)

    def _swaps(self, system: System, kind: SwapKind) -> Iterator[Scored]:
        if kind is SwapKind.SPLIT:
            return self._splits(system)
        return self._exchanges(system, 1 if kind is SwapKind.ONE else 2)

    def _exchanges(self, system: System, n: int) -> Iterator[Scored]:
        """Swaps of ``n`` elements for as many that the crystal does not have."""
        for new in combinations(system, n):
            kept = frozenset(system) - set(new)
            for parent in self._containing.get((len(system), kept), ()):
                elements = parent.occupant.elements
                gone = [i for i, symbol in enumerate(elements) if symbol not in kept]
                if any(elements[i] in system for i in gone):
                    continue
                old = [parent.ions[i] for i in gone]
                amounts = [parent.amounts[i] for i in gone]
                for order in permutations(new):
                    score = exchange_score(old, amounts, order)
                    on = dict(zip(gone, order, strict=True))
                    target = parent.target([on.get(i, e) for i, e in enumerate(elements)])
                    if score is not None and target not in self._known:
                        swap = Swap(
                            parent.occupant, tuple(elements[i] for i in gone), order
                        )
                        yield target, score, swap

    def _splits(self, system: System) -> Iterator[Scored]:
        """Crystals of one element less, one of whose elements is split in two.

        Of the crystals of one type the likeliest alone is ordered, which takes its time.
        """
        best: dict[tuple[object, ...], tuple[float, Swap]] = {}
        for new in combinations(system, 2):
            kept = frozenset(system) - set(new)
            for parent in self._containing.get((len(system) - 1, kept), ()):
                for target, score, swap in _split(parent, kept, new):
                    if target not in best or best[target][0] < score:
                        best[target] = (score, swap)
        for target, (score, swap) in best.items():
            if swap.old[0] in system or swap.ratio is None:
                continue
            ways = self._share(swap.parent.crystal_id, swap.old[0], swap.ratio)
            for number in range(len(ways)):
                one = replace(swap, ordering=number)
                yield (*target, number), score - _LESS_EVEN * number, one

    def _shared(
        self, crystal_id: str, element: str, ratio: tuple[int, int]
    ) -> tuple[Ordering, ...]:
        """The best orderings of two elements on one sublattice of a known crystal."""
        structure = self._crystals[crystal_id].occupant.structure()
        settings = self._settings
        found = orderings(
            structure,
            element,
            numbers=ratio,
            max_sites=settings.max_sites,
            enough=settings.orderings,
        )
        return tuple(found)


@dataclass(frozen=True)
class SwapRanking:
    """Places are swaps."""

    swaps: tuple[Swap, ...]
    share: Callable[[str, str, tuple[int, int]], tuple[Ordering, ...]]
    """Orderings by crystal, element that goes, and ratio."""

    def __len__(self) -> int:
        return len(self.swaps)

    def formula(self, place: int) -> str:
        """Reduced formula of one candidate."""
        swap = self.swaps[place]
        elements = swap.parent.elements
        if swap.ratio is None:
            on = dict(zip(swap.old, swap.new, strict=True))
            return swap.parent.formula_with([on.get(e, e) for e in elements])
        counts = swap.parent.composition()
        return shared_formula(counts, swap.old[0], swap.new, swap.ratio)

    def make(self, place: int) -> Generated:
        """Swap the elements and scale the cell."""
        swap = self.swaps[place]
        if swap.ratio is None:
            crystal = exchanged(swap.parent, dict(zip(swap.old, swap.new, strict=True)))
        else:
            known = swap.parent
            way = self.share(known.crystal_id, swap.old[0], swap.ratio)[swap.ordering]
            crystal = rescaled(way.filled(swap.new[0], swap.new[1]), known.structure())
        formula = reduced_formula(crystal)
        return Generated(
            name=candidate_name(formula, "swaps", swap.parent.crystal_id, swap.describe()),
            formula=formula,
            structure=crystal,
            generator="swaps",
            parent=swap.parent.crystal_id,
        )


def _split(
    parent: IonicCrystal, kept: frozenset[str], new: tuple[str, str]
) -> Iterator[Scored]:
    """Split the one element that is not kept, in every ratio that keeps the charge."""
    elements = parent.occupant.elements
    (gone,) = (i for i, symbol in enumerate(elements) if symbol not in kept)
    marked = tuple("" if i == gone else symbol for i, symbol in enumerate(elements))
    ion = parent.ions[gone]
    for ratio in _RATIOS:
        score = exchange_score([ion, ion], ratio, new)
        if score is not None:
            target = (*parent.target(marked), new, ratio)
            yield target, score, Swap(parent.occupant, (elements[gone],), new, ratio)


def _by_part(
    parents: Sequence[IonicCrystal],
) -> dict[tuple[int, frozenset[str]], list[IonicCrystal]]:
    """Crystals by number of elements and each choice of all of them but one or two."""
    found: defaultdict[tuple[int, frozenset[str]], list[IonicCrystal]] = defaultdict(list)
    for parent in parents:
        elements = parent.occupant.elements
        for kept in range(max(len(elements) - 2, 0), len(elements)):
            for part in combinations(elements, kept):
                found[len(elements), frozenset(part)].append(parent)
    return dict(found)
