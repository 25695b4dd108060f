"""Dry runs of an identity policy: what it would change of profiles, memberships and enrolments, over the whole graph."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from functools import lru_cache
from typing import Any
from uuid import uuid4

from activation.audiences.models import Membership
from dmp_site.models import Job
from identity.graph import policies, store
from identity.profiles.models import Identifier as Known
from identity.profiles.policies import trial
from identity.profiles.policies.trial import Between, Trial
from identity.touchpoints.types import Identifier
from journeys.enrolments.models import Enrolment

KIND = "identity_policy_trial"  # of a job; its payload holds the document
_SLICE = 500  # identifiers in one question


def step(document: Any, checkpoint: Mapping[str, Any]) -> dict[str, Any]:
    """Take a dry run one step further; return the next checkpoint.

    `run`; `old`: the version that was in force at the first step; `after`: None when it is over; `found`: so far.

    It writes nothing; call it outside a transaction. Raises BadPolicy.
    """
    found, run = Trial(**checkpoint.get("found", {})), checkpoint.get("run") or uuid4().hex
    old = checkpoint.get("old") or policies.current().version
    between = _between(run, old, json.dumps(document))
    after = checkpoint.get("after", "")
    done = trial.step(store(), between, found, after=after, size=trial.BLOCK)
    _count(done.moved, found)
    return {"run": run, "old": old, "after": done.after, "found": asdict(found)}


@lru_cache(maxsize=2)
def _between(run: str, version: int, document: str) -> Between:  # noqa: ARG001 - the next run reads them anew
    """Return the two policies of one run and what is between them; read once in each process that takes a step of it."""
    old = policies.applied(version)
    return trial.between(store(), old, trial.read(json.loads(document), old))


def begin_again() -> None:
    """Let dry runs that are under way begin once more: the graph is in another store now, where the place to go on means nothing."""
    Job.objects.filter(kind=KIND, state__in=Job.OPEN).update(checkpoint={}, processed=0)


def total() -> int:
    """Return about how many identifiers a dry run will look at."""
    return Known.objects.count()


def _count(moved: Sequence[Identifier], found: Trial) -> None:
    """Add what hangs on those who would move. All identifiers of a profile come in one step."""
    for start in range(0, len(moved), _SLICE):
        keys = [each.key for each in moved[start : start + _SLICE]]
        found.enrolments += Enrolment.objects.filter(owner__key__in=keys, watching=True).count()
    profiles = {
        profile
        for start in range(0, len(moved), _SLICE)
        for profile in Known.objects.filter(
            key__in=[each.key for each in moved[start : start + _SLICE]]
        ).values_list("profile", flat=True)
    }
    listed = sorted(profiles)
    for start in range(0, len(listed), _SLICE):
        found.memberships += Membership.objects.filter(
            profile__in=listed[start : start + _SLICE]
        ).count()
