"""Whether the stores answer, belong together, and have room."""

import shutil

from django.conf import settings
from django.utils.translation import gettext as _

from dmp_site import setup
from dmp_site.console.checks.findings import Finding, fault, ok
from dmp_site.console.checks.mending import restore
from identity import graph
from identity.clock import Instant
from identity.graph.port import GraphMissing, SchemaMissing, StoreAway
from identity.privacy.keys import KeysMissing, require_keys
from identity.touchpoints import inbox, installation
from identity.touchpoints.inbox.port import ForeignInbox

_MEGABYTE = 1_000_000


def database(_now: Instant) -> Finding:
    """Look whether the database can be asked and has this version's tables."""
    pending = setup.pending()
    if pending:
        what = _("%(count)d migrations are not applied.") % {"count": pending}
        return fault("database", what, "manage.py setup")
    return ok("database", _("The database answers; its tables are of this version."))


def keys(_now: Instant) -> Finding:
    """Look whether the key file is there and is the one that the data were written with."""
    try:
        installation.verify_keys(require_keys(settings.KEYS_FILE))
    except (KeysMissing, installation.Foreign) as error:
        mend = _("restore %(file)s from its backup, then: manage.py up") % {
            "file": settings.KEYS_FILE
        }
        return fault("keys", str(error), mend)
    return ok("keys", _("The keys belong to this database."))


def inbox_identity(_now: Instant) -> Finding:
    """Look whether the inbox is this installation's, neither older nor emptied."""
    try:
        reader = inbox.reader()
        installation.verify_inbox(reader.uuid())
        reader.check()
    except (ForeignInbox, installation.Foreign) as error:
        return fault("inbox", str(error), restore())
    return ok("inbox", _("The inbox belongs to this database."))


def graph_identity(_now: Instant) -> Finding:
    """Look whether the graph store answers and is this installation's."""
    try:
        installation.verify_graph(graph.store().uuid())
    except SchemaMissing as error:
        return fault("graph", str(error), "manage.py setup_graph")
    except StoreAway as error:
        return fault("graph", str(error), _("start that store; the lane waits for it and goes on"))
    except (GraphMissing, installation.Foreign) as error:
        mend = _("restore the graph that belongs to this database, or restore all from one backup")
        return fault("graph", str(error), mend)
    return ok("graph", _("The graph store belongs to this database."))


def disk(_now: Instant) -> Finding:
    """Look whether there is room where the data live."""
    free = shutil.disk_usage(settings.DATA_DIR).free // _MEGABYTE
    what = _("%(free)d MB are free for %(directory)s.") % {
        "free": free,
        "directory": settings.DATA_DIR,
    }
    if free < settings.MIN_FREE_MB:
        return fault(
            "disk", what, _("make room there, or move the data and set FILROUGE_DATA_DIR")
        )
    return ok("disk", what)
