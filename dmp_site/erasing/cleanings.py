"""One file out of which a person is taken: by what they are known in it, and how far that is."""

import json
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from identity.privacy.models import PersonalFile
from identity.privacy.personal_files import here
from identity.profiles.exports import cleaning
from identity.profiles.exports.cleaning import Changed
from identity.profiles.exports.files import BadTarget

__all__ = ["Changed", "Cleaning", "Traits"]

SLICE = 1_000  # rows looked at between two turns of the lane, when there is little to look for
_LITTLE = 50  # traces
_TELLING = 6  # characters from which on a value is looked for inside of longer texts


class Traits:
    """By what a person is known in a file: keys of identifiers, ids of profiles, and values as people write them."""

    def __init__(
        self, keys: Collection[str], uids: Collection[str], values: Collection[str]
    ) -> None:
        self._keys, self._uids = frozenset(keys), frozenset(uids)
        self._folded = frozenset(each.casefold() for each in (*values, *keys, *uids))
        self._telling = [each for each in self._folded if len(each) >= _TELLING]

    @property
    def slice(self) -> int:
        """Return how many rows are looked at at once: the fewer, the more there is to look for."""
        return max(1, SLICE * _LITTLE // max(_LITTLE, len(self._telling)))

    def exported(self, record: Mapping[str, Any]) -> bool:
        """Tell whether a row of an export is this person's."""
        said = record.get("identifiers") or []
        identifiers = json.loads(said) if isinstance(said, str) else said
        return record.get("id") in self._uids or any(key in self._keys for key in identifiers)

    def mentioned(self, record: Mapping[str, Any]) -> bool:
        """Tell whether a row, whatever its form, mentions this person."""
        return any(self._is_theirs(text.strip().casefold()) for text in _texts(record))

    def _is_theirs(self, text: str) -> bool:
        return text in self._folded or any(value in text for value in self._telling)


@dataclass
class Cleaning:
    """A file that is being cleaned. `rows`: how many were looked at. `trouble`: what a human has to see to."""

    file: PersonalFile
    traits: Traits
    rows: int = 0
    removed: int = 0
    trouble: str = ""
    over: bool = False
    _slices: cleaning.Slices = field(init=False)

    def __post_init__(self) -> None:
        self._slices = self._clean()

    def go_on(self) -> None:
        """Look at the next rows. Raises Changed."""
        try:
            self.rows = next(self._slices)
        except StopIteration as end:
            self.removed, self.over = end.value or 0, True
        except (OSError, ValueError, BadTarget) as error:
            self.trouble = f"{self.file.path} cannot be rewritten ({type(error).__name__})"
            self.over = True

    def _clean(self) -> cleaning.Slices:
        file, path = self.file, Path(self.file.path)
        is_here = file.host == here()
        if is_here:
            cleaning.tidy(path, unfinished=file.kind == PersonalFile.Kind.EXPORT)
        if not path.exists():
            if is_here:
                self._strike_off()
            else:
                self.trouble = f"{file.host}:{file.path} is not on this host"
            return 0
        if file.kind == PersonalFile.Kind.BUNDLE:
            return self._bundle(path)
        is_export = file.kind == PersonalFile.Kind.EXPORT
        goes = self.traits.exported if is_export else self.traits.mentioned
        return (yield from cleaning.clean(path, file.format, goes, self.traits.slice))

    def _bundle(self, path: Path) -> int:
        if not self.traits.mentioned({"": path.read_text(encoding="utf-8")}):
            return 0
        path.unlink()
        self._strike_off()
        return 1

    def _strike_off(self) -> None:
        """Take the file out of the register; its row id is needed still."""
        PersonalFile.objects.filter(pk=self.file.pk).delete()


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
