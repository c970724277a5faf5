"""A program as an oracle: honest about every other candidate, and not about the others.

``answers.py STRUCTURE ID``; what it does in the place of an answer is ``CHAOS_DEED``. It needs
the standard library alone.
"""

import hashlib
import json
import os
import signal
import sys
import time


def number(name: str) -> float:
    """From 0 to 1, always the same for a name."""
    return int(hashlib.sha256(name.encode()).hexdigest()[:8], 16) / 2**32


def bad(name: str) -> bool:
    """Whether the oracle fails on a candidate."""
    return number(f"bad {name}") < 0.5


def honest(name: str) -> dict:
    """In eV, and eV/atom."""
    return {"band_gap": 3 * number(name), "energy_above_hull": 0.2 * number(name)}


_TEXTS = {
    "nothing": "",
    "list": "[1, 2, 3]",
    "bytes": "\x00\x01{]",
    "deep": '{"band_gap": ' + "[" * 5000 + "]" * 5000 + "}",
}


def instead(deed: str, name: str) -> str:
    """What is printed in the place of an answer, if anything is."""
    gap = honest(name)
    match deed:
        case "hang":
            time.sleep(600)
        case "hang_ignoring":
            for each in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
                signal.signal(each, signal.SIG_IGN)
            while True:
                time.sleep(1)
        case "hang_in_c":
            sum(range(10**15))  # one call, which no signal ends
        case "segfault":
            os.kill(os.getpid(), signal.SIGSEGV)
        case "killed":
            os.kill(os.getpid(), signal.SIGKILL)  # as for want of memory
        case "exit":
            sys.exit(7)
    if deed in _TEXTS:
        return _TEXTS[deed]
    changed = {
        "nan": {"band_gap": float("nan")},
        "nan_property": {"properties": {"mass": float("nan")}},
        "inf": {"band_gap": float("inf")},
        "minus_inf": {"energy_above_hull": float("-inf")},
        "text": {"band_gap": "one and a half"},
        "keys": {"gap": 1.0, "bandgap": 1.1, "Band_gap": 1.2},
        "huge_number": {"band_gap": 1e300},
        "huge_text": {"origin": "x" * 5_000_000},
        "far_off": {"energy_above_hull": -1e6},
        "other_crystal": {
            "structure": {
                "lattice": [[4, 0, 0], [0, 4, 0], [0, 0, 4]],
                "species": ["Xe"],
                "frac_coords": [[0, 0, 0]],
            }
        },
    }
    return json.dumps({**gap, **changed.get(deed, {})})


def main() -> None:
    """Answer one question."""
    name = sys.argv[2]
    if bad(name):
        print(instead(os.environ.get("CHAOS_DEED", ""), name))
    else:
        print(json.dumps(honest(name)))


if __name__ == "__main__":
    main()
