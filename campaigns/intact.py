"""Whatever a damaged or foreign ledger makes its readers trip over, told as what it is."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import wraps
from pathlib import Path
from typing import Concatenate, ParamSpec, Protocol, TypeVar

from pydantic import ValidationError

from campaigns.packing import LedgerError
from materials.errors import GalenaError

_TRIPPED = (
    *(ValueError, TypeError, LookupError, AttributeError, ArithmeticError),
    RecursionError,
)
"""What reading values of the wrong kind raises."""


@contextmanager
def intact(path: Path) -> Iterator[None]:
    """Raise :class:`LedgerError` naming the file where what it holds cannot be understood.

    Checksums tell damage (:meth:`campaigns.ledger.Ledger.check`); this tells ledgers that
    others wrote or edited, in which everything may be of any kind.
    """
    try:
        yield
    except GalenaError as error:
        if str(path.parent) in str(error):
            raise
        raise LedgerError(f"{path}: {error}") from error
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        where = ".".join(str(part) for part in first["loc"])
        raise LedgerError(
            f"{path}: the specification in it is of another Galena, or was edited: "
            f"{where:.100}: {first['msg']:.200}"
        ) from error
    except _TRIPPED as error:
        raise LedgerError(
            f"{path}: holds what Galena did not write ({type(error).__name__})",
            remedy="Restore it from a copy of yours, or see galena campaign repair",
        ) from error


class _OnDisk(Protocol):
    @property
    def path(self) -> Path: ...


P = ParamSpec("P")
R = TypeVar("R")
L = TypeVar("L", bound=_OnDisk)


def of_intact(read: Callable[Concatenate[L, P], R]) -> Callable[Concatenate[L, P], R]:
    """A reader of ledgers that says which one it could not understand; see :func:`intact`."""

    @wraps(read)
    def reading(ledger: L, /, *args: P.args, **kwargs: P.kwargs) -> R:
        with intact(ledger.path):
            return read(ledger, *args, **kwargs)

    return reading
