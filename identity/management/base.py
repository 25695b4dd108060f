"""What all commands share: help texts that keep their lines, a start that loads no page, and words for a store that is away."""

from argparse import RawDescriptionHelpFormatter
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from identity import postgres
from identity.outage import is_away
from identity.touchpoints.inbox.port import InboxAway

AGAIN = "see that it works, then call this again; `manage.py doctor` says what is wrong"


class Documented(BaseCommand):
    """A command whose help keeps its lines; it ends with an example (a test looks).

    Django's checks of pages and models are for who changes the code (`make check` runs them): they would load all pages, in every worker.
    A store that is away is no fault of the program: what it was is said in one line, and with --traceback where it was met.
    """

    requires_system_checks = ()

    def create_parser(self, prog_name: str, subcommand: str, **kwargs: Any) -> CommandParser:
        return super().create_parser(
            prog_name, subcommand, formatter_class=RawDescriptionHelpFormatter, **kwargs
        )

    def execute(self, *args: Any, **options: Any) -> str | None:
        try:
            return super().execute(*args, **options)
        except Exception as error:
            if said := self.what_is_away(error):
                raise CommandError(said) from error
            raise

    def what_is_away(self, error: Exception) -> str:
        """Return which store does not work and what to do, "" when the error means something else."""
        if isinstance(error, InboxAway):
            return f"{line(error)}: {AGAIN}"
        if is_away(error):
            theirs = isinstance(error.__cause__ or error, postgres.Error)
            name = "PostgreSQL" if theirs else "the database"
            return f"{name} cannot be used now ({line(error)}): {AGAIN}"
        return ""


def line(error: Exception) -> str:
    """Return what an error says in one line; drivers use several."""
    return " ".join(str(error).split())
