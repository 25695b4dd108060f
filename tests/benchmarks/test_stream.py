"""The stream of touchpoints that is driven down the road."""

from benchmarks.stream import Shop


def test_a_growing_shop_has_as_many_new_people_at_its_end_as_at_its_beginning() -> None:
    parts: list[set[str]] = [set() for _ in range(4)]
    seen: set[str] = set()
    for number, event in enumerate(Shop(2_000, growing=True).touchpoints(4_000)):
        person = event["anonymousId"].split("-")[1]
        if person not in seen:
            parts[number // 1_000].add(person)
            seen.add(person)
    assert all(400 <= len(part) <= 600 for part in parts)
    assert seen <= {str(person) for person in range(2_000)}


def test_anybody_comes_in_any_other() -> None:
    people = {event["anonymousId"].split("-")[1] for event in Shop(20).touchpoints(1_000)}
    assert people == {str(person) for person in range(20)}
