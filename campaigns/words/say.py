"""Messages and numbers in one language.

Catalogues are the ``.po`` files that translators edit, read as they are: nothing to compile,
so nothing can be out of date.
"""

from __future__ import annotations

import gettext
import io
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Literal, SupportsFloat, SupportsIndex

from campaigns.words import formats
from campaigns.words.languages import language_of

if TYPE_CHECKING:
    from campaigns.words.recorded import Recorded

CATALOGUES = Path(__file__).parent / "catalogues"


def noted(message: str) -> str:
    """The message, as it is: marks one that is said elsewhere, for extraction."""
    return message


@dataclass(frozen=True)
class Words:
    """How one language says things: ``say("{n} hits", n=3)``."""

    language: str
    catalogue: gettext.NullTranslations

    def __call__(self, message: str, /, **values: object) -> str:
        """The message in this language, its ``{placeholders}`` filled.

        Numbers are written as this language writes them; give text to have it as it is.
        """
        return self._filled(self.catalogue.gettext(message), message, values)

    def several(self, one: str, many: str, n: int, /, **values: object) -> str:
        """The message for ``n`` things, which may be used as ``{n}``."""
        said, english = self.catalogue.ngettext(one, many, n), one if n == 1 else many
        return self._filled(said, english, {"n": n} | values)

    def recorded(self, text: str) -> Recorded:
        """A text on record, in English there: what a filter, an oracle or an error said.

        What nobody knows stays English; ``.language`` of what comes back says which it is.
        """
        from campaigns.words.recorded import recorded

        return recorded(text, self)

    def source(self, text: str) -> str:
        """What decided, with its version, as a trace names it."""
        from campaigns.words.recorded import source

        return text if self.language == "en" else source(text, self)

    def name(self, identifier: str) -> str:
        """What people call a column, filter or stage: ``energy above hull``."""
        from campaigns.words.names import name_of

        return name_of(identifier, self)

    def number(self, value: float, digits: int | None = None) -> str:
        """A number as this language writes it, with a real minus sign; a dash for NaN.

        ``digits`` after the mark; without it, as many as it takes.
        """
        return formats.number(value, digits, self.language)

    def signed(self, value: float, digits: int) -> str:
        """A number with its sign, also where that is a plus."""
        return formats.signed(value, digits, self.language)

    def uncertain(self, value: float, std: float | None, digits: int = 2) -> str:
        """``1.23 ± 0.10``; the number alone where nobody knows its deviation."""
        text = self.number(value, digits)
        if std is None or std != std or text == formats.NOTHING:
            return text
        return f"{text} ± {self.number(std, digits)}"

    def figure(self, text: str) -> str:
        """A number that Python wrote, ``f"{x:.3g}"``, digit for digit as here."""
        return formats.rewritten(text, self.language)

    def percent(self, share: float, digits: int = 0) -> str:
        """``0.82`` as ``82%``, ``82 %`` or ``% 82``."""
        return formats.percent(share, digits, self.language)

    def listed(self, items: Sequence[str], joint: Literal["and", "or"] = "and") -> str:
        """``A, B and C``; empty for nothing."""
        return formats.listed(items, joint, self.language)

    def day(self, when: date | datetime) -> str:
        """A date with the month as a word."""
        return formats.day(when, self.language)

    def moment(self, when: datetime) -> str:
        """A date and the time to the minute, in the zone that ``when`` names."""
        return formats.moment(when, self.language)

    def duration(self, seconds: float) -> str:
        """``12.3 s``, ``5 min 20 s``, ``2 h 5 min`` or ``3 d 4 h``."""
        return formats.duration(seconds, self.language)

    def _filled(self, said: str, english: str, values: dict[str, object]) -> str:
        filled = {name: self._written(value) for name, value in values.items()}
        try:
            return said.format_map(filled)
        except (KeyError, IndexError, ValueError, AttributeError):
            return english.format_map(filled)  # a slip of a translator stops nobody

    def _written(self, value: object) -> object:
        """A number as text; what is none as it is."""
        if isinstance(value, bool) or not isinstance(value, SupportsFloat):
            return value
        if isinstance(value, SupportsIndex):
            return self.number(int(value))
        return self.number(float(str(value)))  # what a float32 stands for, not what it is


ENGLISH = Words("en", gettext.NullTranslations())
"""What the code itself says."""


def words(language: str | None = None) -> Words:
    """The words of a language; of the one that the environment wants if none is given.

    Raises:
        InputError: Galena does not speak it.
    """
    return _words(language_of(language))


@cache
def _words(language: str) -> Words:
    from babel.messages.pofile import PoFileError

    path = CATALOGUES / f"{language}.po"
    if language == ENGLISH.language or not path.exists():
        return Words(language, ENGLISH.catalogue)
    try:
        return Words(language, read_catalogue(path))
    except (OSError, ValueError, LookupError, PoFileError):
        return ENGLISH  # tests name the fault; a person gets the answer, if in English


def read_catalogue(path: Path) -> gettext.GNUTranslations:
    """What a ``.po`` file translates; fuzzy messages are not among it.

    Raises:
        OSError, ValueError, LookupError, babel.messages.pofile.PoFileError: it cannot be read.
    """
    from babel.messages.mofile import write_mo
    from babel.messages.pofile import read_po

    compiled = io.BytesIO()
    with path.open("rb") as stream:
        write_mo(compiled, read_po(stream, locale=path.stem, abort_invalid=True))
    compiled.seek(0)
    return gettext.GNUTranslations(compiled)
