"""The coverage-guided engine: libFuzzer through atheris, where there is one."""

from __future__ import annotations

import importlib.util
import resource
import sys
from collections.abc import Callable
from contextlib import AbstractContextManager
from hashlib import sha256
from pathlib import Path
from random import Random

from tools.fuzz.group import Group

_WATCHED = (  # packages whose branches count
    *("materials", "models", "campaigns", "yaml", "ase.db", "ase.io", "pymatgen.io.cif"),
    *(
        "pymatgen.io.vasp.inputs",
        "pymatgen.io.cssr",
        "pymatgen.io.pwmat",
        "pymatgen.io.lmto",
    ),
    *("pymatgen.io.atat", "pymatgen.io.exciting"),
)


def available() -> bool:
    """Whether atheris is installed; it has wheels for some Pythons on Linux alone."""
    return importlib.util.find_spec("atheris") is not None


def watched() -> AbstractContextManager[None]:
    """Where parsers are imported so that libFuzzer sees their branches."""
    import atheris

    watching: AbstractContextManager[None] = atheris.instrument_imports(include=[*_WATCHED])
    return watching


def fuzz(
    one: Callable[[bytes], None],
    group: Group,
    corpus: Path,
    *,
    seed: int,
    count: int,
    limit: int,
) -> None:
    """Feed ``count`` inputs, new branches first; does not return.

    The corpus stays from run to run: what reached new code is where the next run starts.
    """
    import atheris

    pool = group.seeds()
    corpus.mkdir(parents=True, exist_ok=True)
    for data in pool:
        (corpus / sha256(data).hexdigest()[:20]).write_bytes(data)

    def mutate(data: bytes, largest: int, number: int) -> bytes:
        rng = Random(number)
        if rng.random() < 0.5 and data:
            return group.mutate(bytes(data), pool, rng)[:largest]
        changed: bytes = atheris.Mutate(data, largest)
        return changed

    longest = max(4 * max(len(data) for data in pool), 8192)
    options = [
        *(f"-runs={count}", f"-seed={seed % (1 << 31) + 1}", f"-max_len={longest}"),
        *(
            "-timeout=0",
            "-rss_limit_mb=0",
            "-handle_alrm=0",
            "-detect_leaks=0",
            "-verbosity=0",
        ),
        *("-print_final_stats=0", f"-artifact_prefix={corpus}-", str(corpus)),
    ]
    resource.setrlimit(resource.RLIMIT_AS, (limit, limit))
    atheris.Setup([sys.argv[0], *options], one, custom_mutator=mutate)
    atheris.Fuzz()
