"""How much is measured."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Plan:
    """Sizes, ordinary or quick: every part of a drive is longer than a batch. Counts are touchpoints unless their name says otherwise."""

    quick: bool = False

    @property
    def seconds(self) -> float:
        """How long one point of a curve is measured."""
        return 2 if self.quick else 5

    @property
    def road(self) -> int:
        return 3_000 if self.quick else 300_000

    @property
    def people(self) -> int:
        return self.road // 2

    @property
    def batched(self) -> int:
        """What the batched yardstick takes of the road."""
        return 1_500 if self.quick else 30_000

    @property
    def naive(self) -> int:
        """What the naive yardstick takes of the road."""
        return 500 if self.quick else 2_000

    @property
    def digested(self) -> int:
        """What all three take for the same digest."""
        return 1_000 if self.quick else 10_000

    @property
    def served(self) -> int:
        """What the lane takes on each kind of stores."""
        return 12_000 if self.quick else 100_000

    @property
    def million(self) -> int:
        """What shows whether the lane stays as fast as it was."""
        return 24_000 if self.quick else 1_000_000

    @property
    def raw(self) -> int:
        """What the raw store takes at most."""
        return 3_000 if self.quick else 100_000

    @property
    def parted(self) -> int:
        """Links that the pure partition takes."""
        return 20_000 if self.quick else 1_000_000

    @property
    def links(self) -> int:
        """Links of the graph that is rebuilt."""
        return 4_000 if self.quick else 5_000_000

    @property
    def staged(self) -> int:
        """What the lane takes while it is timed by stage, and whose profiles are read."""
        return 1_500 if self.quick else 100_000

    @property
    def crowd(self) -> int:
        """Links of a crowd that arrives live, among as many other touchpoints."""
        return 400 if self.quick else 100_000

    @property
    def crowded(self) -> float:
        """Seconds after which a crowd is given up."""
        return 10 if self.quick else 300

    @property
    def records(self) -> int:
        """Of a file, that are guessed about at the most."""
        return 5_000 if self.quick else 10_000_000

    @property
    def reads(self) -> int:
        """Profile reads beside a rebuild, and as many without one, in each round."""
        return 50 if self.quick else 2_000

    @property
    def rounds(self) -> int:
        """How often each is done; the medians are shown."""
        return 1 if self.quick else 3

    @property
    def probes(self) -> int:
        """People whose way is timed."""
        return 8 if self.quick else 120

    @property
    def failovers(self) -> int:
        """How often the lane is killed among as many workers."""
        return 1 if self.quick else 5
