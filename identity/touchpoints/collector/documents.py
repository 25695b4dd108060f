"""What browser libraries ask for before they send: where to, and whether."""

from urllib.parse import urlsplit

from identity.touchpoints.collector.http import reply_json
from identity.touchpoints.collector.keyring import Origin
from identity.touchpoints.public import Reply

KEPT = 300  # seconds for which browsers may keep a settings document
_CACHE = {"Cache-Control": f"public, max-age={KEPT}"}


def segment_settings(write_key: str, collector_url: str) -> Reply:
    """Return the least that makes analytics.js send; without a sample rate of 0 it sends metrics to its vendor."""
    parts = urlsplit(collector_url)
    api_host = f"{parts.netloc}{parts.path}/v1"
    document = {
        "integrations": {
            "Segment.io": {"apiKey": write_key, "apiHost": api_host, "protocol": parts.scheme}
        },
        "plan": {"track": {"__default": {"enabled": True}}},
        "metrics": {"sampleRate": 0},
    }
    return reply_json(document, headers=_CACHE)


def rudder_config(write_key: str, origin: Origin) -> Reply:
    """Return what RudderStack's browser library wants to know of its source: enabled, and no destination."""
    off = {"enabled": False}
    document = {
        "source": {
            "id": str(origin.source),
            "name": origin.name,
            "writeKey": write_key,
            "enabled": True,
            "workspaceId": "filrouge",
            "config": {"statsCollection": {"errors": off, "metrics": off}},
            "destinations": [],
        },
        "updatedAt": "2026-01-01T00:00:00.000Z",
    }
    return reply_json(document, headers=_CACHE)
