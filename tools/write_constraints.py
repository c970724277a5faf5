"""Print constraints.txt: every package of the environment this script runs in.

Run through ``make constraints``, which installs the newest versions that fit into a fresh
environment first. Left out are Galena itself, the installers, and the packages that come with
a CUDA build of torch, so that one file serves machines with and without a GPU.
"""

from __future__ import annotations

import re
from importlib.metadata import distributions
from pathlib import Path

HEADER = """\
# Every package of a full environment (pip install -e '.[dev]'), exactly as tested.
# Refresh with: make constraints   (then run make licences lint test demo)
# make installs the same versions by hash, from tools/locks; after a change here: make locks
# Install by hand with: pip install -c constraints.txt -e .
# CUDA libraries are not listed: torch brings those of its own build.
"""
LEFT_OUT = re.compile(
    r"galena-materials|pip|setuptools|wheel|triton|nvidia-.*-cu\d+|cuda-.*"
)

KEPT = ("gpaw", "gpaw-data")
"""Compiled on their own, by tools/install-gpaw.sh; their pins stay as they are."""
CONSTRAINTS = Path(__file__).parents[1] / "constraints.txt"


def pins() -> list[str]:
    """Return ``name==version`` lines in order, without local tags such as ``+cpu``."""
    earlier = (line.partition("==") for line in CONSTRAINTS.read_text().splitlines())
    found = {name: version for name, _, version in earlier if name in KEPT}
    for distribution in distributions():
        name = re.sub(r"[-_.]+", "-", distribution.metadata["Name"]).lower()
        if not LEFT_OUT.fullmatch(name):
            found[name] = distribution.version.partition("+")[0]
    return [f"{name}=={version}" for name, version in sorted(found.items())]


if __name__ == "__main__":
    print(HEADER + "\n".join(pins()))
