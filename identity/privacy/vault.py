"""The vault: the only place that holds clear personal values, and the only door to them.

Each value is sealed with AES-256-GCM (NIST SP 800-38D) under a key of its identifier, derived from the installation's vault key,
so that the number of random nonces under one key stays far below the 2^32 that the standard allows. Identifier and field are
authenticated with it: a sealed value moved to another row does not open.
"""

import hashlib
import hmac
import os
from base64 import b64decode, b64encode
from collections.abc import Collection, Iterable
from typing import NamedTuple

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from django.conf import settings
from django.utils.translation import gettext

from identity.clock import Instant
from identity.errors import DomainError
from identity.privacy.keys import keys_at
from identity.privacy.models import VaultAccess
from identity.sql import Rows, execute, fetch

VALUE = "value"  # the field of a PII identifier that holds its own clear, normalised value
_NONCE = 12


class Entry(NamedTuple):
    """A clear value of one field of an owner identifier ("namespace:value"), and the touchpoint that said it."""

    identifier: str
    field: str
    clear: str
    at: Instant
    received_at: Instant
    touchpoint: str


def store(entries: Iterable[Entry]) -> None:
    """Seal and keep the newest value of each field, by (at, received_at, touchpoint). One statement, in the caller's transaction."""
    newest: dict[tuple[str, str], Entry] = {}
    for entry in entries:
        place = entry.identifier, entry.field
        known = newest.get(place)
        if known is None or entry[3:] > known[3:]:
            newest[place] = entry
    if not newest:
        return
    rows = Rows(
        "said",
        identifier="text",
        field="text",
        sealed="text",
        at="bigint",
        received_at="bigint",
        touchpoint="text",
    )
    key = keys_at(settings.KEYS_FILE).vault
    execute(
        "INSERT INTO identity_vaultentry (identifier, field, sealed, at, received_at, touchpoint)"
        f" SELECT identifier, field, sealed, at, received_at, touchpoint FROM {rows} WHERE true"
        " ON CONFLICT (identifier, field) DO UPDATE SET sealed = excluded.sealed,"
        " at = excluded.at, received_at = excluded.received_at, touchpoint = excluded.touchpoint"
        " WHERE (excluded.at, excluded.received_at, excluded.touchpoint) > (identity_vaultentry.at,"
        " identity_vaultentry.received_at, identity_vaultentry.touchpoint)",
        rows.of(
            (one.identifier, one.field, _seal(key, one.identifier, one.field, one.clear), *one[3:])
            for one in newest.values()
        ),
    )


def reveal(
    wanted: Collection[tuple[str, str]], *, actor: str, why: str, now: Instant
) -> dict[tuple[str, str], str]:
    """Return the clear values of these (identifier key, field); what the vault does not hold is left out.

    Each value is an entry of the access log. `actor`: "user:<row id>", "key:<prefix>", "command:<name>", "sender". `why`: a few
    words without personal data. Raises DomainError when a value does not open: the vault key is another one.
    """
    rows = Rows("wanted", identifier="text", field="text")
    found = fetch(
        f"SELECT v.identifier, v.field, v.sealed FROM {rows} JOIN identity_vaultentry AS v"
        " ON v.identifier = wanted.identifier AND v.field = wanted.field",
        rows.of(sorted(set(wanted))),
    )
    key = keys_at(settings.KEYS_FILE).vault
    clear = {(owner, field): _open(key, owner, field, sealed) for owner, field, sealed in found}
    VaultAccess.objects.bulk_create(
        VaultAccess(at=now, actor=actor, why=why[:200], identifier=owner, field=field)
        for owner, field in clear
    )
    return clear


def fields(identifiers: Collection[str]) -> list[tuple[str, str, Instant]]:
    """Return (identifier key, field, time of its value) of what the vault holds for these, without opening it."""
    rows = Rows("wanted", identifier="text")
    return fetch(
        f"SELECT v.identifier, v.field, v.at FROM {rows}"
        " JOIN identity_vaultentry AS v ON v.identifier = wanted.identifier ORDER BY 1, 2",
        rows.of((each,) for each in sorted(set(identifiers))),
    )


def _cipher(key: bytes, identifier: str) -> AESGCM:
    return AESGCM(hmac.digest(key, identifier.encode(), hashlib.sha256))


def _bound(identifier: str, field: str) -> bytes:
    return f"{identifier}\0{field}".encode()


def _seal(key: bytes, identifier: str, field: str, clear: str) -> str:
    nonce = os.urandom(_NONCE)
    sealed = _cipher(key, identifier).encrypt(nonce, clear.encode(), _bound(identifier, field))
    return b64encode(nonce + sealed).decode()


def _open(key: bytes, identifier: str, field: str, sealed: str) -> str:
    raw = b64decode(sealed)
    try:
        clear = _cipher(key, identifier).decrypt(
            raw[:_NONCE], raw[_NONCE:], _bound(identifier, field)
        )
    except InvalidTag as error:
        raise DomainError(
            "vault_sealed",
            gettext(
                "a value of the vault does not open: restore the key file that belongs to this database"
            ),
            status=500,
        ) from error
    return clear.decode()
