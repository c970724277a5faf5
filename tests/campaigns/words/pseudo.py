"""A language of which every message is told apart from English: in brackets."""

from __future__ import annotations

import gettext

from campaigns.words import Words


class Bracketed(gettext.NullTranslations):
    """Every message has a translation."""

    def gettext(self, message: str) -> str:
        return f"⟦{message}⟧"

    def ngettext(self, one: str, many: str, n: int) -> str:
        return f"⟦{one if n == 1 else many}⟧"


PSEUDO = Words("es", Bracketed())
