"""The life of two people in a shop with everything that a marketer can set up, through the lane and the sender, by a clock that the test holds.

Between two instants they may be one person; in the run without the merge the same happens, with the touchpoint that merges them saying
only whose it is.
"""

import copy
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import time
from pathlib import Path
from typing import Any
from uuid import NAMESPACE_URL, uuid5

from django.db import transaction

from activation.audiences import members
from activation.audiences import services as audiences
from activation.channels.models import ChannelConfig
from activation.deliveries import events, lists
from activation.deliveries.models import PartnerList
from activation.deliveries.reports import Reporter
from activation.deliveries.send import Sender
from activation.deliveries.tokens import Sent
from activation.pressure import services as pressure
from activation.pressure.models import ChannelWeight, MessageClass, Policy, QuietHours
from benchmarks.road import world
from dmp_site import apikeys, pipeline
from dmp_site.models import Job, JobsHeartbeat
from identity.clock import HOUR, SECOND, Instant
from identity.graph import documents, policies
from identity.graph.models import Crowd
from identity.graph.types import Verdict
from identity.privacy import services as privacy
from identity.privacy import vault
from identity.privacy.models import Erasure, PersonalFile, Tombstone
from identity.profiles import decisions
from identity.profiles.models import Decision
from identity.profiles.models import Identifier as Row
from identity.profiles.occasions import Doing, Occasion
from identity.profiles.policies import services as identities
from identity.sql import fetch
from identity.touchpoints import commands, forgetting, lane, naming, sources
from identity.touchpoints.models import Forgetting, Installation, Refusal, Source, WriteKey
from identity.touchpoints.types import BatchContext, Identifier, Mode, touchpoint_id
from journeys.publishing.models import JourneyVersion, Relocation
from tests import content
from tests.road import START, Road
from tests.same.replay import _SENT, Postbox

MAIL_A, MAIL_B = "alice@example.org", "bob@example.org"
_WHO: dict[str, Any] = {"actor": "tests", "now": START}
MERGING = "merging"  # messageId of what makes them one


def fix(directory: Path, settings: Any) -> None:
    """Give every run the same keys, and a mail server that takes everything."""
    keys = directory / "keys.json"
    keys.write_text(json.dumps({"root": "5a" * 32}))
    settings.KEYS_FILE = keys
    channels = copy.deepcopy(settings.CHANNELS)
    channels["email"] = {"BACKEND": "tests.same.replay.Postbox"}
    settings.CHANNELS = channels


def set_up() -> None:
    """Set up what the lives of all runs share: audiences, journeys, policies, templates, a partner's list."""
    world.build(START)
    vip = audiences.publish(audiences.create("vip", kind="manual", **_WHO).pk, **_WHO).pk
    mail = content.template("care", "Care")
    steps = content.path(
        ("in", _node("entry", on="touchpoint", event="Asked")),
        ("slot", _node("site_slot", slot="top", content={"text": "Hello"})),
        ("cap", _node("capping", channel="display", limit=3, lasts="P30D")),
        ("vip", _node("audience_add", audience=vip)),
        ("pause", _node("wait", duration="P2D")),
        ("mail", _node("send", channel="email", template=mail)),
        ("end", _node("exit")),
        re_entry={"mode": "always"},
    )
    content.journey("Care", steps)
    PartnerList.objects.create(
        name="known", namespace="email", channel="display", created_at=START
    )
    _the_rest()


