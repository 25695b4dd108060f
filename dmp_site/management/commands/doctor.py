"""Says what is wrong with the installation, and how to mend it."""

from typing import Any

from django.core.management.base import CommandError

from dmp_site.console import checks
from dmp_site.management.base import Documented
from identity.clock import now

_SIGNS = {checks.Level.OK: "ok    ", checks.Level.NOTICE: "notice", checks.Level.FAULT: "FAULT "}


class Command(Documented):
    help = (
        "Check the installation: an open move, keys, inbox, graph, lane, backlog, jobs, collector, disk, clock. Each fault comes with the command\n"
        "that mends it. Ends with status 1 when there is one; the health page of the console shows the same list.\n\n"
        "Example: manage.py doctor"
    )

    def handle(self, *_: Any, **__: Any) -> None:
        found = checks.run(now())
        for finding in found:
            self.stdout.write(f"{_SIGNS[finding.level]} {finding.name}: {finding.what}")
            if finding.mend:
                self.stdout.write(f"       mend: {finding.mend}")
        faults = [finding.name for finding in found if finding.level is checks.Level.FAULT]
        if faults:
            raise CommandError(f"{len(faults)} faults: {', '.join(faults)}")
