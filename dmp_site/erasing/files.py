"""Takes a person out of the files that exports and imports wrote. See identity.privacy.personal_files for which those are.

A file may have millions of rows: it is cleaned some rows at a time, and the lane takes touchpoints in between. How far it is, only this
process knows: who comes after it begins the file again, since a half-written one (of Parquet above all) cannot be gone on with.
"""

from dmp_site.erasing import parts
from dmp_site.erasing.cleanings import Changed, Cleaning, Traits
from dmp_site.erasing.parts import Tools
from identity.privacy import erasures
from identity.privacy.models import Erasure, PersonalFile
from identity.touchpoints import commands


def clean(row: Erasure, tools: Tools) -> bool:
    """Do the next rows of the next file; return whether there is nothing to do now, but wait for another erasure."""
    if _is_behind(row):
        with tools.part():
            return True
    after = int(row.cursor.get("file", 0))
    file = PersonalFile.objects.filter(pk__gt=after).order_by("pk").first()
    if file is None:
        with tools.part():
            parts.go_on(row, "touchpoints")
        return False
    held = tools.cleanings.get(row.pk)
    if held is None or held.file.pk != file.pk:
        _begin(row, tools, file)
    else:
        _go_on(row, tools, held)
    return False


def _is_behind(row: Erasure) -> bool:
    """Tell whether an older erasure is at the files: two that write the same one would undo each other."""
    asked = erasures.asked_for()
    return Erasure.objects.filter(pk__in=asked, pk__lt=row.pk, phase="files").exists()


def _begin(row: Erasure, tools: Tools, file: PersonalFile) -> None:
    """Take up a file, unless lanes died in it, or it changed meanwhile, again and again before it came further than ever."""
    tries = int(row.cursor.get("tries", 0)) + 1
    if tries > commands.TRIES:
        with tools.part():
            row.notes = [
                *row.notes,
                f"{file.path} was not rewritten: {commands.TRIES} tries ended in it",
            ]
            parts.go_on(row, "files", file=file.pk)
        return
    traits = Traits(row.keys, row.uids, parts.values(row, tools))
    with tools.part():
        parts.go_on(row, "files", **{**row.cursor, "tries": tries})
    tools.cleanings[row.pk] = Cleaning(file, traits)


def _go_on(row: Erasure, tools: Tools, held: Cleaning) -> None:
    try:
        held.go_on()
    except Changed:
        del tools.cleanings[row.pk]
        return
    furthest = int(row.cursor.get("rows", 0))
    with tools.part():
        if held.over:
            parts.count(row, {f"file.{held.file.kind}": held.removed})
            row.notes = [*row.notes, *([held.trouble] if held.trouble else [])]
            parts.go_on(row, "files", file=held.file.pk)
        elif held.rows > furthest:
            parts.go_on(row, "files", **{**row.cursor, "rows": held.rows, "tries": 0})
    if held.over:
        del tools.cleanings[row.pk]
