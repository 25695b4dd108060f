"""README, quickstart and HTTP API: what a reader would type is typed, against a whole installation in real processes."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.docs.examples import Block, blocks, curl, shown_in
from tests.environment import STORES
from tests.installation import Installation, installation

pytestmark = [
    pytest.mark.process,
    pytest.mark.stores,
    # What the libraries do to their own dependencies is not ours to mend.
    pytest.mark.filterwarnings("ignore::DeprecationWarning"),
    pytest.mark.filterwarnings("ignore::FutureWarning"),
]


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Installation]:
    with installation(tmp_path_factory.mktemp("site")) as made:
        made.up()
        yield made


@pytest.fixture(scope="module")
def write_key(site: Installation) -> str:
    return site.write_key()


@pytest.fixture(scope="module")
def api_key(site: Installation) -> str:
    return site.api_key("*:read")


def here(site: Installation, text: str, **values: str) -> str:
    """Put this installation's addresses and keys where the document has its own."""
    text = text.replace("127.0.0.1:8000", site.console).replace("127.0.0.1:8001", site.collector)
    for name, value in values.items():
        text = text.replace(f"${name}", value)
    return text


def read(site: Installation, api_key: str, path: str) -> Any:
    """Read from the REST API what the lane has not processed at once."""

    def answered() -> Any:
        answer = site.api(api_key, "GET", path)
        return answer.json() if answer.status_code == 200 else None

    return site.wait_for(answered, path, seconds=60)


def commands(document: str, program: str) -> list[str]:
    return [
        block.text
        for block in blocks(document)
        if block.language == "sh" and block.text.startswith(program)
    ]


@pytest.mark.skipif(
    STORES == "neo4j", reason="the other documents' installation has the one database of Neo4j"
)
def test_readme_sends_a_touchpoint_and_shows_the_profile(tmp_path: Path) -> None:
    """It has an installation of its own: the other documents tell of an Alice too."""
    with installation(tmp_path) as site:
        site.up()
        (command,) = commands("README.md", "curl")
        answer = curl(here(site, command, WRITE_KEY=site.write_key()))
        assert (answer.status_code, answer.json()) == (200, {"success": True})
        (shown,) = [
            json.loads(block.text) for block in blocks("README.md") if block.language == "json"
        ]
        real = read(site, site.api_key("*:read"), "profiles/by/user_id/alice")
        assert shown_in(shown, real), real


def test_quickstart_sends_touchpoints_and_reads_the_profile(site: Installation) -> None:
    (make_key,) = commands("docs/quickstart.md", ".venv/bin/python manage.py createkey")
    write_key = site.manage(*make_key.split()[2:]).stdout.split()[-1]
    (code,) = [block for block in blocks("docs/quickstart.md") if block.language == "python"]
    exec(here(site, code.text).replace("wk_…", write_key), {})
    (lines,) = commands("docs/quickstart.md", "KEY=")
    make_api_key, command = lines.splitlines()
    api_key = site.manage(*(part.strip("')") for part in make_api_key.split()[2:])).stdout.strip()
    read(site, api_key, "profiles/by/user_id/alice")
    profile = curl(here(site, command, KEY=api_key)).json()
    assert "user_id:alice" in [one["key"] for one in profile["identifiers"]]
    docs = httpx.get(here(site, "http://127.0.0.1:8000/api/docs"))
    assert docs.status_code == 200


def test_the_curl_commands_of_the_http_api_are_answered_as_shown(
    site: Installation, write_key: str
) -> None:
    listed = blocks("docs/http-api.md")
    compared = 0
    for block, following in zip(listed, [*listed[1:], Block("", "")], strict=True):
        if block.language == "sh":
            answer = curl(here(site, block.text, WRITE_KEY=write_key))
            if following.language == "json":
                shown = json.loads(following.text)
                assert shown_in(shown, answer.json(), exactly=True), answer.text
                compared += 1
            else:
                assert (answer.status_code, answer.headers["content-type"]) == (200, "image/gif")
    assert compared == 5


def test_the_libraries_of_the_http_api_send(
    site: Installation, write_key: str, api_key: str
) -> None:
    examples = [block for block in blocks("docs/http-api.md") if block.language == "python"]
    assert len(examples) == 2
    for block in examples:
        exec(here(site, block.text), {"WRITE_KEY": write_key})

    def both() -> bool:
        profile = read(site, api_key, "profiles/by/user_id/alice")
        orders = {order["order_id"] for order in profile["orders"]["latest"]}
        return {"2", "3"} <= orders

    site.wait_for(both, "the orders of both libraries", seconds=60)


def test_a_document_and_an_answer_are_compared_key_by_key() -> None:
    real = {"id": "id:5f0c", "list": [{"a": 1, "b": 2}, {"a": 3}], "more": None}
    assert shown_in({"id": "id:12ab…", "list": [{"a": 1}]}, real)
    wrong: dict[str, Any]
    for wrong in ({"ident": "…"}, {"id": "ad:12…"}, {"list": [{"a": 2}]}, {"more": {}}):
        assert not shown_in(wrong, real)
    assert not shown_in({"id": "…"}, real, exactly=True)


def test_every_document_with_commands_is_run() -> None:
    """A document that gets its first curl command is brought here."""
    root = Path(__file__).resolve().parents[2]
    with_curl = {
        str(path.relative_to(root))
        for path in [root / "README.md", *(root / "docs").rglob("*.md")]
        if any("curl " in block.text for block in blocks(str(path.relative_to(root))))
    }
    assert with_curl == {"README.md", "docs/quickstart.md", "docs/http-api.md"}
