"""Texts for people in modules that import no framework: as they are written, until whoever starts the program plugs a translator in."""

from collections.abc import Callable

_translators: list[Callable[[str], str]] = []


def translate_with(translator: Callable[[str], str]) -> None:
    """From now on let this function say texts in the reader's language."""
    _translators[:] = [translator]


def gettext(text: str) -> str:
    """Return the text in the reader's language; `makemessages` collects what is given to it."""
    return _translators[0](text) if _translators else text
