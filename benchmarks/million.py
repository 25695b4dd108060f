"""A million touchpoints down the road on one kind of stores: whether the lane stays as fast as it was."""

from benchmarks import flatness
from benchmarks.combinations import drive
from benchmarks.plan import Plan


def section(kind: str, plan: Plan) -> str:
    """Drive them and return the section. Servers are warm first; files have nothing to warm."""
    warm = 0 if kind == "sqlite" else plan.million // 50
    road = drive(kind, plan.million, warm, plan, growing=True)
    total = warm + plan.million
    name = f"{plan.million:,} of {total // 2:,} people, one in two of somebody new from beginning to end"
    if warm:
        name += f" after a warm-up of {warm:,}"
    return "\n\n".join(
        [
            flatness.sentence(road.driven, name, plan.million // 10, warm),
            (
                f"The lane had {road.rate:,.0f} touchpoints/s overall, {road.rate / road.raw:.0%} of the {road.raw:,.0f}/s at which its store"
                f" alone takes the first {min(plan.million, plan.raw):,} into an empty graph (its own statements for touchpoints,"
                " identifiers and links, with nothing looked up)."
            ),
            f"One whole profile is read in {road.p50:.1f} ms (p50) and {road.p99:.1f} ms (p99) with all of them stored.",
        ]
    )