def _the_rest() -> None:
    """Leave a row in every table that concerns nobody, so that it can be seen that it names nobody."""
    apikeys.create("reader", ["*:read"], START, actor="tests")
    ChannelConfig.objects.create(name="letter", created_at=START)
    ChannelWeight.objects.create(channel="letter", weight=200)
    MessageClass.objects.create(name="news")
    QuietHours.objects.create(name="never", start=time(1), end=time(2), enabled=False)
    identities.seed(START)
    Crowd.objects.create(id=2**40, links=9_999, identifiers=99, found_at=START)
    version = JourneyVersion.objects.earliest("pk")
    Relocation.objects.create(version=version, node="gone", to_version=version, done=True)
    Installation.objects.create(identifier_key="k", vault_key="v", created_at=START)
    Job.objects.create(kind="prune", state="done", created_at=START, changed_at=START)
    JobsHeartbeat.objects.create()
    erasure = Erasure.objects.create(state="done", asked_by="tests", asked_at=START)
    Tombstone.objects.create(digest="d", erased_at=START, erasure=erasure)
    PersonalFile.objects.create(host="h", path="/p", kind="export", format="csv", written_at=START)


def _node(type_: str, **config: Any) -> dict[str, Any]:
    return {"type": type_, "config": config}


@dataclass
class Life:
    """One run. `merged`: whether the merging touchpoint says that the two are one."""

    directory: Path
    merged: bool
    began: Instant = 0  # of the merge
    ended: Instant = 0
    _told: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.directory.mkdir()
        self.road = Road(self.directory)
        self.crm = self.road.make_source("crm", "crm")
        sources.change(self.crm.pk, {"group_is_household": True}, START, actor="tests")
        old = self.road.make_source("old", "site")
        self._own = sources.internal(START)
        for source in Source.objects.all():
            Source.objects.filter(pk=source.pk).update(uuid=uuid5(NAMESPACE_URL, source.name))
        WriteKey.objects.create(source=self.crm, prefix="wk", digest="d", created_at=START)
        Forgetting.objects.create(source=old, asked_at=START, done_at=START)
        Refusal.objects.create(
            source=self.crm, reason="blocked", count=1, first_at=START, last_at=START
        )
        self.road.receive_raw(b"nobody can read this")
        Postbox.taken.clear()
        self._sender = Sender(
            clock=lambda: self.road.now, oldest=self.road.reader.oldest_wish, token="sender"
        )
        self._reporter = Reporter(clock=lambda: self.road.now, post=self._post)
        self.road.run()

    def close(self) -> None:
        self._sender.close()
        self.road.writer.close()

    # --- What people do ---

    def seen(self, event: str, source: Source | None = None, **more: Any) -> None:
        self.road.now += SECOND
        self.road.receive({"event": event, **more}, source=source)
        self.road.run()

    def identify(self, **more: Any) -> None:
        self.seen("", type="identify", **more)

    def send(self) -> None:
        """Hand over what is due; people open what they get."""
        before = len(Postbox.taken)
        self._sender.run_once(50)
        self._reporter.run_once()
        self._post(
            [
                events.event_of(
                    Sent(*fetch(_SENT, [key])[0]), "Email Opened", both=False, open_kind="human"
                )
                | {"messageId": f"opened-{number}"}
                for number, key in enumerate(Postbox.taken[before:], before)
            ]
        )

    def _post(self, told: Any) -> Any:
        if told:
            rows = [self.road.row(event, source=self._own) for event in told]
            self.road.writer.append(rows, self.road.now)
        self.road.run()
        return ()

    def rest(self, milliseconds: Instant, step: Instant = HOUR) -> None:
        """Let time pass in steps, so that what is due is done about when it is due."""
        until = self.road.now + milliseconds
        while self.road.now < until:
            self.road.pass_time(min(step, until - self.road.now))
            self.send()

    # --- What staff and partners do ---

    def wish(self, key: Identifier) -> None:
        privacy.ask_consent([key], "surveys", "*", granted=True, actor="tests", now=self.road.now)
        privacy.ask_suppression([key], "sms", active=True, actor="tests", now=self.road.now)
        self.road.run()

    def by_hand(self, key: Identifier, audience: int) -> None:
        owner = Row.objects.get(key=key.key).pk
        payload = {"audience": audience, "owners": [owner]}
        commands.enqueue(members.ADD, payload, "tests", self.road.now)
        self.road.run()

    def look(self, key: Identifier) -> None:
        vault.reveal([(key.key, vault.VALUE)], actor="tests", why="a call", now=self.road.now)

    def keep_apart(self, one: str, other: str) -> None:
        """Decide that two strangers are never one."""
        self.decide(Verdict.NEVER, Identifier.of(one), Identifier.of(other))

    def decide(self, verdict: Verdict, a: Identifier, b: Identifier) -> None:
        decisions.ask(verdict, a, b, why="twins", actor="tests", now=self.road.now)
        self.road.run()

    def partner(self) -> None:
        for row in PartnerList.objects.all():
            lists.refresh(row, self.road.now)

    def looser(self) -> None:
        """Publish another version of a pressure policy."""
        row = Policy.objects.get(slug="two-mails-a-day")
        with transaction.atomic():
            document = {**row.document, "limit": 4}
            pressure.change(row.pk, document=document, actor="tests", now=self.road.now)
            pressure.publish(row.pk, actor="tests", now=self.road.now)

    def other_identities(self) -> None:
        """Put another identity policy in force, and let the lane bring everybody to it: another priority, fewer around an address."""
        document = documents.write(policies.current())
        document["namespaces"]["loyalty_id"]["priority"] = 3
        document["namespaces"]["email"]["hub"] = 6
        document["namespaces"]["badge"] = {"kind": "person", "priority": 2, "max": 1}
        self._apply(document, 2)

    def _apply(self, document: dict[str, Any], number: int) -> None:
        identities.change(document, self.road.now, actor="tests")
        identities.apply(self.road.now, actor="tests")
        self.road.run()
        version = policies.current().version
        stale = Row.objects.exclude(policy=version)
        assert (version, stale.exists()) == (number, False), "everybody was looked at"

    # --- Merging and splitting ---

    def merge(
        self,
        said: Mapping[str, Any],
        more: Mapping[str, Any],
        joined: Callable[["Life"], None] | None = None,
    ) -> None:
        """Receive the merging touchpoint: `said` names its owner, `more` makes them one, or what is done then (`joined`)."""
        self.road.now += SECOND
        self.began = self.road.now
        event = {"messageId": MERGING, "event": "Desk", **said, **(more if self.merged else {})}
        self.road.receive(event, source=self.crm)
        self.road.run()
        if joined and self.merged:
            joined(self)

    @property
    def merging(self) -> str:
        """The id of the merging touchpoint."""
        return touchpoint_id(uuid5(NAMESPACE_URL, "crm"), MERGING)

    def set_aside(self) -> None:
        """Take the merging touchpoint's evidence out again, as the lane does with what it sets aside."""
        loop, now = self.road.loop, self.road.now
        changed = (
            loop.graph.set_aside([self.merging], epoch=loop.epoch, aside=True)
            if self.merged
            else ()
        )
        context = BatchContext(now=now, horizon=now, mode=Mode.LIVE, epoch=loop.epoch)
        with lane.fenced(loop.epoch):
            occasion = Occasion(Doing.SET_ASIDE)
            pipeline.regroup(changed, context, policies.current(), occasion, newborn=False)

    def undo(self) -> None:
        """Take back the decision that made them one."""
        for row in Decision.objects.filter(verdict=Verdict.ALWAYS):
            decisions.ask_undo(row.pk, actor="tests", now=self.road.now)

    def forget_crm(self) -> None:
        """Forget the source of the merging touchpoint, with all that it ever told."""
        forgetting.ask(self.crm.pk, actor="tests", now=self.road.now)

    def one_address(self) -> None:
        """Put a policy in force by which nobody has two addresses."""
        document = documents.write(policies.current())
        document["namespaces"]["email"]["max"] = 1
        self._apply(document, 3)

    def split(self, how: Callable[["Life"], None]) -> None:
        self.road.now += SECOND
        how(self)
        self.road.run()
        self.ended = self.road.now


def email(address: str) -> Identifier:
    return naming.identifier("email", address)
