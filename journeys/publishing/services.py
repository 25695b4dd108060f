"""Drafts, versions and states of journeys: what people decide. Who is inside is moved by the lane, which reads these rows."""

from collections.abc import Mapping
from typing import Any

import msgspec
from django.db import transaction
from django.utils.translation import gettext

from identity.clock import Instant
from identity.errors import DomainError, NotFound
from identity.privacy import audit
from journeys.definition import Definition, Invalid, Problem, digest, document, parse
from journeys.nodes.send import SendConfig
from journeys.publishing import selectors
from journeys.publishing.models import Journey, JourneyVersion, Relocation, State
from journeys.validation import validate

LARGEST_DRAFT = 1_000_000  # bytes of JSON


class InvalidDefinition(DomainError):
    """A definition that cannot be published; `problems` name node and field."""

    status = 422

    def __init__(self, problems: list[Problem]) -> None:
        super().__init__("invalid_definition", "; ".join(map(str, problems)))
        self.problems = problems
        self.detail = {"problems": msgspec.to_builtins(problems)}


def create(name: str, draft: Any, actor: str, now: Instant) -> Journey:
    """Make a journey with a first draft, which need not be complete. Raises DomainError."""
    document = _draft(draft)
    with transaction.atomic():
        journey = Journey.objects.create(
            name=_named(name), draft=document, saved_by=actor, saved_at=now, created_at=now
        )
        _audit(journey, "create", actor, now)
    return journey


def save_draft(
    id_: int,
    draft: Any,
    *,
    actor: str,
    now: Instant,
    etag: str | None = None,
    name: str | None = None,
) -> Journey:
    """Store the working copy. `etag` is the one that the caller read; another's save in between raises DomainError (409)."""
    document = _draft(draft)
    with transaction.atomic():
        journey = _locked(id_)
        _check_etag(journey, etag)
        journey.draft = document
        journey.name = _named(name) if name is not None else journey.name
        journey.revision += 1
        journey.saved_by, journey.saved_at = actor, now
        journey.save(update_fields=["name", "draft", "revision", "saved_by", "saved_at"])
        _audit(journey, "save", actor, now, revision=journey.revision)
    return selectors.journey(id_)


def etag_of(journey: Journey) -> str:
    return f'"{journey.revision}"'


def publish(
    id_: int,
    *,
    actor: str,
    now: Instant,
    etag: str | None = None,
    migration: Mapping[str, str | None] | None = None,
    may_send_urgent: bool = False,
) -> JourneyVersion:
    """Make the draft the version that people enter. The same logic as before makes no new version.

    `migration`: node of older versions -> node of the new one to move to, None to leave. Who stands at a node that is not named
    stays in the version they are in. `may_send_urgent`: whether the actor may publish sends that go past caps and quiet hours.
    Raises InvalidDefinition, DomainError.
    """
    with transaction.atomic():
        journey = _locked(id_)
        _check_etag(journey, etag)
        definition = _valid(journey.draft)
        urgent = _urgent(definition)
        if urgent and not may_send_urgent:
            raise DomainError(
                "may_not_send_urgent",
                gettext(
                    "%(urgent)s would go past caps and quiet hours; that takes a permission of its own"
                )
                % {"urgent": ", ".join(urgent)},
                status=403,
            )
        version = _version(journey, definition, actor, now)
        if migration:
            _relocate(version, definition, migration)
        if journey.state != State.PAUSED:
            journey.state = State.LIVE
        journey.version = version
        journey.save(update_fields=["state", "version"])
        told = {"version": version.number, "migration": dict(migration or {})}
        _audit(journey, "publish", actor, now, **told, **({"urgent": urgent} if urgent else {}))
    return version


def pause(id_: int, *, actor: str, now: Instant) -> Journey:
    """Hold people where they are; nobody enters. Touchpoints that come meanwhile are remembered."""
    return _turn(id_, State.PAUSED, {State.LIVE}, actor, now)


def resume(id_: int, *, actor: str, now: Instant) -> Journey:
    """Go on after a pause; what was due meanwhile is due now."""
    return _turn(id_, State.LIVE, {State.PAUSED}, actor, now)


def drain(id_: int, *, actor: str, now: Instant) -> Journey:
    """Let nobody in; who is inside goes on to the end."""
    return _turn(id_, State.DRAINING, {State.LIVE, State.PAUSED}, actor, now)


