"""Runs the whole product under one supervisor."""

import logging
import time
from typing import Any

import httpx
from django.conf import settings

from dmp_site.management import making
from dmp_site.management.base import Documented
from dmp_site.processes import lifeline
from dmp_site.processes.children import children
from dmp_site.processes.supervisor import Supervisor
from identity.clock import now

_PATIENCE = 60  # seconds until the addresses are given up on


class Command(Documented):
    help = (
        "Start everything (collector, lane, sender, jobs, console), watch it, start again what dies; Ctrl-C ends all of it.\n"
        "The first start sets the installation up: keys, tables, roles, the first login (printed once).\n\n"
        "Example: manage.py up"
    )

    def handle(self, *_: Any, **__: Any) -> None:
        lifeline.hold()
        logging.basicConfig(level=logging.INFO, format="%(asctime)s %(message)s")
        making.make(self, now(), lane_looks=True)
        Supervisor(children()).run(ready=self._announce)

    def _announce(self) -> None:
        """Print the addresses once both ports answer."""
        for _ in range(_PATIENCE * 4):
            if _answers(settings.COLLECTOR_URL) and _answers(settings.CONSOLE_URL):
                self.stdout.write(f"Console    {settings.CONSOLE_URL}/admin/")
                self.stdout.write(f"Collector  {settings.COLLECTOR_URL}/v1/batch")
                return
            time.sleep(0.25)


def _answers(url: str) -> bool:
    try:
        return httpx.get(f"{url}/health", timeout=1).status_code == httpx.codes.OK
    except httpx.HTTPError:
        return False
