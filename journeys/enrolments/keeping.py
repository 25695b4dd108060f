"""Forgets what nobody can ask for any more, a slice at a time."""

from identity.clock import DAY, Instant
from identity.sql import execute
from journeys.enrolments.sightings import KEPT


def prune(now: Instant, limit: int) -> int:
    """Delete old sightings of people who are in no journey, close goals that were missed; return how many rows changed.

    `limit` bounds each statement; call again until it returns 0.
    """
    return (
        _sightings(now - KEPT, limit)
        + _goals(now - KEPT, limit)
        + _slots(now, limit)
        + _versions(now - DAY)
    )


def _sightings(before: Instant, limit: int) -> int:
    """Who is in a journey keeps everything since the entry, through whichever identifier it came."""
    return execute(
        "DELETE FROM journeys_sighting WHERE number IN ("
        "SELECT s.number FROM journeys_sighting AS s"
        " JOIN identity_identifier AS i ON i.id = s.owner_id"
        " WHERE s.at < %s AND NOT EXISTS ("
        "SELECT 1 FROM identity_identifier AS o JOIN journeys_enrolment AS e ON e.owner_id = o.id"
        " WHERE o.profile_id = i.profile_id AND e.watching AND e.entered_at <= s.at)"
        " ORDER BY s.at LIMIT %s)",
        [before, limit],
    )


def _goals(before: Instant, limit: int) -> int:
    return execute(
        "UPDATE journeys_enrolment SET goal_until = NULL, watching = (state <> 'done') WHERE id IN ("
        "SELECT id FROM journeys_enrolment WHERE goal_until IS NOT NULL AND goal_until < %s"
        " ORDER BY goal_until LIMIT %s)",
        [before, limit],
    )


def _slots(now: Instant, limit: int) -> int:
    return execute(
        "DELETE FROM journeys_slot WHERE id IN ("
        "SELECT id FROM journeys_slot WHERE until IS NOT NULL AND until <= %s LIMIT %s)",
        [now, limit],
    )


def _versions(before: Instant) -> int:
    """Let go of versions that were followed by another and that nobody is in."""
    return execute(
        "UPDATE journeys_journeyversion SET in_use = false WHERE in_use AND published_at < %s"
        " AND id NOT IN (SELECT version_id FROM journeys_journey WHERE version_id IS NOT NULL)"
        " AND NOT EXISTS (SELECT 1 FROM journeys_enrolment AS e"
        " WHERE e.version_id = journeys_journeyversion.id AND e.watching)",
        [before],
    )
