"""A client of the REST API."""

import json
from typing import Any

import pytest
from django.test import Client

from dmp_site import apikeys


@pytest.fixture
def call(client: Client) -> Any:
    """Call the API with a key that may read and write audiences and pressure."""
    scopes = [f"{room}:{verb}" for room in ("audiences", "pressure") for verb in ("read", "write")]
    key = apikeys.create("tests", scopes, 1, actor="tests")[1]

    def _call(method: str, path: str, body: Any = None) -> Any:
        return client.generic(
            method,
            f"/api/v1/{path}",
            b"" if body is None else json.dumps(body).encode(),
            content_type="application/json",
            headers={"Authorization": f"Bearer {key}"},
        )

    return _call
