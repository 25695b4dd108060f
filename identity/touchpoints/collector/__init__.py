"""The collector: takes touchpoints in on its own port, in its own process, and answers once they are on the disk."""

from identity.touchpoints.collector.server import serve

__all__ = ["serve"]
