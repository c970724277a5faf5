"""Potentials whose weights come from a file: ``KIND:FILE``.

A kind's package is loaded when it is asked for, and never given a chance to download. Files
that hold tensors alone are loaded as such. MACE saves whole Python objects; such a file can
run any code when it is loaded, so it must be trusted in so many words.
"""

from __future__ import annotations

import contextlib
import io
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from materials.errors import GalenaError, InputError, MissingExtraError, did_you_mean
from materials.provenance import file_sha256
from materials.relaxation import one_line
from models.plain_tensors import read_plain
from models.potentials import Potential, Trust, chgnet_from

if TYPE_CHECKING:
    from ase.calculators.calculator import BaseCalculator


@dataclass(frozen=True)
class Kind:
    """Weights of one package."""

    load: Callable[[Path, str], Potential]
    """Makes a potential of a file and a device's name."""
    package: str
    """What must be installed."""
    holds_tensors: bool = True
    """Whether files hold tensors alone; others need trust."""


def load_file(kind: str, path: Path, *, device: str, trust: Trust) -> Potential:
    """Load the weights of a file; see :func:`models.potentials.load_potential`."""
    known = KINDS.get(kind)
    if known is None:
        raise InputError(
            f"'{kind}:{path}': no kind of potential is called '{kind}'; known are "
            f"{', '.join(KINDS)}.{did_you_mean(kind, KINDS)}"
        )
    if not path.is_file():
        near = [p.name for p in path.parent.iterdir()] if path.parent.is_dir() else []
        raise InputError(f"{path}: no such file.{did_you_mean(path.name, near)}")
    if not known.holds_tensors and trust is not Trust.ANY:
        raise InputError(
            f"{path}: {known.package} keeps its weights in pickles, which can run any code "
            "when they are loaded; if you know who made this file, allow it with "
            "--trust-file, or trust=Trust.ANY in Python"
        )
    try:
        return known.load(path, device)
    except ModuleNotFoundError as error:
        raise MissingExtraError(known.package, kind) from error
    except GalenaError:
        raise
    except Exception as failure:
        raise InputError(
            f"{path}: cannot be loaded as {kind}: {one_line(failure)}"
        ) from failure


def _chgnet(path: Path, device: str) -> Potential:
    return chgnet_from(path, version="file", device=device)


def _sevennet(path: Path, device: str) -> Potential:
    from models.sevennet import from_file

    return from_file(path, name="SevenNet", device=device)


def _mace(path: Path, device: str) -> Potential:
    """MACE: Batatia et al., NeurIPS 2022."""
    with _quiet():
        from mace import __version__
        from mace.calculators import MACECalculator

        calculator = MACECalculator(
            model_paths=str(path), device=_device(device), default_dtype="float64"
        )
    return _named("MACE", f"mace-torch-{__version__}", path, calculator)


def _mattersim(path: Path, device: str) -> Potential:
    """MatterSim: Yang et al., arXiv:2405.04967."""
    read_plain(path)  # refuses what is no tensor, before the package opens it
    with _quiet():
        from mattersim import __version__
        from mattersim.forcefield.potential import MatterSimCalculator

        calculator = MatterSimCalculator(
            load_path=str(path), device=_device(device), load_training_state=False
        )
    return _named("MatterSim", f"mattersim-{__version__}", path, calculator)


def _orb(architecture: str) -> Callable[[Path, str], Potential]:
    """Orb: Neumann et al., arXiv:2410.22570; Rhodes et al., arXiv:2504.06231."""

    def load(path: Path, device: str) -> Potential:
        read_plain(path)  # as for MatterSim
        with _quiet():
            from orb_models.forcefield import pretrained
            from orb_models.forcefield.calculator import ORBCalculator

            make: Any = getattr(pretrained, architecture)
            chosen = _device(device)
            network = make(weights_path=str(path), device=chosen, compile=False)
            calculator = ORBCalculator(network, device=chosen)
        return _named(architecture.replace("_", "-"), "", path, calculator)

    return load


def _named(name: str, version: str, path: Path, calculator: BaseCalculator) -> Potential:
    digest = file_sha256(path)[:8]
    return Potential(name, f"{version}+{digest}" if version else digest, calculator)


def _device(name: str) -> str:
    import torch

    if name != "auto":
        return name
    return "cuda" if torch.cuda.is_available() else "cpu"


@contextmanager
def _quiet() -> Iterator[None]:
    """Some packages have much to say when they are loaded."""
    with (
        warnings.catch_warnings(),
        contextlib.redirect_stdout(io.StringIO()),
        contextlib.redirect_stderr(io.StringIO()),
    ):
        warnings.simplefilter("ignore")
        yield


_ORB_V3 = tuple(
    f"orb-v3-{way}-{neighbours}-{data}"
    for way in ("conservative", "direct")
    for neighbours in ("20", "inf")
    for data in ("omat", "mpa")
)

KINDS: dict[str, Kind] = {
    "chgnet": Kind(_chgnet, "chgnet"),
    "sevennet": Kind(_sevennet, "sevenn"),
    "mace": Kind(_mace, "mace-torch", holds_tensors=False),
    "mattersim": Kind(_mattersim, "mattersim"),
    **{
        name: Kind(_orb(name.replace("-", "_")), "orb-models")
        for name in (*_ORB_V3, "orb-v2")
    },
}
"""Name of a kind -> how it is loaded. Orb's files do not say which network they are of."""
