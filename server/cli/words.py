"""The command line's words: Chinese source text, English for an English locale."""

import locale
from functools import cache
from gettext import NullTranslations
from pathlib import Path

from babel.support import Translations

from server.errors import Refused, fill, sentence

FOLDER = Path(__file__).resolve().parents[1] / "translations"


@cache
def _catalogue() -> NullTranslations:
    language = locale.setlocale(locale.LC_CTYPE)  # as set: "C.UTF-8" is nobody's language
    return Translations.load(FOLDER, ["en"]) if language.startswith("en") else NullTranslations()


def _(text: str, **params: object) -> str:
    """A text in the terminal's language."""
    translated = _catalogue().gettext(text)
    return translated % params if params else translated


def say(refusal: Refused) -> str:
    """The sentence of a refusal."""
    return fill(_catalogue().gettext(sentence(refusal.code)), refusal.params)
