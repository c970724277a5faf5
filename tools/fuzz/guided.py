"""The coverage-guided engine: libFuzzer through atheris, where there is one."""

from __future__ import annotations

import importlib.util
import resource
import sys
from collections.abc import Callable
from hashlib import sha256
from pathlib import Path
from random import Random
from types import CodeType, FunctionType, ModuleType

from tools.fuzz.group import Group

_WATCHED = (  # modules whose branches count, with all below them
    *("materials", "models", "campaigns", "yaml", "ase.db", "ase.io", "pymatgen.io"),
    *("pymatgen.core.lattice", "pymatgen.core.operations"),
)


ENGINE = "coverage"
_SEEN: set[CodeType] = set()  # a function that is watched twice counts twice


def available() -> bool:
    """Whether atheris is installed; it has wheels for some Pythons on Linux alone."""
    return importlib.util.find_spec("atheris") is not None


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
            return group.changed(bytes(data), pool, rng)[:largest]
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
    for module in [m for name, m in sys.modules.items() if _is_watched(name)]:
        _watch(module)
    resource.setrlimit(resource.RLIMIT_AS, (limit, limit))
    atheris.Setup([sys.argv[0], *options], one, custom_mutator=mutate)
    atheris.Fuzz()


def _is_watched(name: str) -> bool:
    return any(name == known or name.startswith(f"{known}.") for known in _WATCHED)


def _watch(module: ModuleType) -> None:
    """Have libFuzzer see the branches of a module's functions and methods.

    Watching modules while they are imported takes all of pymatgen and minutes.
    """
    import atheris

    for value in vars(module).values():
        for found in [value, *(vars(value).values() if isinstance(value, type) else ())]:
            function = getattr(found, "__func__", getattr(found, "fget", found))
            own = (
                isinstance(function, FunctionType)
                and function.__module__ == module.__name__
            )
            if own and function.__code__ not in _SEEN:
                atheris.instrument_func(function)
                _SEEN.add(function.__code__)
