"""What is stored of a merge or a split does not depend on the order in which a store returns the evidence."""

import random

from identity.graph.partition import RefusedLink
from identity.graph.types import Link
from identity.profiles.moves import MAX_EVIDENCE, Place, Target, Wanted, moves
from identity.touchpoints.types import Identifier

ALICE = Identifier("user_id", "alice")
BROWSER = Identifier("anonymous_id", "browser")
COOKIES = [Identifier("partner_x", f"{number:03}") for number in range(MAX_EVIDENCE + 5)]


def test_the_oldest_evidence_is_kept_in_whatever_order_it_comes() -> None:
    targets = {each: Target(ALICE, 1, contested=False) for each in (ALICE, BROWSER, *COOKIES)}
    places = {BROWSER: Place(7, BROWSER, 2, contested=False)}
    links = [Link(BROWSER, each, 1, at, at, 1) for at, each in enumerate(COOKIES)]
    refused = [RefusedLink(BROWSER, each, "max:user_id") for each in COOKIES]
    places |= {each: Place(7, BROWSER, 3, contested=False) for each in COOKIES}
    targets |= {each: Target(each, 3, contested=False) for each in COOKIES[1::2]}
    told = []
    for seed in range(5):
        random.Random(seed).shuffle(links)
        random.Random(seed).shuffle(refused)
        found = moves(Wanted(targets, links, refused), places)
        told.append({each.founder: (each.joined, each.refused) for each in found})
    assert told[1:] == told[:-1]
