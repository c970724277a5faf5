"""SevenNet: Park et al., J. Chem. Theory Comput. 20, 4857 (2024); many crystals at once.

The package ``sevenn`` carries the weights of SevenNet-0 (11 July 2024) and SevenNet-l3i5,
both trained on MPtrj, with the energies of the Materials Project. Their files are loaded
without running what a pickle might hold: only tensors, plain values and NumPy arrays.
"""

from __future__ import annotations

import contextlib
import io
import warnings
from functools import partial
from importlib import import_module
from pathlib import Path
from typing import Any

import numpy as np

from materials.errors import InputError, MissingExtraError
from materials.flat import FlatCrystals
from materials.provenance import file_sha256
from materials.soundness import IntArray
from models.plain_tensors import read_plain
from models.potentials import Potential
from models.relaxing.batched import Answers, spread
from models.relaxing.pairs import find_pairs, pairs_expected

_EXTRA = ("sevenn", "sevennet")
_FILES = {"SevenNet-0": "SEVENNET_0_11Jul2024", "SevenNet-l3i5": "SEVENNET_l3i5"}
_BUDGET_CPU = 1_000  # pairs; more take gigabytes and are no quicker on a processor
_BUDGET_GPU = 100_000


def packaged(name: str, *, device: str) -> Potential:
    """The weights of this name in the package.

    Raises :class:`MissingExtraError` where it is not installed.
    """
    try:
        from sevenn import _const
    except ModuleNotFoundError as error:
        raise MissingExtraError(*_EXTRA) from error
    return from_file(Path(getattr(_const, _FILES[name])), name=name, device=device)


def from_file(path: Path, *, name: str, device: str) -> Potential:
    """SevenNet with the weights of a checkpoint.

    Raises :class:`InputError` for a file that holds anything but numbers, and
    :class:`MissingExtraError` where ``sevenn`` is not installed.
    """
    try:
        from sevenn import __version__
        from sevenn.calculator import SevenNetCalculator
    except ModuleNotFoundError as error:
        raise MissingExtraError(*_EXTRA) from error
    digest = file_sha256(path)
    with warnings.catch_warnings(), contextlib.redirect_stdout(io.StringIO()):
        warnings.simplefilter("ignore")  # about accelerators that are not there
        network = _network(path)
        for parameter in network.parameters():
            parameter.requires_grad_(False)
        calculator = SevenNetCalculator(network, "model_instance", device)
    return Potential(
        name,
        f"sevenn-{__version__}+{digest[:8]}",
        calculator,
        partial(BatchedSevenNet, calculator),
    )


def _network(path: Path) -> Any:
    """Build the network of a checkpoint, which is loaded without unpickling."""
    checkpoint: Any = import_module("sevenn.checkpoint")  # in parts without types
    rebuild: Any = np.zeros(0).__reduce__()[0]
    allowed: list[Any] = [
        (rebuild, "numpy.core.multiarray._reconstruct"),
        np.ndarray,
        np.dtype,
        *(type(np.dtype(kind)) for kind in ("f4", "f8", "i4", "i8")),
    ]

    class Checkpoint(checkpoint.SevenNetCheckpoint):  # type: ignore[misc]
        """Reads its file with the loader above."""

        def _load(self) -> None:
            content = read_plain(Path(self.checkpoint_path), allowed)
            self._config_original = content["config"]
            self._model_state_dict = content["model_state_dict"]
            self._config = checkpoint._config_cp_routine(content["config"])
            self._loaded = True

    try:
        return Checkpoint(path).build_model()
    except (OSError, LookupError, ValueError, RuntimeError, TypeError) as error:
        raise InputError(f"{path}: is no SevenNet checkpoint: {error}") from error


class BatchedSevenNet:
    """The batched form of a ``SevenNetCalculator``, whose network it shares."""

    def __init__(self, calculator: Any) -> None:
        self._network = calculator.model
        self._known = set(calculator.type_map)
        self._cutoff = float(calculator.cutoff)
        self.device = calculator.device
        self.budget = _BUDGET_CPU if self.device.type == "cpu" else _BUDGET_GPU

    def costs(self, crystals: FlatCrystals) -> IntArray:
        """Pairs within the cutoff, estimated from the density, ``(n,)``."""
        return pairs_expected(crystals, self._cutoff)

    def __call__(self, crystals: FlatCrystals) -> Answers:
        """Ask the network once; crystals with elements it does not know have faults."""
        faults = self._faults(crystals)
        if faults:
            kept = np.array([row not in faults for row in range(len(crystals))])
            return spread(self(crystals.select(kept)), crystals, kept, faults)
        if not len(crystals):
            return Answers(np.empty(0), np.empty((0, 3)), np.empty((0, 3, 3)))
        data = self._data(crystals)
        self._network.set_is_batch_data(True)
        try:
            told = self._network(data)
        finally:
            self._network.set_is_batch_data(False)  # as its calculator needs it
        energy, forces, stress = (
            told[name].detach().double().cpu().numpy()
            for name in (
                "inferred_total_energy",
                "inferred_force",
                "inferred_stress",
            )
        )
        xx, yy, zz, xy, yz, zx = -stress.T
        full = np.array([[xx, xy, zx], [xy, yy, yz], [zx, yz, zz]]).transpose(2, 0, 1)
        return Answers(energy.reshape(-1), forces, full)

    def _faults(self, crystals: FlatCrystals) -> dict[int, str]:
        owner = np.repeat(np.arange(len(crystals)), crystals.n_sites)
        return {
            int(owner[atom]): f"SevenNet does not know the element {number}"
            for atom, number in enumerate(crystals.atomic_numbers.tolist())
            if number not in self._known
        }

    def _data(self, crystals: FlatCrystals) -> dict[str, Any]:
        import torch

        pairs = find_pairs(crystals, self._cutoff)
        owner = np.repeat(np.arange(len(crystals)), crystals.n_sites)
        volume = np.abs(np.linalg.det(crystals.lattice))
        source = np.concatenate([pairs.second, pairs.first])
        target = np.concatenate([pairs.first, pairs.second])
        vector = np.concatenate([pairs.vector, -pairs.vector])
        order = np.argsort(target, kind="stable")  # sums then run through memory in order
        arrays = {
            "atomic_numbers": crystals.atomic_numbers,
            "x": crystals.atomic_numbers,
            "edge_index": np.stack([source[order], target[order]]),
            "edge_vec": vector[order].astype(np.float32),
            "cell_volume": volume.astype(np.float32),
            "num_atoms": crystals.n_sites,
            "batch": owner,
        }
        return {
            name: torch.from_numpy(np.ascontiguousarray(array)).to(self.device)
            for name, array in arrays.items()
        }
