"""What people decide about pressure: policies, caps of one person. The lane reads these rows at its next batch."""

from typing import Any

from django.db import IntegrityError, transaction
from django.db.models import Max
from django.utils.text import slugify
from django.utils.translation import gettext

from activation.audiences.models import Audience
from activation.pressure import caps, documents
from activation.pressure.documents import BadPolicy, PolicyDocument
from activation.pressure.models import Policy, PolicyState, PolicyVersion
from activation.pressure.types import PolicyMode
from identity.clock import Instant
from identity.errors import DomainError, NotFound
from identity.privacy import audit
from identity.touchpoints import commands

MAX_LIVE = 100


def create(name: str, document: Any, *, slug: str = "", actor: str, now: Instant) -> Policy:
    """Make a draft. Raises BadPolicy, or DomainError when the short name is taken."""
    _check(documents.read(document))
    policy = Policy(
        name=_named(name),
        slug=_slug(slug, name),
        document=document,
        created_at=now,
        changed_at=now,
    )
    try:
        with transaction.atomic():
            policy.save(force_insert=True)
            _audit(policy, "create", {}, actor, now)
    except IntegrityError:
        raise DomainError(
            "slug_taken",
            gettext("there is a policy with the short name %(slug)r already")
            % {"slug": policy.slug},
        ) from None
    return policy


def change(
    id_: int,
    *,
    name: str | None = None,
    document: Any = None,
    actor: str,
    now: Instant,
) -> Policy:
    """Change the working copy; it holds when it is published. Raises NotFound, BadPolicy."""
    with transaction.atomic():
        policy = locked(id_)
        if document is not None:
            _check(documents.read(document), of=policy)
            policy.document = document
        policy.name = _named(name) if name is not None else policy.name
        policy.changed_at = now
        policy.save(update_fields=["name", "document", "changed_at"])
        _audit(policy, "change", {}, actor, now)
    return policy


def publish(id_: int, *, actor: str, now: Instant) -> Policy:
    """Let the working copy hold from the next batch on (no new version if nothing changed). Raises NotFound, BadPolicy."""
    with transaction.atomic():
        policy = locked(id_)
        document = documents.read(policy.document)
        _check(document, of=policy)
        _check_place(policy, document)
        if Policy.objects.filter(state=PolicyState.LIVE).exclude(pk=id_).count() >= MAX_LIVE:
            raise DomainError(
                "too_many_policies",
                gettext("at most %(max_live)s policies can be live") % {"max_live": MAX_LIVE},
            )
        if policy.version is None or policy.version.document != policy.document:
            policy.version = _new_version(policy, actor, now)
        policy.state = PolicyState.LIVE
        policy.changed_at = now
        policy.save(update_fields=["version", "state", "changed_at"])
        _audit(policy, "publish", {"version": policy.version.number}, actor, now)
    return policy


def archive(id_: int, *, actor: str, now: Instant) -> Policy:
    """Take the policy out of force. Raises NotFound; DomainError while a live override names it."""
    with transaction.atomic():
        policy = locked(id_)
        if named := _live_override(id_):
            raise DomainError(
                "has_override",
                gettext("the override %(named)r is live; archive it first") % {"named": named},
            )
        policy.state = PolicyState.ARCHIVED
        policy.changed_at = now
        policy.save(update_fields=["state", "changed_at"])
        _audit(policy, "archive", {}, actor, now)
    return policy


def locked(id_: int) -> Policy:
    """Return the policy, its row locked for the rest of the transaction. Raises NotFound."""
    try:
        return Policy.objects.select_for_update(of=("self",)).select_related("version").get(pk=id_)
    except Policy.DoesNotExist:
        raise NotFound("no_policy", gettext("there is no policy %(id)s") % {"id": id_}) from None


def ask_for_cap(
    owner: int,
    channel: str,
    *,
    limit: int,
    window: Instant,
    until: Instant,
    actor: str,
    now: Instant,
) -> int:
    """Ask the lane to give one person a cap of their own; return the command's row id."""
    payload = {
        "owner": owner,
        "channel": channel,
        "limit": limit,
        "window": window,
        "until": until,
        "origin": actor,
    }
    with transaction.atomic():
        command = commands.enqueue(caps.CHANGE, payload, actor, now)
        detail = {"channel": channel, "limit": limit}
        audit.record(actor, caps.CHANGE, f"identity.identifier:{owner}", detail, now)
    return command


def _check(document: PolicyDocument, of: Policy | None = None) -> None:
    """Check what the document points at. Raises BadPolicy."""
    if (
        document.audience is not None
        and not Audience.objects.filter(pk=document.audience).exists()
    ):
        raise BadPolicy(
            gettext("audience: there is no audience %(audience)s")
            % {"audience": document.audience}
        )
    if document.base is None:
        return
    base = Policy.objects.filter(pk=document.base).first()
    if base is None or base == of:
        raise BadPolicy(
            gettext("base: there is no other policy %(base)s") % {"base": document.base}
        )
    replaced = documents.read(base.version.document if base.version else base.document)
    if replaced.mode is not PolicyMode.LIMIT:
        raise BadPolicy(gettext("base: an override replaces a limit, not another override"))
    if replaced.unit is not document.unit:
        raise BadPolicy(
            gettext("unit: %(value)s, as the policy that it replaces")
            % {"value": replaced.unit.value}
        )


def _check_place(policy: Policy, document: PolicyDocument) -> None:
    """Check the policy against those that are live: an override reads its limit in the unit of its base, and needs one."""
    if document.base is not None:
        if not Policy.objects.filter(pk=document.base, state=PolicyState.LIVE).exists():
            raise BadPolicy(
                gettext("base: policy %(base)s is not live; publish it first")
                % {"base": document.base}
            )
        return
    before = documents.read(policy.version.document) if policy.version else document
    if (before.unit, before.mode) != (document.unit, document.mode) and (
        named := _live_override(policy.pk)
    ):
        raise DomainError(
            "has_override",
            gettext(
                "the override %(named)r is live and reads its limit in %(value)s; archive it first"
            )
            % {"named": named, "value": before.unit.value},
        )


def _live_override(base: int) -> str | None:
    """Return the short name of a live override of this policy, if there is one."""
    overrides = Policy.objects.filter(state=PolicyState.LIVE, version__document__base=base)
    return overrides.values_list("slug", flat=True).first()


def _new_version(policy: Policy, actor: str, now: Instant) -> PolicyVersion:
    last = policy.versions.aggregate(last=Max("number"))["last"] or 0
    return PolicyVersion.objects.create(
        policy=policy,
        number=last + 1,
        document=policy.document,
        published_at=now,
        published_by=actor,
    )


def _named(name: str) -> str:
    found = name.strip()[:200]
    if not found:
        raise DomainError("no_name", gettext("a policy needs a name"), status=422)
    return found


def _slug(slug: str, name: str) -> str:
    found = slugify(slug or name)[:100]
    if not found:
        raise DomainError(
            "bad_slug", gettext("give a short name of letters and digits"), status=422
        )
    return found


def _audit(policy: Policy, verb: str, detail: dict[str, Any], actor: str, now: Instant) -> None:
    audit.record(actor, f"policy.{verb}", f"activation.policy:{policy.pk}", detail, now)
