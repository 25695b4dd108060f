"""What people do with audiences. The lane reads these rows and does the rest (see `building`)."""

from collections.abc import Collection
from typing import Any

from django.db import IntegrityError, transaction
from django.db.models import Max
from django.utils.text import slugify
from django.utils.translation import gettext

from activation.audiences import members, reading
from activation.audiences.models import Audience, AudienceVersion, Build, Kind, State
from activation.audiences.rules import to_json
from identity.clock import Instant
from identity.errors import DomainError, NotFound
from identity.privacy import audit
from identity.touchpoints import commands

MAX_LIVE = 200


def create(
    name: str,
    *,
    slug: str = "",
    description: str = "",
    kind: str = Kind.RULE,
    rule: Any = None,
    actor: str,
    now: Instant,
) -> Audience:
    """Make a draft. Raises BadRule, or DomainError when the short name is taken or the kind and rule do not go together."""
    audience = Audience(
        name=_named(name),
        slug=_slug(slug, name),
        description=description,
        kind=_kind(kind),
        rule=_rule(kind, rule),
        created_at=now,
        changed_at=now,
    )
    try:
        with transaction.atomic():
            audience.save(force_insert=True)
            Build.objects.create(audience=audience)
            _audit(audience, "create", {}, actor, now)
    except IntegrityError:
        raise DomainError(
            "slug_taken",
            gettext("there is an audience with the short name %(slug)r already")
            % {"slug": audience.slug},
        ) from None
    return audience


def change(
    id_: int,
    *,
    actor: str,
    now: Instant,
    name: str | None = None,
    description: str | None = None,
    rule: Any = None,
) -> Audience:
    """Change the working copy; members change when it is published. Raises NotFound, BadRule."""
    with transaction.atomic():
        audience = locked(id_)
        given = {"name": name, "description": description, "rule": rule}
        fields = [field for field, value in given.items() if value is not None]
        audience.name = _named(name) if name is not None else audience.name
        audience.description = description if description is not None else audience.description
        audience.rule = _rule(audience.kind, rule) if rule is not None else audience.rule
        audience.changed_at = now
        audience.save(update_fields=[*fields, "changed_at"])
        _audit(audience, "change", {"fields": fields}, actor, now)
    return audience


def publish(id_: int, *, actor: str, now: Instant) -> Audience:
    """Put the working copy in force as a new version (none if nothing changed and it was in force). Raises NotFound, BadRule, DomainError."""
    with transaction.atomic():
        audience = locked(id_)
        rule = _rule(audience.kind, audience.rule)
        back = audience.state != State.LIVE
        if back:
            _check_number()
        # Nobody kept the members of an audience that was archived: a version of its own has everybody looked at again.
        if back or audience.version is None or audience.version.rule != rule:
            audience.version = _new_version(audience, rule, actor, now)
        audience.state = State.LIVE
        audience.changed_at = now
        audience.save(update_fields=["version", "state", "changed_at"])
        _audit(audience, "publish", {"version": audience.version.number}, actor, now)
    return audience


def archive(id_: int, *, actor: str, now: Instant) -> Audience:
    """Take the audience out of force; the lane takes its members out. Raises NotFound."""
    with transaction.atomic():
        audience = locked(id_)
        audience.state = State.ARCHIVED
        audience.changed_at = now
        audience.save(update_fields=["state", "changed_at"])
        _audit(audience, "archive", {}, actor, now)
    return audience


def add_members(id_: int, owners: Collection[int], *, actor: str, now: Instant) -> int:
    """Ask the lane to put the people of these owner identifiers in. Return the command's row id. Raises NotFound, DomainError."""
    return _ask(members.ADD, id_, owners, actor, now)


def remove_members(id_: int, owners: Collection[int], *, actor: str, now: Instant) -> int:
    """Ask the lane to take the people of these owner identifiers out. Raises NotFound, DomainError."""
    return _ask(members.REMOVE, id_, owners, actor, now)


def _ask(kind: str, id_: int, owners: Collection[int], actor: str, now: Instant) -> int:
    with transaction.atomic():
        audience = locked(id_)
        if audience.kind != Kind.MANUAL:
            raise DomainError(
                "not_manual",
                gettext("the members of %(slug)r are set by its rule") % {"slug": audience.slug},
            )
        command = commands.enqueue(kind, {"audience": id_, "owners": sorted(owners)}, actor, now)
        _audit(audience, kind.partition(".")[2], {"members": len(owners)}, actor, now)
    return command


def locked(id_: int) -> Audience:
    """Return the audience, its row locked for the rest of the transaction. Raises NotFound."""
    try:
        return (
            Audience.objects.select_for_update(of=("self",)).select_related("version").get(pk=id_)
        )
    except Audience.DoesNotExist:
        raise NotFound(
            "no_audience", gettext("there is no audience %(id)s") % {"id": id_}
        ) from None


def _new_version(audience: Audience, rule: Any, actor: str, now: Instant) -> AudienceVersion:
    last = audience.versions.aggregate(last=Max("number"))["last"] or 0
    return AudienceVersion.objects.create(
        audience=audience, number=last + 1, rule=rule, published_at=now, published_by=actor
    )


def _check_number() -> None:
    if Audience.objects.filter(state=State.LIVE).count() >= MAX_LIVE:
        raise DomainError(
            "too_many_audiences",
            gettext("at most %(max_live)s audiences can be live") % {"max_live": MAX_LIVE},
        )


def _named(name: str) -> str:
    found = name.strip()[:200]
    if not found:
        raise DomainError("no_name", gettext("an audience needs a name"), status=422)
    return found


def _slug(slug: str, name: str) -> str:
    found = slugify(slug or name)[:100]
    if not found:
        raise DomainError(
            "bad_slug", gettext("give a short name of letters and digits"), status=422
        )
    return found


def _kind(kind: str) -> str:
    if kind not in Kind.values:
        raise DomainError(
            "bad_kind",
            gettext("kind must be one of %(values)s") % {"values": ", ".join(Kind.values)},
            status=422,
        )
    return kind


def _rule(kind: str, rule: Any) -> Any:
    """Return the rule in its one form. Raises BadRule; DomainError for a manual audience with one."""
    if kind == Kind.MANUAL:
        if rule is not None:
            raise DomainError(
                "manual_has_no_rule", gettext("a manual audience has no rule"), status=422
            )
        return None
    return to_json(reading.parse(rule))


def _audit(
    audience: Audience, verb: str, detail: dict[str, Any], actor: str, now: Instant
) -> None:
    audit.record(actor, f"audience.{verb}", f"activation.audience:{audience.pk}", detail, now)
