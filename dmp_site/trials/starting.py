"""Starting dry runs, and showing what they found, on the page of a version and to the API."""

from collections.abc import Mapping
from typing import Any

from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString
from django.utils.translation import gettext as _

from dmp_site import jobs
from dmp_site.models import Job
from dmp_site.trials import KIND
from identity.clock import Instant
from identity.graph import policies
from identity.graph.models import IdentityPolicy
from identity.profiles.policies import services, trial


def start(*, actor: str, now: Instant, policy: IdentityPolicy | None = None) -> Job:
    """Start a dry run of a version, else of the draft. Raises NotFound, BadPolicy."""
    chosen = policy or services.drafted()
    trial.read(chosen.document, policies.current())
    return jobs.start(KIND, {"document": chosen.document}, actor, now)


class Shown:
    """What the page of a version is lent."""

    @staticmethod
    def start(policy: IdentityPolicy, *, actor: str, now: Instant) -> int:
        return start(actor=actor, now=now, policy=policy).pk

    @staticmethod
    def shown(policy: IdentityPolicy) -> str:
        """Return the newest dry run of this document as HTML."""
        job = (
            Job.objects.filter(kind=KIND, payload={"document": policy.document})
            .order_by("-pk")
            .first()
        )
        if job is None:
            return "-"
        found = job.checkpoint.get("found", {})
        head = format_html("{}: {}", _("Job %(job)s") % {"job": job.pk}, job.get_state_display())
        if job.state != Job.State.DONE:  # the total is a guess made at the start
            head += format_html(" {:,} / {}", job.processed, job.total or "?")
        table = format_html('<table class="sums">{}</table>', _rows(told(found)))
        return format_html("{}{}{}", head, table, _examples(found.get("examples", [])))


def _labels() -> list[tuple[str, str]]:
    return [
        ("profiles_before", _("profiles before")),
        ("profiles_after", _("profiles after")),
        ("merged", _("merged")),
        ("split", _("split")),
        ("renamed", _("get another id")),
        ("moved", _("identifiers that move")),
        ("largest_before", _("largest before")),
        ("largest_after", _("largest after")),
        ("hubs_made", _("new hubs")),
        ("hubs_released", _("released hubs")),
        ("memberships", _("memberships affected")),
        ("enrolments", _("enrolments affected")),
    ]


def _rows(rows: list[tuple[str, int]]) -> SafeString:
    return format_html_join("", "<tr><th>{}</th><td>{}</td></tr>", rows)


def _examples(examples: list[dict[str, list[list[str]]]]) -> SafeString:
    return format_html_join(
        "",
        "<p>{} → {}</p>",
        ((one_line(one["before"]), one_line(one["after"])) for one in examples),
    )


def told(found: Mapping[str, Any]) -> list[tuple[str, int]]:
    """Return what was found as (label, number)."""
    return [(label, found.get(name, 0)) for name, label in _labels()]


def one_line(profiles: list[list[str]]) -> str:
    """Return profiles of an example as one line."""
    return " | ".join(", ".join(profile) for profile in profiles)
