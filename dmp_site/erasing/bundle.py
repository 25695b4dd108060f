"""All that is known about a person, as JSON: the tables of every floor, the graph, and the clear values of the vault."""

from collections.abc import Iterable, Iterator, Mapping
from datetime import datetime
from typing import Any

import msgspec
from django.utils.translation import gettext

from activation import holdings as activation
from dmp_site.erasing import aside
from dmp_site.erasing.aside import Known
from identity import holdings as identity
from identity.clock import Instant, from_datetime, to_datetime
from identity.errors import NotFound
from identity.graph.port import GraphStore
from identity.privacy import audit, holdings, vault
from identity.profiles import assignment, rendering, selectors
from identity.profiles.models import Profile
from identity.touchpoints import inbox
from identity.touchpoints.inbox.port import ForeignInbox, InboxAway
from identity.touchpoints.models import SetAside, Source
from identity.touchpoints.types import Identifier, Touchpoint
from journeys import holdings as journeys

HOLDINGS = (*identity.THEMSELVES, *identity.HOLDINGS, *activation.HOLDINGS, *journeys.HOLDINGS)
_PAGE = 500


def of(
    profile: Profile, graph: GraphStore, *, actor: str, why: str, now: Instant
) -> dict[str, Any]:
    """Return what is known about the person of a profile. Raises NotFound.

    That is an entry of the audit log, whatever is known: the vault's access log, which names each clear value, may have none.
    """
    mine = selectors.identifiers(profile.pk)
    if not mine:
        raise NotFound("profile_gone", gettext("this profile has no identifiers any more"))
    audit.record(actor, "person.bundle", f"identity.profile:{profile.pk}", {"why": why[:200]}, now)
    keys = [each.key for each in mine]
    person = identity.subject(keys, [profile.uid, *assignment.uids_of(mine)])
    clear = vault.reveal(
        [field[:2] for field in vault.fields(keys)], actor=actor, why=why, now=now
    )
    known = Known(frozenset(keys), frozenset(_written(mine, clear)))
    found: dict[str, Any] = {
        "profile": profile.uid,
        "told_at": to_datetime(now).isoformat(),
        "identifiers": keys,
        "personal": [_personal(*place, value) for place, value in sorted(clear.items())],
        "touchpoints": [rendering.touchpoint(each) for each in _touchpoints(graph, mine)],
        "links": _links(graph, mine),
        "tables": holdings.tell_all(HOLDINGS, person),
        "set_aside": list(_set_aside(known)),
        "not_told": {"inbox": _waiting()},
    }
    return found


def encode(bundle: Mapping[str, Any]) -> bytes:
    """Return a bundle as indented JSON."""
    return msgspec.json.format(msgspec.json.encode(bundle, enc_hook=_plain), indent=1) + b"\n"


def _plain(value: Any) -> Any:
    return value.isoformat() if isinstance(value, datetime) else str(value)


def _touchpoints(graph: GraphStore, mine: Iterable[Identifier]) -> Iterator[Touchpoint]:
    """Yield what is evidence for these identifiers, whoever owns it, and then what names them and was refused as evidence."""
    known, after = set(mine), 0
    while page := graph.carrying(known, after=after, limit=_PAGE):
        yield from page
        after = page[-1].number
    for source in Source.objects.values_list("pk", flat=True):
        before: int | None = None
        while refused := graph.unowned(source, before=before, limit=_PAGE):
            yield from (one for one in refused if known.intersection(one.identifiers))
            before = refused[-1].number


def _written(mine: Iterable[Identifier], clear: Mapping[tuple[str, str], str]) -> Iterator[str]:
    """Yield the identifiers as people write them, the clear ones out of the vault."""
    for each in mine:
        yield clear.get((each.key, vault.VALUE), each.value)


def _personal(identifier: str, field: str, value: str) -> dict[str, str]:
    return {"identifier": identifier, "field": field, "value": value}


def _set_aside(known: Known) -> Iterator[dict[str, Any]]:
    """Yield their rows that failed alone or wait for a crowd's turn. Of one that cannot be read nobody knows whose its text is."""
    for row in SetAside.objects.order_by("number").iterator(chunk_size=_PAGE):
        if found := aside.theirs(row, known):
            one = found.touchpoint
            yield {
                "number": row.number,
                "received_at": rendering.time(from_datetime(row.received_at)),
                "source": row.source,
                "state": row.state,
                "error": row.error,
                "touchpoint": rendering.touchpoint(one) if one else None,
                "personal": list(_said_by(one, known)) if one else [],
            }


def _said_by(touchpoint: Touchpoint, known: Known) -> Iterator[dict[str, str]]:
    """Yield the clear values that a touchpoint says of the person, which are not in the vault yet; somebody else's are left out."""
    for identifier, value in touchpoint.pii.items():
        if identifier.key in known.keys:
            yield _personal(identifier.key, vault.VALUE, value)
    owner = touchpoint.owner
    if owner and owner.key in known.keys:
        for field, value in touchpoint.pii_fields.items():
            yield _personal(owner.key, field, value)


def _waiting() -> dict[str, int] | None:
    """Return how many rows of the inbox, whose ever, the lane has not processed: nobody looks into them before. None: it is away."""
    try:
        waiting = inbox.reader().backlog()
    except (ForeignInbox, InboxAway):
        return None
    return {"live": waiting.live, "history": waiting.history}


def _links(graph: GraphStore, mine: Iterable[Identifier]) -> list[dict[str, Any]]:
    known = set(mine)
    found = {
        (link.a, link.b, link.source): link
        for each in graph.neighbourhoods(known)
        for link in each.links
        if link.a in known or link.b in known
    }
    return [rendering.link(link) for _, link in sorted(found.items())]
