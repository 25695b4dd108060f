"""Whether a move of the stores was begun and is not finished: until then nothing works with the installation."""

from django.db import connection
from django.utils.translation import gettext as _

from dmp_site.console.checks.findings import Finding, fault
from dmp_site.moving import checkpoints
from identity.clock import Instant
from identity.touchpoints import installation


def open_move(_now: Instant) -> Finding | None:
    """Name the move that is open and the command that goes on with it; None when none is."""
    if target := _moving_to():
        what = _("This installation is moving to %(target)s, or has moved there.")
        mend = _(
            "manage.py move_store %(what)s goes on with it; with --give-up the installation stays as it is here"
        )
        kind = "database" if connection.vendor == "sqlite" else "graph"
        return fault("move", what % {"target": target}, mend % {"what": kind})
    if checkpoints.unfinished():
        mend = _(
            "manage.py move_store database goes on with it, called with the settings of the installation that moves"
        )
        return fault("move", _("A move into this database is not finished."), mend)
    return None


def _moving_to() -> str:
    try:
        return installation.moving()
    except installation.Foreign:
        return ""  # no installation, so none that moves
