"""Takes a person out of the files that exports and imports wrote. See identity.privacy.personal_files for which those are."""

import json
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from identity.privacy.models import PersonalFile
from identity.privacy.personal_files import here
from identity.profiles.exports import cleaning
from identity.profiles.exports.files import BadTarget

_TELLING = 6  # characters from which on a value is looked for inside of longer texts


@dataclass(frozen=True, slots=True)
class Traits:
    """By what a person is known in a file: keys of identifiers, ids of profiles, and values as people write them."""

    keys: Collection[str]
    uids: Collection[str]
    values: Collection[str]

    def exported(self, record: Mapping[str, Any]) -> bool:
        """Tell whether a row of an export is this person's."""
        said = record.get("identifiers") or []
        identifiers = json.loads(said) if isinstance(said, str) else said
        return record.get("id") in self.uids or any(key in self.keys for key in identifiers)

    def mentioned(self, record: Mapping[str, Any]) -> bool:
        """Tell whether a row, whatever its form, mentions this person."""
        return any(self._is_theirs(text.strip().casefold()) for text in _texts(record))

    def _is_theirs(self, text: str) -> bool:
        return any(
            text == value or (len(value) >= _TELLING and value in text)
            for value in (each.casefold() for each in (*self.values, *self.keys, *self.uids))
        )


def known(after: int) -> PersonalFile | None:
    """Return the next file of the register behind this row id."""
    return PersonalFile.objects.filter(pk__gt=after).order_by("pk").first()


def clean(file: PersonalFile, traits: Traits) -> tuple[int, str]:
    """Take the person out of a file; return how many rows that were, and what a human has to see to."""
    path = Path(file.path)
    if not path.exists():
        if file.host == here():
            file.delete()
            return 0, ""
        return 0, f"{file.host}:{file.path} is not on this host"
    try:
        return _clean(path, file, traits), ""
    except (OSError, ValueError, BadTarget) as error:
        return 0, f"{file.path} cannot be rewritten ({type(error).__name__})"


def _clean(path: Path, file: PersonalFile, traits: Traits) -> int:
    if file.kind == PersonalFile.Kind.BUNDLE:
        if not traits.mentioned({"": path.read_text(encoding="utf-8")}):
            return 0
        path.unlink()
        file.delete()
        return 1
    goes = traits.exported if file.kind == PersonalFile.Kind.EXPORT else traits.mentioned
    return cleaning.clean(path, file.format, goes)


def _texts(value: Any) -> Iterator[str]:
    """Yield every scalar in a row as text."""
    if isinstance(value, Mapping):
        for each in value.values():
            yield from _texts(each)
    elif isinstance(value, list):
        for each in value:
            yield from _texts(each)
    elif value is not None:
        yield str(value)
