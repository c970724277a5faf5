"""Peers that misbehave in every way that is survived."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import numpy as np

from models.evaluation.speed.peer import Loaded, Peer


def fake(name: str, *, batch: int = 3) -> Peer:
    return Peer(
        name=name,
        distribution=name,
        module="numpy",
        extra=None,
        weights="none",
        answers="something, eV",
        settings="made up",
        reference="",
        batch=batch,
        loader=f"{__name__}:{name}",
    )


def volume() -> Loaded:
    """Answers with the volume, talks a lot and litters the folder it is in."""
    sys.stdout.write("loading\n")
    Path("litter.txt").touch()

    def network(crystals):
        os.write(1, b"predicting\n")  # as compiled code does
        return np.array([crystal.volume for crystal in crystals])

    return Loaded(lambda crystal: crystal, network, 7)


def no_silicon_graphs() -> Loaded:
    def graph(crystal):
        if crystal[0].specie.symbol == "Si":
            raise ValueError("silicon\nis beyond me")
        return crystal

    return Loaded(graph, volume().network, None)


def no_silicon_network() -> Loaded:
    def network(crystals):
        if any(crystal[0].specie.symbol == "Si" for crystal in crystals):
            raise KeyError("Si")
        return np.array([[crystal.volume, 1.0] for crystal in crystals])

    return Loaded(None, network, None)


def nothing() -> Loaded:
    def network(crystals):
        raise MemoryError

    return Loaded(None, network, None)


def broken() -> Loaded:
    raise ImportError("its compiler is missing")


def crashing() -> Loaded:
    os.write(2, b"cannot go on\n")
    os._exit(3)


def threads() -> Loaded:
    """Answers with the number of threads it was given, and its process."""
    import torch

    def network(crystals):
        return np.full((len(crystals), 2), [torch.get_num_threads(), os.getpid()])

    return Loaded(None, network, None)
