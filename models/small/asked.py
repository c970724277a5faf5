"""What the parts of a model from a small table want to know of crystals, and what they say."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

from materials.errors import InputError
from models.evaluation.magpie import magpie_features
from models.graphs.build import CrystalArrays
from models.graphs.store import GraphStore
from models.nets import CrystalNet
from models.small.examples import FloatArray, IntArray
from models.small.features import features
from models.small.folder import Parts, SmallManifest, SmallTarget
from models.small.network import answers, networks
from models.training.config import TrainConfig

_CHUNK = 256  # crystals held as graphs at a time


@dataclass(frozen=True)
class Ready:
    """A model with its networks built."""

    manifest: SmallManifest
    parts: Parts
    members: tuple[CrystalNet, ...]  # fine-tuned
    trunk: tuple[CrystalNet, ...]  # frozen: one or none

    @classmethod
    def build(cls, manifest: SmallManifest, parts: Parts) -> Ready:
        """Build the networks; raises :class:`InputError` for weights of other networks."""
        trunk = () if parts.trunk is None else (parts.trunk,)
        return cls(
            manifest,
            parts,
            _nets(manifest.network, parts.members),
            _nets(manifest.trunk, trunk),
        )


class Asked:
    """What parts want to know of some crystals, each found when first wanted."""

    def __init__(
        self,
        ready: Ready,
        counts: IntArray,
        crystals: tuple[CrystalArrays, ...] | None,
    ) -> None:
        self.counts = counts  # (n, 119)
        self._ready, self._crystals = ready, crystals

    @cached_property
    def magpie(self) -> NDArray[np.float32]:
        """``(n, 132)``."""
        return magpie_features(self.counts)

    @cached_property
    def features(self) -> NDArray[np.float32]:
        """What trees look at, ``(n, d)``."""
        whole = self._ready.manifest.inputs == "structure"
        return features(self.counts, self._crystals) if whole else self.magpie

    @cached_property
    def tuned(self) -> tuple[FloatArray, FloatArray, NDArray[np.float32]]:
        """What the fine-tuned networks say: mean, spread, states."""
        return self._networks(self._ready.manifest.network, self._ready.members)

    @cached_property
    def states(self) -> NDArray[np.float32]:
        """The frozen network's states, ``(n, width)``."""
        return self._networks(self._ready.manifest.trunk, self._ready.trunk)[2]

    @property
    def embedding(self) -> NDArray[np.float32]:
        """States of a network if there is one, or else standardised Magpie features."""
        if self._ready.members:
            return self.tuned[2]
        if self._ready.trunk:
            return self.states
        domain = self._ready.parts.domain
        return np.asarray((self.magpie - domain.centre) / domain.scale, dtype=np.float32)

    def target(
        self, name: str, target: SmallTarget, column: int
    ) -> tuple[FloatArray, FloatArray]:
        """Mean and spread of one target, ``(n,)`` each."""
        parts = self._ready.parts
        if target.method == "frozen":
            return parts.heads[name].predict(self.states)
        if target.method == "boosted":
            return parts.trees[name].predict(self.features)
        mean, spread, _ = self.tuned
        return mean[:, column], spread[:, column]

    def _networks(
        self, config: TrainConfig | None, nets: Sequence[CrystalNet]
    ) -> tuple[FloatArray, FloatArray, NDArray[np.float32]]:
        if config is None or self._crystals is None:
            raise InputError("a network was to be asked, but there is none or no structure")
        parts = [
            answers(nets, config, GraphStore.build(chunk, config.net.graph))
            for chunk in _chunks(self._crystals)
        ]
        mean, spread, states = (
            np.concatenate(column) for column in zip(*parts, strict=True)
        )
        return mean, spread, states


def _nets(
    config: TrainConfig | None, states: Sequence[Mapping[str, Tensor]]
) -> tuple[CrystalNet, ...]:
    if config is None:
        return ()
    try:
        return tuple(networks(config, states))
    except RuntimeError as error:
        raise InputError(
            f"weights and config are of different networks: {error}"
        ) from error


def _chunks(
    crystals: tuple[CrystalArrays, ...],
) -> list[tuple[CrystalArrays, ...]]:
    return [crystals[start : start + _CHUNK] for start in range(0, len(crystals), _CHUNK)]
