"""The languages Galena speaks: English, and the catalogues of others."""

from campaigns.words.formats import NOTHING
from campaigns.words.languages import LANGUAGES, language_of
from campaigns.words.say import ENGLISH, Words, noted, words

__all__ = ["ENGLISH", "LANGUAGES", "NOTHING", "Words", "language_of", "noted", "words"]
