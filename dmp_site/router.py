"""Which database a model lives in."""

from typing import Any

_QUEUE = {"django_q"}


class QueueRouter:
    """Keeps the task queue's tables in a database of their own, so that its polling never waits for the lane."""

    def db_for_read(self, model: Any, **_: Any) -> str | None:
        return "queue" if model._meta.app_label in _QUEUE else None  # noqa: SLF001

    db_for_write = db_for_read

    def allow_relation(self, one: Any, other: Any, **_: Any) -> bool | None:
        apart = (one._meta.app_label in _QUEUE) != (other._meta.app_label in _QUEUE)  # noqa: SLF001
        return False if apart else None

    def allow_migrate(self, db: str, app_label: str, **_: Any) -> bool:
        return (db == "queue") == (app_label in _QUEUE)
