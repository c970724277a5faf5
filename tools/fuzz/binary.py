"""Mutations of binary files: bits, lengths, offsets, blocks, truncation."""

from __future__ import annotations

from random import Random

_WORDS = (b"\xff\xfe", b"\0" * 8, b"nan", b"\xc3\x28", b"PAR1", b"PK\x03\x04", b"{" * 50)
_LENGTHS = (0, 1, -1, 2**31 - 1, 2**32 - 1, 2**62, -(2**63))


def bytes_changed(data: bytes, pool: list[bytes], random: Random) -> bytes:
    """Change ``data`` in one to a few places; ``pool`` is where splices come from."""
    raw = bytearray(data)
    for _ in range(random.choice((1, 1, 1, 2, 3, 8))):
        _change(raw, pool, random)
    return bytes(raw)


def _change(raw: bytearray, pool: list[bytes], random: Random) -> None:
    place = random.randrange(len(raw) + 1)
    match random.randrange(9):
        case 0 | 1 if place < len(raw):
            raw[place] ^= 1 << random.randrange(8)
        case 2:
            raw[place : place + 1] = bytes([random.randrange(256)])
        case 3:
            del raw[place : place + random.choice((1, 2, 8, 64))]
        case 4:
            raw[place:place] = random.choice(_WORDS)
        case 5:
            width = random.choice((4, 8))
            value = random.choice(_LENGTHS) % (1 << 8 * width)
            raw[place : place + width] = value.to_bytes(width, "little")
        case 6:
            other = random.randrange(len(raw) + 1)
            raw[place : place + 16] = raw[other : other + 16]
        case 7 if random.random() < 0.3:
            del raw[place:]
        case 8 if random.random() < 0.3:
            other_file = random.choice(pool)
            raw[place:] = other_file[random.randrange(len(other_file) + 1) :]
