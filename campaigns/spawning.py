"""Starting Python processes that import nothing from the folder they are started in.

An interpreter that is begun with ``-c`` or ``-m``, as by ``multiprocessing``, looks for modules
in the working directory first: a ``pickle.py`` in a stranger's folder would run.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager

SAFE = "PYTHONSAFEPATH"
"""Python's own variable: nothing is put before the installed modules."""
_OURS = "GALENA_SET_SAFEPATH"


@contextmanager
def outside_folder() -> Iterator[None]:
    """Interpreters begun meanwhile do not look for modules in the working directory."""
    if os.environ.get(SAFE):
        yield
        return
    os.environ.update({SAFE: "1", _OURS: "1"})
    try:
        yield
    finally:
        for name in (SAFE, _OURS):
            os.environ.pop(name, None)


def begun() -> None:
    """Said in the new process: the scripts that it starts find modules beside them again."""
    if os.environ.pop(_OURS, None):
        os.environ.pop(SAFE, None)
