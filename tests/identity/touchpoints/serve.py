"""A collector of this floor alone, as a process: `python -m tests.identity.touchpoints.serve`.

Sets an installation up in FILROUGE_DATA_DIR unless there is one, then serves until SIGTERM; two addresses stand for those
that other floors offer.
"""

import os
import resource
import signal
import threading
import uuid

import django
from django.conf import settings
from django.core.management import call_command

django.setup()

from identity.clock import now  # noqa: E402 - Django comes first
from identity.privacy.keys import make_keys, require_keys  # noqa: E402
from identity.touchpoints import collector, inbox, installation  # noqa: E402
from identity.touchpoints.models import Lane  # noqa: E402
from identity.touchpoints.public import Call, Reply, Route  # noqa: E402


async def _click(call: Call) -> Reply:
    """Record a click and redirect, as tracked links do."""
    who = {"identifiers": [f"user_id:{call.path.rsplit('/', 1)[1]}"]}
    event = {"type": "track", "event": "Email Link Clicked", "context": {"filrouge": who}}
    await call.record([event])
    return Reply(302, b"", {"Location": call.query["to"]})


async def _fault(_call: Call) -> Reply:
    raise RuntimeError


def main() -> None:
    if not settings.KEYS_FILE.exists():
        make_keys(settings.KEYS_FILE)
        call_command("migrate", verbosity=0)
        keys = require_keys(settings.KEYS_FILE)
        installation.register(inbox=inbox.make(), graph=uuid.uuid4(), keys=keys, now=now())
        Lane.objects.get_or_create(pk=1)
    if (
        "FILROUGE_FILE_LIMIT" in os.environ
    ):  # bytes a file may have: the end of a disk, for this process alone
        limit = int(os.environ["FILROUGE_FILE_LIMIT"])
        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
        resource.setrlimit(resource.RLIMIT_FSIZE, (limit, limit))
    stop = threading.Event()
    signal.signal(signal.SIGTERM, lambda *_: stop.set())
    get = frozenset({"GET"})
    collector.serve([Route(get, "/c/", _click), Route(get, "/fault", _fault)], stop)


if __name__ == "__main__":
    main()
