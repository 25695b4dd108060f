"""A small world whose audiences are kept by the stages, and an oracle that evaluates them from scratch."""

from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from typing import Any

from activation.audiences import building, members, refresh, services
from activation.audiences.models import Audience, Build, Membership, MembershipLog
from activation.audiences.types import MembershipChange
from identity import graph
from identity.clock import DAY, Instant
from identity.profiles import facts, fold
from identity.profiles.models import Identifier as Row
from identity.profiles.models import Profile
from identity.profiles.types import Person, Resolved
from identity.touchpoints import lane
from identity.touchpoints.types import BatchContext, Mode, Touchpoint
from tests.identity.profiles.people import T0, profile, resolved, touchpoint

ACTOR = "command:test"


@dataclass
class World:
    """People user_id:u0, u1, …, each a profile at first; time goes by in `now`."""

    people: int
    now: Instant = T0
    number: int = 0
    stored: list[Touchpoint] = field(default_factory=list)
    moved: set[int] = field(default_factory=set)
    heirs: dict[int, set[int]] = field(default_factory=dict)
    by_hand: set[tuple[str, int]] = field(default_factory=set)
    came: dict[int, Instant] = field(default_factory=dict)
    apart: dict[int, Instant] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.epoch = lane.take_over("test", self.now)
        graph.store().raise_epoch(self.epoch)
        self.homes = [profile(f"user_id:u{n}") for n in range(self.people)]

    @property
    def context(self) -> BatchContext:
        return BatchContext(now=self.now, horizon=self.now, mode=Mode.LIVE, epoch=self.epoch)

    # --- What happens ---

    def touch(
        self, person: int, event: str = "page", *, ago: Instant = 0, **rest: Any
    ) -> Touchpoint:
        self.number += 1
        return touchpoint(
            self.number, event, of=[f"user_id:u{person}"], at=self.now - T0 - ago, **rest
        )

    def batch(self, touchpoints: Iterable[Touchpoint] = ()) -> list[MembershipChange]:
        """Run stages 1 to 4 on touchpoints, and on who moved since the last batch."""
        found = list(touchpoints)
        graph.store().record(found, epoch=self.epoch, contested=())
        self.stored += found
        done = self._with_moved(resolved(found))
        self.moved.clear()
        self.heirs.clear()
        self.apart.clear()
        fold.fold(done, self.context)
        return refresh.refresh(done, facts.load(done.people), self.context)

    def _with_moved(self, done: Resolved) -> Resolved:
        people = dict(done.people)
        for one in self.moved:
            owners = tuple(Row.objects.filter(profile=one).values_list("pk", flat=True))
            if owners:
                people[one] = Person(one, owners)
        inherited = {
            home: frozenset(origins - people.keys()) for home, origins in self.heirs.items()
        }
        return replace(
            done,
            people=people,
            moved=frozenset(self.moved),
            inherited=inherited,
            apart=dict(self.apart),
        )

    def move(self, person: int, home: int) -> None:
        """Give the person's identifier to another profile, or back to its own."""
        row = Row.objects.get(key=f"user_id:u{person}")
        self.moved |= {row.profile_id, self.homes[home].pk}
        if home == person:
            came = self.came.get(person, self.now)
            self.apart |= {row.profile_id: came, self.homes[home].pk: came}
        self.came[person] = self.now
        self.heirs.setdefault(self.homes[home].pk, set()).add(row.profile_id)
        Row.objects.filter(pk=row.pk).update(profile=self.homes[home])

    def wait(self, span: Instant, limit: int = 100) -> list[MembershipChange]:
        """Let time go by; run what becomes due."""
        self.now += span
        changes: list[MembershipChange] = []
        while more := refresh.due(self.context, limit):
            changes += more
        return changes

    def publish(self, slug: str, rule: Any = None, kind: str = "rule") -> Audience:
        found = Audience.objects.filter(slug=slug).first()
        if found is None:
            found = services.create(slug, kind=kind, rule=rule, actor=ACTOR, now=self.now)
        elif rule is not None:
            services.change(found.pk, rule=rule, actor=ACTOR, now=self.now)
        return services.publish(found.pk, actor=ACTOR, now=self.now)

    def archive(self, audience: Audience) -> None:
        services.archive(audience.pk, actor=ACTOR, now=self.now)

    def build(self, limit: int = 100, slices: int | None = None) -> bool:
        """Run slices of building, all of them by default; return whether work is left."""
        while slices is None or slices > 0:
            if not building.populate(self.context, limit):
                return False
            slices = None if slices is None else slices - 1
        return True

    def hand(self, person: int, audience: int, *, put_in: bool = True) -> None:
        owner = Row.objects.get(key=f"user_id:u{person}")
        if put_in:
            self.by_hand.add((owner.key, audience))
            members.change([(owner.pk, audience)], [], self.context)
            return
        mine = set(Row.objects.filter(profile=owner.profile_id).values_list("key", flat=True))
        self.by_hand = {one for one in self.by_hand if one[1] != audience or one[0] not in mine}
        members.change([], [(owner.pk, audience)], self.context)

    # --- What is, and what ought to be ---

    def inside(self, audience: Audience) -> set[int]:
        found = Membership.objects.filter(audience=audience).values_list("profile_id", flat=True)
        return {self._home(one) for one in found}

    def _home(self, row: int) -> int:
        return next(n for n, home in enumerate(self.homes) if home.pk == row)

    def expected(self, audience: Audience) -> set[int]:
        """Evaluate the version in force on every profile, from its touchpoints and traits."""
        build = Build.objects.select_related("version", "audience").get(audience=audience)
        if build.version is None or build.audience.state != "live":
            return set()
        everybody = facts.of(list(Profile.objects.values_list("pk", flat=True)))
        return {
            self._home(row)
            for row, person in everybody.items()
            if self._holds(build, row, dict(person.traits))
        }

    def _holds(self, build: Build, row: int, traits: dict[str, Any]) -> bool:
        keys = set(Row.objects.filter(profile=row).values_list("key", flat=True))
        if build.audience.kind == "manual":
            return any((key, build.audience_id) in self.by_hand for key in keys)
        assert build.version is not None
        mine = [one for one in self.stored if one.owner is not None and one.owner.key in keys]
        return holds(build.version.rule, traits, mine, self.now)

    def check(self, *audiences: Audience) -> None:
        for audience in audiences:
            inside = self.inside(audience)
            assert inside == self.expected(audience)
            assert Build.objects.get(audience=audience).size == len(inside)
            log = MembershipLog.objects.filter(audience=audience)
            entered, left = log.filter(entered=True).count(), log.filter(entered=False).count()
            assert entered - left == len(inside)


def holds(form: Any, traits: dict[str, Any], mine: list[Touchpoint], now: Instant) -> bool:
    """Evaluate the JSON form on a profile's whole history."""
    if "and" in form:
        return all(holds(part, traits, mine, now) for part in form["and"])
    if "or" in form:
        return any(holds(part, traits, mine, now) for part in form["or"])
    if "not" in form:
        return not holds(form["not"], traits, mine, now)
    if "did" in form:
        since = now - form["within_days"] * DAY
        wanted = {one["property"]: one["value"] for one in form.get("where", ())}
        return bool(
            form["at_least"]
            <= sum(
                one.event == form["did"]
                and one.at > since
                and all(one.properties.get(name) == value for name, value in wanted.items())
                for one in mine
            )
        )
    assert form["op"] == "eq"
    return bool(traits.get(form["trait"]) == form["value"])
