"""Interatomic potentials behind one seam: a name, a version, an ASE calculator.

Whoever has a calculator of their own needs nothing from here but :class:`Potential`; add a
function to :data:`POTENTIALS` to make it known by name to campaign files and the command
line. Weights that are not part of a package come from a file, named with their kind:
``mace:medium.model``; nothing is ever fetched.
"""

from __future__ import annotations

import contextlib
import io
from collections.abc import Callable
from dataclasses import dataclass, field
from enum import Enum
from functools import partial
from importlib.resources import as_file, files
from pathlib import Path
from typing import TYPE_CHECKING, Any

from materials.errors import InputError, MissingExtraError, did_you_mean
from materials.provenance import file_sha256

if TYPE_CHECKING:
    from ase.calculators.calculator import BaseCalculator

    from models.relaxing.batched import BatchedPotential

_CHGNET_VERSION = "0.3.0"
_CHGNET_WEIGHTS = f"pretrained/{_CHGNET_VERSION}/chgnet_0.3.0_e29f68s314m37.pth.tar"


@dataclass(frozen=True)
class Potential:
    """An energy model of atoms. Energies from equal :attr:`origin` can be compared."""

    name: str
    """``CHGNet``."""
    version: str
    """Version of the model, and of its weights where it has any: ``0.3.0+ab12cd34``."""
    calculator: BaseCalculator = field(repr=False)
    """Gives eV per cell, eV/Å and eV/Å3. It remembers the last crystal it saw, so one
    calculator serves one thread."""
    batched: Callable[[], BatchedPotential] | None = field(default=None, repr=False)
    """Makes what answers for many crystals at once; None where only the calculator does."""

    @property
    def origin(self) -> str:
        """Name and version: what to write beside an energy."""
        return f"{self.name} {self.version}"


class Trust(Enum):
    """Which weights files may be loaded."""

    TENSORS = "tensors"
    """Those that hold numbers alone and can do nothing."""
    ANY = "any"
    """Also pickles, which can run any code when they are loaded."""


def load_potential(
    name: str, *, device: str = "auto", trust: Trust = Trust.TENSORS
) -> Potential:
    """Return a potential by its name in :data:`POTENTIALS`, in any case of letters.

    ``KIND:FILE`` loads weights from a file; the kinds are those of
    :data:`models.potential_files.KINDS`. ``device`` is ``auto``, ``cpu``, ``cuda`` or another
    name torch knows; potentials without a network have no use for it. Raises
    :class:`InputError` for an unknown name, a file that cannot be read or is not trusted,
    and :class:`MissingExtraError` where a package is not installed.
    """
    kind, colon, file = name.partition(":")
    if colon:
        from models.potential_files import load_file

        return load_file(kind.lower(), Path(file), device=device, trust=trust)
    factory = POTENTIALS.get(name.lower())
    if factory is None:
        near = did_you_mean(name.lower(), POTENTIALS)
        raise InputError(
            f"no potential is called '{name}'; known are {', '.join(sorted(POTENTIALS))}."
            f"{near}"
        )
    return factory(device)


def _chgnet(device: str) -> Potential:
    """CHGNet: Deng et al., Nat. Mach. Intell. 5, 1031 (2023).

    Weights trained on MPtrj (PBE and PBE+U, with the corrections of the Materials Project,
    2020), as its package carries them.
    """
    try:
        weights = files("chgnet").joinpath(_CHGNET_WEIGHTS)
    except ModuleNotFoundError as error:
        raise MissingExtraError("chgnet", "chgnet") from error
    with as_file(weights) as path:
        return chgnet_from(path, version=_CHGNET_VERSION, device=device)


def chgnet_from(path: Path, *, version: str, device: str) -> Potential:
    """CHGNet with the weights of a file.

    The network is built here instead of by ``CHGNet.load``, which would unpickle whatever
    the file holds. Raises as :func:`load_potential`.
    """
    try:
        from chgnet.model.dynamics import CHGNetCalculator
        from chgnet.model.model import CHGNet
    except ModuleNotFoundError as error:
        raise MissingExtraError("chgnet", "chgnet") from error
    from models.plain_tensors import read_plain
    from models.relaxing.chgnet import BatchedChgnet, supports

    digest = file_sha256(path)
    state = read_plain(path)
    chosen = None if device == "auto" else device
    with contextlib.redirect_stdout(io.StringIO()):  # both announce themselves
        network = CHGNet.from_dict(state["model"], mlp_out_bias=False, version=version)
        network.eval()
        calculator = CHGNetCalculator(network, use_device=chosen, on_isolated_atoms="error")
    batched = partial(BatchedChgnet, network) if supports(network) else None
    return Potential("CHGNet", f"{version}+{digest[:8]}", calculator, batched)


def _emt(device: str) -> Potential:  # noqa: ARG001 - runs on the processor whatever is asked
    """Effective medium theory for Al, Cu, Ag, Au, Ni, Pd, Pt: quick, for tests.

    Jacobsen, Stoltze & Nørskov, Surf. Sci. 366, 394 (1996).
    """
    from ase import __version__
    from ase.calculators import emt

    make: Any = emt.EMT  # ASE's constructors carry no types
    return Potential("EMT", f"ase-{__version__}", make())


def _lennard_jones(device: str) -> Potential:  # noqa: ARG001 - as above
    """Lennard-Jones solid whose nearest neighbours sit near 2.6 Å: any element, for tests."""
    from ase import __version__
    from ase.calculators import lj

    make: Any = lj.LennardJones
    calculator = make(sigma=2.4, epsilon=0.2, rc=7.2, smooth=True)
    return Potential("Lennard-Jones", f"ase-{__version__}", calculator)


def _sevennet_0(device: str) -> Potential:
    from models.sevennet import packaged

    return packaged("SevenNet-0", device=device)


def _sevennet_l3i5(device: str) -> Potential:
    from models.sevennet import packaged

    return packaged("SevenNet-l3i5", device=device)


POTENTIALS: dict[str, Callable[[str], Potential]] = {
    "chgnet": _chgnet,
    "emt": _emt,
    "lj": _lennard_jones,
    "sevennet-0": _sevennet_0,
    "sevennet-l3i5": _sevennet_l3i5,
}
"""Name in lower case -> function of a device."""
