"""What the columns of a file of records say about a person. Written as YAML or JSON, or told by their names; see docs/matching.md."""

import re
from collections.abc import Iterable, Mapping
from enum import StrEnum
from pathlib import Path

import msgspec


class BadColumns(Exception):
    """Columns that records cannot be compared by; the message says why."""


class Kind(StrEnum):
    """What a column holds, which says how two of its values are compared."""

    GIVEN_NAME = "given_name"
    FAMILY_NAME = "family_name"
    BIRTH_DATE = "birth_date"
    POSTCODE = "postcode"
    EMAIL = "email"
    PHONE = "phone"
    PLACE = "place"  # a town, a place of birth: the same or not
    TEXT = "text"  # whatever else is the same or not: an occupation


# What a column is called that nobody explained; case and what is no letter count for nothing.
_NAMES: Mapping[str, Kind] = {
    **dict.fromkeys(("firstname", "givenname", "forename", "prenom"), Kind.GIVEN_NAME),
    **dict.fromkeys(("lastname", "surname", "familyname", "nom"), Kind.FAMILY_NAME),
    **dict.fromkeys(("birthdate", "dateofbirth", "dob", "birthday"), Kind.BIRTH_DATE),
    **dict.fromkeys(("postcode", "postalcode", "zip", "zipcode", "codepostal"), Kind.POSTCODE),
    **dict.fromkeys(("email", "mail", "emailaddress"), Kind.EMAIL),
    **dict.fromkeys(("phone", "mobile", "telephone", "phonenumber"), Kind.PHONE),
    **dict.fromkeys(("city", "town", "birthplace", "ville"), Kind.PLACE),
}
_ALONE = frozenset(Kind) - {Kind.PLACE, Kind.TEXT}  # of these a file has one column each
_LEAST = 2


class _File(msgspec.Struct, forbid_unknown_fields=True):
    """The form of a file that explains columns."""

    columns: dict[str, Kind]


def load(path: Path) -> Mapping[str, Kind]:
    """Read a file that explains columns. Raises BadColumns."""
    try:
        content = path.read_bytes()
        decode = msgspec.json.decode if path.suffix == ".json" else msgspec.yaml.decode
        return checked(decode(content, type=_File).columns)
    except (OSError, msgspec.MsgspecError) as error:
        raise BadColumns(f"{path}: {error}") from error


def told_by(names: Iterable[str]) -> Mapping[str, Kind]:
    """Return the columns whose names say what they hold. Raises BadColumns."""
    plain = {name: re.sub(r"[\W\d_]", "", name).lower() for name in names}
    return checked({name: _NAMES[each] for name, each in plain.items() if each in _NAMES})


def checked(columns: Mapping[str, Kind]) -> Mapping[str, Kind]:
    """Return the columns as they are. Raises BadColumns for what tells nobody from anybody."""
    kinds = list(columns.values())
    if twice := sorted(each for each in _ALONE if kinds.count(each) > 1):
        raise BadColumns(f"more than one column is a {', '.join(twice)}: say which with --columns")
    if len(_ALONE.intersection(kinds)) < _LEAST:
        wanted = ", ".join(each.value for each in Kind if each in _ALONE)
        raise BadColumns(
            f"two columns at least must be of these, so that one is not all there is: {wanted}; say which with --columns"
        )
    return columns
