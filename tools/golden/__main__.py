"""``python -m tools.golden``: keep golden numbers, or compare today's with them."""

from __future__ import annotations

import argparse
import sys

from tools.golden.crystals import CRYSTALS, write_crystals
from tools.golden.numbers import Sheet, differences, largest, sheets


def main() -> int:
    """Do what the command line says; 1 if numbers are not what they were."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument(
        "what", choices=["crystals", "keep", "check", "rounding", "mutations"]
    )
    parser.add_argument(
        "only", nargs="*", help="names of golden files, all if none is given"
    )
    parser.add_argument("--device", default="cpu", choices=["cpu", "cuda"])
    given = parser.parse_args()
    if given.what == "crystals":
        print(f"{write_crystals()} crystals: {CRYSTALS}")
        return 0
    if given.what == "rounding":
        from tools.golden.rounding import rounding

        for model, change, most in rounding():
            print(f"{model:14} {change:32} {most:.1e}", flush=True)
        return 0
    if given.what == "mutations":
        from tools.golden.rounding import mutations

        for name in given.only or ["fast"]:
            for change, wrong, most in mutations(name):
                print(f"{name:14} {change:60} {wrong:5} wrong, {most:.1e}", flush=True)
        return 0
    wrong = 0
    for path, make, tolerance in sheets(given.device):
        if given.only and path.stem not in given.only:
            continue
        if given.what == "keep":
            make().save(path)
            print(f"kept: {path.name}")
            continue
        kept, found = Sheet.read(path), make()
        lines = differences(kept, found, tolerance)
        wrong += len(lines)
        column, most = max(largest(kept, found).items(), key=lambda pair: pair[1])
        print(
            f"{path.stem}: {len(kept.rows)} crystals, {len(lines)} differences beyond "
            f"{tolerance:g}; the largest is {most:.1e} ({column})"
        )
        for line in lines[:10]:
            print(f"  {line}")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