def eject(id_: int, *, actor: str, now: Instant) -> Journey:
    """Let nobody in, and everybody out where they stand."""
    return _turn(id_, State.EJECTING, {State.LIVE, State.PAUSED, State.DRAINING}, actor, now)


def discard(id_: int, *, actor: str, now: Instant) -> None:
    """Delete a journey that never was published; what people went through is never deleted. Raises DomainError."""
    with transaction.atomic():
        journey = _locked(id_)
        if journey.version_id is not None:
            raise DomainError(
                "was_published", gettext("a journey that was published stays; stop it instead")
            )
        _audit(journey, "discard", actor, now)
        journey.delete()


def _turn(id_: int, state: State, allowed: set[State], actor: str, now: Instant) -> Journey:
    with transaction.atomic():
        journey = _locked(id_)
        if journey.state not in allowed:
            raise DomainError(
                "wrong_state",
                gettext("journey %(id)s is %(state)s; this takes %(allowed)s")
                % {"id": id_, "state": journey.state, "allowed": " or ".join(sorted(allowed))},
            )
        journey.state = state
        journey.save(update_fields=["state"])
        _audit(journey, state.value, actor, now)
    return journey


def _valid(draft: Any) -> Definition:
    try:
        definition = parse(draft)
    except Invalid as invalid:
        raise InvalidDefinition(invalid.problems) from invalid
    if problems := validate(definition, selectors.known()):
        raise InvalidDefinition(problems)
    return definition


def _urgent(definition: Definition) -> list[str]:
    """Return the send nodes whose messages go past caps and quiet hours."""
    return [
        node.id
        for node in definition.nodes.values()
        if isinstance(node.config, SendConfig) and node.config.urgent
    ]


def _version(journey: Journey, definition: Definition, actor: str, now: Instant) -> JourneyVersion:
    fingerprint = digest(definition)
    present = journey.version
    if present is not None and present.digest == fingerprint:
        return present
    return JourneyVersion.objects.create(
        journey=journey,
        number=journey.versions.count() + 1,
        definition=msgspec.json.encode(document(definition), order="deterministic").decode(),
        digest=fingerprint,
        published_at=now,
        published_by=actor,
    )


def _relocate(
    version: JourneyVersion, definition: Definition, migration: Mapping[str, str | None]
) -> None:
    """Store the migration map; the lane carries it out in slices."""
    for target in migration.values():
        if target is not None and (
            target not in definition.nodes or definition.nodes[target].kind.starts
        ):
            raise DomainError(
                "bad_migration",
                gettext("nobody can be moved to %(target)r of the new version")
                % {"target": target},
                status=422,
            )
    older = version.journey.versions.filter(in_use=True).exclude(pk=version.pk)
    Relocation.objects.bulk_create(
        Relocation(version=one, node=node, to_version=version, to_node=target or "")
        for one in older
        for node, target in migration.items()
    )


def _locked(id_: int) -> Journey:
    journey = Journey.objects.select_for_update().filter(pk=id_).first()
    if journey is None:
        raise NotFound("no_journey", gettext("there is no journey %(id)s") % {"id": id_})
    return journey


def _check_etag(journey: Journey, etag: str | None) -> None:
    if etag is not None and etag != etag_of(journey):
        raise DomainError(
            "draft_changed",
            gettext(
                "%(saved_by)s saved this journey at %(saved_at)s; read it again before you save"
            )
            % {
                "saved_by": journey.saved_by or "somebody",
                "saved_at": journey.saved_at.isoformat(),
            },
        )


def _draft(draft: Any) -> dict[str, Any]:
    """Return the draft, which need not be complete, but an object of a size that can be stored. Raises DomainError."""
    if not isinstance(draft, Mapping):
        raise DomainError("bad_draft", gettext("a draft is a JSON object"), status=422)
    if len(msgspec.json.encode(draft)) > LARGEST_DRAFT:
        raise DomainError(
            "too_large",
            gettext("a draft has at most %(largest_draft)s bytes")
            % {"largest_draft": f"{LARGEST_DRAFT:,}"},
            status=413,
        )
    return dict(draft)


def _named(name: str) -> str:
    name = name.strip()
    if not 1 <= len(name) <= 200 or "\x00" in name:  # noqa: PLR2004
        raise DomainError(
            "bad_name", gettext("a journey has a name of 1 to 200 characters"), status=422
        )
    return name


def _audit(journey: Journey, verb: str, actor: str, now: Instant, **detail: Any) -> None:
    audit.record(actor, f"journey.{verb}", f"journeys.journey:{journey.pk}", detail, now)
