"""The languages Galena speaks: English, and the catalogues of others."""

from campaigns.words.languages import LANGUAGES, language_of
from campaigns.words.say import Words, noted, words

__all__ = ["LANGUAGES", "Words", "language_of", "noted", "words"]
