"""Messages and numbers in one language.

Catalogues are the ``.po`` files that translators edit, read as they are: nothing to compile,
so nothing can be out of date.
"""

from __future__ import annotations

import gettext
import io
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from campaigns.words.languages import language_of

CATALOGUES = Path(__file__).parent / "catalogues"


def noted(message: str) -> str:
    """The message itself, marked for those who collect what is to be translated."""
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
        return self._filled(self.catalogue.gettext(message), values)

    def several(self, one: str, many: str, n: int, /, **values: object) -> str:
        """The message for ``n`` things, which may be used as ``{n}``."""
        return self._filled(self.catalogue.ngettext(one, many, n), {"n": n} | values)

    def number(self, value: float, digits: int | None = None) -> str:
        """A number as this language writes it, with a real minus sign.

        ``digits`` after the mark; without it, as many as it takes.
        """
        from babel.numbers import format_decimal

        pattern = (
            "#,##0" + ("." + "0" * digits if digits else "") if digits is not None else None
        )
        text = format_decimal(
            value,
            format=pattern,
            locale=self.language,
            decimal_quantization=digits is not None,
        )
        return text.replace("-", "−")

    def _filled(self, text: str, values: dict[str, object]) -> str:
        return text.format_map(
            {
                name: self.number(value)
                if isinstance(value, int | float) and not isinstance(value, bool)
                else value
                for name, value in values.items()
            }
        )


def words(language: str | None = None) -> Words:
    """The words of a language; of the one that the environment wants if none is given.

    Raises:
        InputError: Galena does not speak it.
    """
    return _words(language_of(language))


@cache
def _words(language: str) -> Words:
    path = CATALOGUES / f"{language}.po"
    if not path.exists():
        return Words(language, gettext.NullTranslations())
    from babel.messages.mofile import write_mo
    from babel.messages.pofile import read_po

    compiled = io.BytesIO()
    with path.open("rb") as stream:
        write_mo(compiled, read_po(stream, locale=language))
    compiled.seek(0)
    return Words(language, gettext.GNUTranslations(compiled))
