"""Whether the lane stays as fast as it was while touchpoints pile up."""

from benchmarks.road.driven import Driven

GOAL = 0.8


def sentence(driven: Driven, name: str, part: int, warm: int = 0) -> str:
    """Say how fast the last part of a drive was, against the second one after the warm-up."""
    second, last = driven.flatness(part, warm)
    return (
        f"Flatness over {name}: the second {part:,} at {second:,.0f}/s, the last at {last:,.0f}/s,"
        f" {last / second:.2f} of it (goal {GOAL} over 1,000,000); the machine itself did a fixed piece of work in memory"
        f" at {driven.steadiness(part, warm):.2f} of its speed then."
    )
