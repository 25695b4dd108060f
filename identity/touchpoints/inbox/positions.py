"""How far the lane has come: the positions that it keeps in the Django database."""

from identity.sql import fetch
from identity.touchpoints.types import Mode

LANE = 1  # the one row of identity_lane


def positions() -> dict[Mode, int]:
    """Return the number of the last row of each mode that was processed or set aside."""
    rows = fetch("SELECT live_position, history_position FROM identity_lane WHERE id = %s", [LANE])
    live, history = rows[0] if rows else (0, 0)
    return {Mode.LIVE: live, Mode.HISTORY: history}
