"""The peers, by name."""

from __future__ import annotations

from materials.errors import InputError, did_you_mean
from models.evaluation.speed.alignn import ALIGNN
from models.evaluation.speed.cgcnn import CGCNN
from models.evaluation.speed.chgnet import CHGNET
from models.evaluation.speed.magpie import MAGPIE
from models.evaluation.speed.matgl import M3GNET, MEGNET
from models.evaluation.speed.peer import Peer

PEERS: dict[str, Peer] = {
    peer.name: peer for peer in (CHGNET, CGCNN, ALIGNN, MEGNET, M3GNET, MAGPIE)
}


def find_peer(name: str) -> Peer:
    """Return the peer of that name; raises :class:`InputError` naming the known ones."""
    if name not in PEERS:
        raise InputError(
            f"no peer '{name}'; known are {', '.join(PEERS)}.{did_you_mean(name, PEERS)}"
        )
    return PEERS[name]
