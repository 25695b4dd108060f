"""All that is known about a person, as JSON: the tables of every floor, the graph, and the clear values of the vault."""

from collections.abc import Iterable, Iterator, Mapping
from datetime import datetime
from typing import Any

import msgspec
from django.utils.translation import gettext

from activation import holdings as activation
from identity import holdings as identity
from identity.clock import Instant, to_datetime
from identity.errors import NotFound
from identity.graph.port import GraphStore
from identity.privacy import audit, holdings, vault
from identity.profiles import assignment, rendering, selectors
from identity.profiles.models import Profile
from identity.touchpoints.models import Source
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
    found: dict[str, Any] = {
        "profile": profile.uid,
        "told_at": to_datetime(now).isoformat(),
        "identifiers": keys,
        "personal": [
            {"identifier": key, "field": field, "value": value}
            for (key, field), value in sorted(clear.items())
        ],
        "touchpoints": [rendering.touchpoint(each) for each in _touchpoints(graph, mine)],
        "links": _links(graph, mine),
        "tables": holdings.tell_all(HOLDINGS, person),
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


def _links(graph: GraphStore, mine: Iterable[Identifier]) -> list[dict[str, Any]]:
    known = set(mine)
    found = {
        (link.a, link.b, link.source): link
        for each in graph.neighbourhoods(known)
        for link in each.links
        if link.a in known or link.b in known
    }
    return [rendering.link(link) for _, link in sorted(found.items())]
