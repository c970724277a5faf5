"""Versions of the files that Galena writes and reads again.

Every such file, or the one that stands for its folder, says the number of its format and
which Galena wrote it. A reader brings what is older up to date, one numbered step after the
other, and refuses what is newer before it has read any of it. docs/formats.md lists all.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from importlib.metadata import PackageNotFoundError, version
from typing import Any

from materials.errors import InputError

FORMAT, WRITER = "format", "galena"
"""Keys in a file's first mapping."""


class NewerFormatError(InputError):
    """A newer Galena wrote it: nothing in it may be read, replaced or begun anew."""


Step = Callable[[dict[str, Any]], dict[str, Any]]
"""Makes content of one format content of the next."""


def galena_version() -> str:
    """Galena's own, or ``not installed`` where it runs from its sources."""
    try:
        return version("galena-materials")
    except PackageNotFoundError:
        return "not installed"


@dataclass(frozen=True, kw_only=True)
class FileFormat:
    """One kind of file or folder, in the version that this Galena writes."""

    what: str
    """For messages: ``screening``."""
    version: int
    remedy: str
    """What to do about an older one that nothing brings up to date."""
    unmarked: int = 1
    """The format of those that say none: they are from before it was said."""
    steps: Mapping[int, Step] = field(default_factory=dict)
    """By the format that they start from."""

    def __post_init__(self) -> None:
        unknown = [n for n in self.steps if not 1 <= n < self.version]
        if unknown:
            raise InputError(f"{self.what}: no step can start from format {unknown[0]}")

    def stamp(self) -> dict[str, Any]:
        """What a new file says of itself."""
        return {FORMAT: self.version, WRITER: galena_version()}

    def check(self, found: object, where: object, *, writer: object = None) -> int:
        """The format that a file says it has; None where it says nothing.

        Raises:
            NewerFormatError: it is newer than this Galena.
            InputError: it is older than anything that can be brought up to date, or no
                number.
        """
        number = self.unmarked if found is None else found
        if isinstance(number, bool) or not isinstance(number, int) or number < 1:
            raise InputError(
                f"{where}: {number!r} is no format of a {self.what}, expected a number up to "
                f"{self.version}; {self.remedy}"
            )
        if number > self.version:
            by = f"galena {writer}" if isinstance(writer, str) else "a newer galena"
            raise NewerFormatError(
                f"{where}: {self.what} written by {by} (format {number}); this Galena "
                f"({galena_version()}) reads up to {self.version} and has left it as it is. "
                "Upgrade with: pip install --upgrade galena-materials"
            )
        missing = [n for n in range(number, self.version) if n not in self.steps]
        if missing:
            raise InputError(
                f"{where}: {self.what} of format {number}, which this Galena "
                f"({galena_version()}) no longer reads; {self.remedy}"
            )
        return number

    def content(self, plain: object, where: object) -> dict[str, Any]:
        """As :meth:`upgraded`, with the format, which some content has among its own keys.

        Raises as :meth:`check`, and for what is no mapping.
        """
        if not isinstance(plain, dict):
            raise InputError(
                f"{where}: expected a mapping, got {type(plain).__name__}; {self.remedy}"
            )
        return {FORMAT: self.version, **self.upgraded(plain, where)}

    def upgraded(self, content: Mapping[str, Any], where: object) -> dict[str, Any]:
        """The content as if it were written today, without format and writer.

        The file is left as it is. Raises as :meth:`check`.
        """
        plain = dict(content)
        found, writer = plain.pop(FORMAT, None), plain.pop(WRITER, None)
        for number in range(self.check(found, where, writer=writer), self.version):
            plain = self.steps[number](plain)
        return plain
