"""Removing a person from all journeys, for good."""

from collections.abc import Collection

from identity.sql import Rows, execute

_TABLES = {
    "steps": "journeys_step WHERE enrolment_id IN (SELECT e.id FROM {owners} JOIN journeys_enrolment AS e ON e.owner_id = o.id)",
    "enrolments": "journeys_enrolment WHERE owner_id IN (SELECT o.id FROM {owners})",
    "slots": "journeys_slot WHERE owner_id IN (SELECT o.id FROM {owners})",
    "sightings": "journeys_sighting WHERE owner_id IN (SELECT o.id FROM {owners})",
}


def erase(owners: Collection[int]) -> dict[str, int]:
    """Delete everything that hangs on these owner identifiers, in the caller's transaction; return counts for the certificate."""
    rows = Rows("o", id="bigint")
    given = rows.of((owner,) for owner in owners)
    return {
        name: execute(f"DELETE FROM {where.format(owners=rows)}", given)
        for name, where in _TABLES.items()
    }
