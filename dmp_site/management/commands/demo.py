"""Shows the product on real data, with a small shop."""

import logging
import os
import signal
import threading
from typing import Any

from django.conf import settings
from django.core.management.base import CommandError, CommandParser

from dmp_site.demo import mail, running, shop
from dmp_site.demo.dataset import EVERYBODY
from dmp_site.demo.preparing import Stopped
from dmp_site.management.base import Documented
from dmp_site.processes import lifeline

SERVERS = {"shop": shop.serve, "mail": mail.serve}


class Command(Documented):
    help = (
        "Show the product on real data: the first start sets an installation up, loads a year of 2,469 households (some minutes) and\n"
        "makes audiences, policies, templates and a journey; later starts take seconds. Everything runs under one supervisor,\n"
        "with a shop and a mailbox beside it; Ctrl-C ends all of it and loses nothing.\n\n"
        "If the tables of an earlier demo do not fit this version, its files are kept aside and the demo is built again.\n\n"
        "Example: manage.py demo"
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--serve", choices=sorted(SERVERS), help="run this server alone")
        parser.add_argument(
            "--households",
            type=int,
            default=EVERYBODY,
            metavar="N",
            help="load those numbered up to N only, for a quick look; the first start decides",
        )

    def handle(self, *_: Any, **options: Any) -> None:
        if options["serve"]:
            self._serve(options["serve"])
            return
        # The shop's mail goes to the demo's own mailbox, whatever this machine uses otherwise.
        host, _colon, port = settings.DEMO_SMTP_BIND.rpartition(":")
        os.environ.update(
            FILROUGE_SMTP_HOST=host,
            FILROUGE_SMTP_PORT=port,
            FILROUGE_SMTP_SECURITY="none",
            FILROUGE_SMTP_FROM="Corner Market <shop@localhost>",
        )
        try:
            running.run(options["households"], self._say)
        except Stopped as error:
            raise CommandError(str(error)) from error
        except KeyboardInterrupt:  # before there was anything to end
            self._say("Stopped before anything was started.")

    def _say(self, line: str) -> None:
        self.stdout.write(line)
        self.stdout.flush()

    @staticmethod
    def _serve(server: str) -> None:
        lifeline.hold()
        logging.basicConfig(level=logging.WARNING)
        stop = threading.Event()
        for name in (signal.SIGTERM, signal.SIGINT):
            signal.signal(name, lambda *_: stop.set())
        SERVERS[server](stop)
