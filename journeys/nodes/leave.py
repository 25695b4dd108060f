"""Exit: the end of a path."""

from typing import Annotated

import msgspec

from journeys.nodes.kind import Config, End, Kind, Move, Visit


class ExitConfig(Config, frozen=True):
    reason: Annotated[str, msgspec.Meta(max_length=100)] = ""


class ExitNode(Kind):
    name = "exit"
    config = ExitConfig

    def ports(self, config: ExitConfig) -> tuple[str, ...]:
        return ()

    def step(self, config: ExitConfig, visit: Visit) -> Move:
        return End(config.reason or "finished")
