"""How commands let somebody name a person: personal values come from standard input or a file, never from the command line."""

import sys
from pathlib import Path
from typing import Any

from django.core.management.base import CommandError, CommandParser

from identity.touchpoints import naming
from identity.touchpoints.types import Identifier


def add_arguments(parser: CommandParser) -> None:
    parser.add_argument("namespace", nargs="?", help="of an identifier: email, user_id, …")
    parser.add_argument(
        "value", nargs="?", help="unless it is personal data: those are read from standard input"
    )
    parser.add_argument("--profile", metavar="ID", help="by the id of a profile instead")
    parser.add_argument(
        "--value-file", type=Path, metavar="FILE", help="read the value from here instead"
    )
    parser.add_argument("--region", default="", help="ISO 3166; completes a phone number")


def named(options: dict[str, Any]) -> tuple[Identifier | None, str]:
    """Return the identifier, or else the id of a profile. Raises CommandError, and DomainError for a value that is none."""
    namespace, profile = options["namespace"], options["profile"] or ""
    if (namespace is None) == (not profile):
        raise CommandError("name a person by NAMESPACE [VALUE], or by --profile ID")
    if profile:
        return None, profile
    if options["value"] is not None:
        return naming.identifier(namespace, options["value"], public=True), ""
    return naming.identifier(namespace, _read(options["value_file"]), region=options["region"]), ""


def _read(file: Path | None) -> str:
    try:
        said = sys.stdin.read() if file is None else file.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise CommandError(f"the value cannot be read: {error}") from error
    return said.strip("\r\n")
