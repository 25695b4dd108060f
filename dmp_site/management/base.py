"""What the commands share: help texts that keep their lines, and a start that loads no page."""

from argparse import RawDescriptionHelpFormatter
from typing import Any

from django.core.management.base import BaseCommand, CommandParser


class Documented(BaseCommand):
    """A command whose help keeps its lines; it ends with an example (a test looks).

    Django's checks of pages and models are for who changes the code (`make check` runs them): they would load all pages, in every worker.
    """

    requires_system_checks = ()

    def create_parser(self, prog_name: str, subcommand: str, **kwargs: Any) -> CommandParser:
        return super().create_parser(
            prog_name, subcommand, formatter_class=RawDescriptionHelpFormatter, **kwargs
        )
