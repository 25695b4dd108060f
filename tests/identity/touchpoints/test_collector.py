"""The collector's contract (docs/http-api.md), against the real server process."""

import base64
import gzip
import json
import socket
import time
import zlib
from collections.abc import Callable, Iterator
from itertools import pairwise
from typing import Any

import httpx
import pytest

from tests.environment import STORES
from tests.identity.touchpoints.process import Collector, collector

pytestmark = [pytest.mark.process, pytest.mark.stores]

GIF = b"GIF89a"


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Collector]:
    with collector(tmp_path_factory.mktemp("collector")) as made:
        yield made


@pytest.fixture(scope="module")
def key(server: Collector) -> str:
    return server.key()


@pytest.fixture
def client(server: Collector, key: str) -> Iterator[httpx.Client]:
    with httpx.Client(base_url=server.url, auth=(key, ""), trust_env=False) as made:
        yield made


@pytest.fixture
def sent(server: Collector) -> int:
    """Count what the inbox holds before the test; see `new`."""
    return len(server.rows())


def new(server: Collector, sent: int) -> list[dict[str, Any]]:
    return server.rows()[sent:]


def token(key: str) -> str:
    return base64.b64encode(f"{key}:".encode()).decode()


def page(**fields: Any) -> dict[str, Any]:
    return {"type": "page", "userId": "1", **fields}


FULL = ["identify", "track", "page", "screen", "group", "alias"]
COMMON = {"userId": "1", "previousId": "0", "groupId": "g", "event": "E", "type": "ignored"}


@pytest.mark.parametrize("type_", FULL)
def test_each_type_has_two_addresses(
    server: Collector, client: httpx.Client, sent: int, type_: str
) -> None:
    for address in (type_, type_[0]):
        answer = client.post(f"/v1/{address}", json=COMMON)
        assert (answer.status_code, answer.json()) == (200, {"success": True})
    assert [row["envelope"].type for row in new(server, sent)] == [type_] * 2


@pytest.mark.parametrize(
    "path", ["/v1/batch", "/v1/b", "/v1/import", "/beacon/v1/batch", "/v1/batch/"]
)
def test_batches(server: Collector, client: httpx.Client, sent: int, path: str) -> None:
    body = {"batch": [page(messageId="a"), page(messageId=7)], "sentAt": "2024-01-01T00:00:00Z"}
    answer = client.post(path, json=body | {"context": {"locale": "fr"}, "integrations": {}})
    assert (answer.status_code, answer.json()) == (200, {"success": True})
    first, second = new(server, sent)
    assert [first["event"]["messageId"], second["event"]["messageId"]] == ["a", 7]
    assert first["envelope"].sent_at == "2024-01-01T00:00:00Z"
    assert first["envelope"].context == {"locale": "fr"}
    assert first["given"] == ""
    assert client.post(path, json={"batch": []}).json() == {"success": True}


def test_an_event_without_message_id_is_given_one(
    server: Collector, client: httpx.Client, sent: int
) -> None:
    client.post("/v1/batch", json={"batch": [page(), page(messageId=None), page(messageId="")]})
    assert len({row["given"] for row in new(server, sent)} - {""}) == 3


def test_rudderstack_merge(server: Collector, client: httpx.Client, sent: int) -> None:
    pairs = [{"type": "email", "value": "a@b.fr"}, {"type": "user_id", "value": "1"}]
    assert client.post("/v1/merge", json={"mergeProperties": pairs}).json() == {"success": True}
    assert new(server, sent)[0]["envelope"].type == "merge"


@pytest.mark.parametrize(
    "how",
    [
        lambda key: {"headers": {"Authorization": f"Basic {token(key)}"}},
        lambda key: {
            "headers": {"Authorization": "Basic " + base64.b64encode(key.encode()).decode()}
        },
        lambda key: {"headers": {"Authorization": f"basic {token(key).rstrip('=')}"}},
        lambda key: {"headers": {"Authorization": "Bearer x"}, "body": {"writeKey": key}},
        lambda key: {"headers": {"Authorization": f"Bearer {key}"}},
        lambda key: {"headers": {"X-Write-Key": key}},
        lambda key: {"headers": {"X-Write-Key": f"{key}:secret"}, "body": {"writeKey": "***"}},
        lambda key: {"params": {"writeKey": key}},
        lambda key: {"body": {"writeKey": key}},
    ],
)
def test_every_way_to_say_who_sends(server: Collector, key: str, sent: int, how: Any) -> None:
    said = how(key)
    options = {"headers": said.get("headers"), "params": said.get("params")}
    for path, body in (("/v1/page", page()), ("/v1/batch", {"batch": [page()]})):
        answer = httpx.post(server.url + path, json=body | said.get("body", {}), **options)
        assert (answer.status_code, answer.json()) == (200, {"success": True})
    assert len(new(server, sent)) == 2


def test_each_event_of_a_batch_may_have_its_own_key(
    server: Collector, key: str, sent: int
) -> None:
    other = server.key("other")
    batch = [page(writeKey=key), page(writeKey=other), page(writeKey="wrong"), page()]
    answer = httpx.post(f"{server.url}/v1/batch", json={"batch": batch})
    assert answer.status_code == 200
    assert [error["code"] for error in answer.json()["errors"]] == ["write_key_invalid"] * 2
    assert len({row["source"] for row in new(server, sent)}) == 2


def test_unknown_keys_of_one_batch_are_looked_up_together(
    server: Collector, key: str, sent: int
) -> None:
    """One look after the other, as seldom as looks are, would take ten minutes."""
    batch = [page(writeKey=f"wrong-{number}") for number in range(2_499)]
    body = {"batch": [*batch, page(writeKey=key)]}
    answer = httpx.post(f"{server.url}/v1/batch", json=body, timeout=60)
    assert answer.status_code == 200
    assert answer.json()["okEvents"] == 1
    assert {each["code"] for each in answer.json()["errors"]} == {"write_key_invalid"}
    assert len(new(server, sent)) == 1


def test_a_batch_that_is_nobodys_is_401_since_no_page_would_show_it(server: Collector) -> None:
    for batch in ([], [page()], [page(writeKey="wrong"), page()]):
        answer = httpx.post(f"{server.url}/v1/batch", json={"batch": batch})
        assert (answer.status_code, answer.json()["code"]) == (401, "invalid_write_key")


def test_a_call_with_a_wrong_type_beside_its_key_is_counted_for_its_source(
    server: Collector, key: str
) -> None:
    before = server.refused().get("wrong_type", 0)
    answer = httpx.post(f"{server.url}/v1/page", json=page(sentAt={}, writeKey=key))
    assert answer.status_code == 200
    assert answer.json()["errors"][0]["code"] == "wrong_type"
    for _ in range(100):
        if server.refused().get("wrong_type", 0) == before + 1:
            return
        time.sleep(0.05)
    raise AssertionError("not counted")


def test_a_wrong_key_is_401_and_a_disabled_source_404(server: Collector) -> None:
    for options in ({}, {"auth": ("nobody", "")}, {"headers": {"Authorization": "Basic !!"}}):
        answer = httpx.post(f"{server.url}/v1/page", json=page(), **options)
        assert (answer.status_code, answer.json()["code"]) == (401, "invalid_write_key")
        assert answer.json()["message"] == "invalid write key"
    disabled = server.key("off", enabled=False)
    answer = httpx.post(f"{server.url}/v1/page", json=page(), auth=(disabled, ""))
    assert (answer.status_code, answer.json()["message"]) == (404, "source is disabled")


def test_a_revoked_key_writes_no_longer(server: Collector) -> None:
    revoked = server.key("left")
    assert httpx.post(f"{server.url}/v1/page", json=page(), auth=(revoked, "")).status_code == 200
    server.shell(
        "from identity.touchpoints import sources; from identity.touchpoints.models import WriteKey\n"
        f"sources.revoke_key(WriteKey.objects.get(prefix={revoked[:8]!r}).pk, 5, actor='tests')"
    )
    for _ in range(200):
        if httpx.post(f"{server.url}/v1/page", json=page(), auth=(revoked, "")).status_code == 401:
            return
        time.sleep(0.05)
    raise AssertionError("the key still writes")


@pytest.mark.parametrize(
    "kind", ["text/plain", "application/x-www-form-urlencoded", "", "image/png"]
)
def test_any_content_type_is_read_as_json(
    server: Collector, client: httpx.Client, sent: int, kind: str
) -> None:
    body = json.dumps(page(messageId=f"as {kind}")).encode()
    assert client.post("/v1/page", content=body, headers={"Content-Type": kind}).json() == {
        "success": True
    }
    packed = gzip.compress(body, mtime=0)
    headers = {"Content-Type": kind, "Content-Encoding": "gzip"}
    assert client.post("/v1/page", content=packed, headers=headers).json() == {"success": True}
    assert client.post("/v1/page", content=packed).json() == {"success": True}
    deflated = {"Content-Encoding": "deflate"}
    assert (
        client.post("/v1/page", content=zlib.compress(body), headers=deflated).status_code == 200
    )
    assert len(new(server, sent)) == 4


def test_jitsu(server: Collector, key: str, sent: int) -> None:
    headers = {"X-Write-Key": key}
    for path in ("/api/s/page", "/api/s/s2s/track", "/api/s/event"):
        body = page(event="E", writeKey="masked")
        answer = httpx.post(server.url + path, json=body, headers=headers)
        assert answer.status_code == 200
        assert answer.json() == {
            "success": True, "ok": True, "receivedEvents": 1, "okEvents": 1, "errors": [],
        }  # fmt: skip
    assert [row["envelope"].type for row in new(server, sent)] == ["page", "track", None]


def test_cross_origin(server: Collector, client: httpx.Client) -> None:
    asked = {
        "Origin": "https://shop.example",
        "Access-Control-Request-Method": "POST",
        "Access-Control-Request-Headers": "authorization,anonymousid,rsa-x",
    }
    for path in ("/v1/t", "/v1/batch", "/nowhere"):
        answer = httpx.options(server.url + path, headers=asked)
        assert answer.status_code == 200
        assert answer.headers["Access-Control-Allow-Origin"] == "https://shop.example"
        assert answer.headers["Access-Control-Allow-Headers"] == "authorization,anonymousid,rsa-x"
        assert answer.headers["Access-Control-Allow-Methods"] == "POST, GET, OPTIONS"
        assert answer.headers["Access-Control-Allow-Credentials"] == "true"
        assert answer.headers["Access-Control-Max-Age"] == "900"
    for answer in (
        client.post("/v1/page", json=page(), headers={"Origin": "null"}),
        client.post("/v1/page", content=b"{", headers={"Origin": "null"}),
    ):
        assert answer.headers["Access-Control-Allow-Origin"] == "null"


def test_pixels(server: Collector, key: str, sent: int) -> None:
    event = {"userId": "1", "event": "Seen", "properties": {"x": "1"}}
    data = base64.urlsafe_b64encode(json.dumps(event | {"writeKey": key}).encode()).decode()
    flat = {"writeKey": key, "userId": "1", "event": "Seen", "properties.x": "1", "event.y": "2"}
    for path, query in (
        ("/v1/pixel/track", {"data": data.rstrip("=")}),
        ("/v1/pixel/track", flat),
        ("/pixel/v1/track", flat),
    ):
        answer = httpx.get(server.url + path, params=query, headers={"User-Agent": "proxy/1"})
        assert answer.status_code == 200
        assert (answer.headers["Content-Type"], answer.content[:6]) == ("image/gif", GIF)
    found = [row["event"] for row in new(server, sent)]
    assert [each["properties"] for each in found] == [{"x": "1"}] * 3
    assert found[1]["context"] == {"userAgent": "proxy/1"}
    assert "writeKey" not in found[1]


@pytest.mark.parametrize(
    ("query", "status"),
    [
        ("data=!", 400),
        ("", 401),
        ("data=e30", 401),
        ("writeKey=KEY", 400),
        ("data=e30&writeKey=KEY", 400),
        ("writeKey=KEY&" + "&".join(f"f{n}=1" for n in range(1_001)), 400),
        ("writeKey=KEY&properties" + ".a" * 20_000 + "=1", 400),
    ],
)
def test_a_bad_pixel_is_a_picture_all_the_same(
    server: Collector, key: str, query: str, status: int
) -> None:
    answer = httpx.get(f"{server.url}/v1/pixel/track?{query.replace('KEY', key)}")
    assert (answer.status_code, answer.content[:6]) == (status, GIF)


def test_asking_for_the_head_of_a_pixel_records_nothing(
    server: Collector, key: str, sent: int
) -> None:
    query = {"writeKey": key, "userId": "1", "event": "Seen"}
    assert httpx.head(f"{server.url}/v1/pixel/track", params=query).status_code == 405
    assert new(server, sent) == []


def test_documents_of_browser_libraries(server: Collector, key: str) -> None:
    document = httpx.get(f"{server.url}/v1/projects/{key}/settings").json()
    assert document["integrations"]["Segment.io"] == {
        "apiKey": key, "apiHost": f"{server.address}/v1", "protocol": "http",
    }  # fmt: skip
    assert document["metrics"] == {"sampleRate": 0}
    for query in (f"?p=npm&v=3&build=modern&writeKey={key}", f"?writeKey={key}"):
        source = httpx.get(f"{server.url}/sourceConfig/{query}").json()["source"]
        assert (source["enabled"], source["destinations"]) == (True, [])
    assert httpx.get(f"{server.url}/v1/projects/wrong/settings").status_code == 404
    assert httpx.get(f"{server.url}/v1/projects/{key}/other").status_code == 404
    assert httpx.get(f"{server.url}/sourceConfig/?writeKey=wrong").status_code == 401


def test_metrics_of_libraries_are_dropped(
    server: Collector, client: httpx.Client, sent: int
) -> None:
    assert client.post("/v1/m", content=b"anything").status_code == 200
    assert not new(server, sent)


# --- Bad input ----------------------------------------------------------------------------------------------------------


def nested(depth: int) -> bytes:
    inside = b'{"a":' * depth + b"1" + b"}" * depth
    return b'{"type":"page","userId":"1","messageId":"deep","properties":' + inside + b"}"


BAD_EVENTS: list[tuple[bytes, str]] = [
    (b"null", "wrong_type"),
    (b"[]", "wrong_type"),
    (b'"text"', "wrong_type"),
    (b'{"type":"page","userId":{"a":1}}', "wrong_type"),
    (b'{"type":"page","userId":true}', "wrong_type"),
    (b'{"type":7,"userId":"1"}', "wrong_type"),
    (b'{"type":"page","userId":"1","properties":"x"}', "wrong_type"),
    (b'{"type":"page","userId":"1","context":[]}', "wrong_type"),
    (b'{"type":"track","userId":"1","event":{}}', "wrong_type"),
    (b'{"type":"page","userId":"1","timestamp":{}}', "wrong_type"),
    (b'{"userId":"1"}', "type_missing"),
    (b'{"type":"dance","userId":"1"}', "type_unknown"),
    (b'{"type":"track","userId":"1"}', "event_missing"),
    (b'{"type":"page"}', "id_missing"),
    (b'{"type":"page","userId":null,"anonymousId":""}', "id_missing"),
    (b'{"type":"alias","userId":"1"}', "alias_incomplete"),
    (b'{"type":"group","userId":"1"}', "group_missing"),
    (b'{"type":"merge","mergeProperties":[{}]}', "merge_incomplete"),
    (b'{"type":"page","userId":"1","messageId":"' + b"m" * 100 + b'"}', "message_id_too_long"),
    (b'{"type":"page","userId":"1","messageId":' + b"9" * 5000 + b"}", "wrong_type"),
    (b'{"type":"page","userId":"1","x":"' + b"x" * 32768 + b'"}', "too_large"),
    (b'{"type":"page","userId":"a\\u0000b"}', "not_text"),
    (b'{"type":"page","userId":"1","properties":{"a\\u0000":1}}', "not_text"),
    (b'{"type":"page","userId":"1","properties":{"a":"\\ud800"}}', "not_text"),
    (nested(64), "too_deep"),
    (nested(100), "too_deep"),
    (nested(1000), "too_deep"),
    (b'{"type":"page","userId":"1","timestamp":"1999-12-31T23:59:59Z"}', "too_old"),
]


@pytest.mark.parametrize(("bad", "code"), BAD_EVENTS)
def test_a_bad_event_is_refused_alone(
    server: Collector, client: httpx.Client, sent: int, bad: bytes, code: str
) -> None:
    counted = server.refused().get(code, 0)
    good = json.dumps(page(messageId="good")).encode()
    answer = client.post("/v1/batch", content=b'{"batch":[%b,%b,%b]}' % (good, bad, good))
    assert answer.status_code == 200
    body = answer.json()
    assert (body["success"], body["ok"], body["okEvents"]) == (True, False, 2)
    assert [(error["index"], error["code"]) for error in body["errors"]] == [(1, code)]
    assert body["errors"][0]["message"]
    assert [row["event"]["messageId"] for row in new(server, sent)] == ["good"] * 2
    strict = client.post(
        "/v1/batch", content=b'{"batch":[%b]}' % bad, headers={"X-Strict-Mode": "1"}
    )
    assert (strict.status_code, strict.json()["code"]) == (400, code)
    for _ in range(100):
        if server.refused().get(code, 0) == counted + 2:
            return
        time.sleep(0.05)
    raise AssertionError("not counted")


def test_what_is_too_old_goes_to_the_bad_rows_of_an_import(
    server: Collector, key: str, sent: int
) -> None:
    batch = {"events": [page(messageId="o", timestamp=1), page(messageId="n")], "source": 2}
    answer = httpx.post(
        f"http://{server.door}/touchpoints",
        json=batch | {"mode": "history"},
        headers={"Authorization": f"Bearer {server.keys.door}"},
        trust_env=False,
    )
    assert [(index, code) for index, code, _ in answer.json()["errors"]] == [(0, "too_old")]
    assert [row["event"]["messageId"] for row in new(server, sent)] == ["n"]


@pytest.mark.parametrize(
    "good",
    [
        b'{"type":"page","userId":"a\\\\u0000b"}',
        b'{"type":"page","userId":"1","properties":{"a":"\\ud83d\\ude00"}}',
        b'{"type":"page","userId":"1","properties":{"n":1e999}}',
        b'{"type":"page","userId":123456789012345678901234567890}',
        b'{"type":"page","userId":"1","properties":{"products":['
        + b",".join([b"{}"] * 900)
        + b"]}}",
        b'{"type":"page","userId":"1","timestamp":"9999-12-31T23:59:59Z"}',
        b'{"type":"page","userId":"1","timestamp":-200000000000000}',
        b'{"type":"page","userId":"1","timestamp":"1970-01-01T00:00:00Z","sentAt":"1970-01-01T00:00:02Z"}',
        b'{"type":"page","userId":"1","unknown":{"key":[1,2]}}',
        b'{"type":"alias","userId":"1","previousId":"1"}',
        nested(50),
        nested(63),
    ],
)
def test_what_looks_bad_and_is_not(client: httpx.Client, good: bytes) -> None:
    assert client.post("/v1/batch", content=b'{"batch":[%b]}' % good).json() == {"success": True}


@pytest.mark.parametrize(
    ("body", "status", "code"),
    [
        (b"", 400, "invalid_json"),
        (b"{", 400, "invalid_json"),
        (b'{"batch":[{"a":NaN}]}', 400, "invalid_json"),
        (b'{"batch":["\\ud800",NaN]}', 400, "invalid_json"),
        (b'{"batch":["\\ud8"x]}', 400, "invalid_json"),
        (b'{"batch":"\\ud800"}', 400, "invalid_body"),
        (b'{"context":{"a":"\\ud800"},"batch":[{}]}', 400, "bad_context"),
        (b"\xff\xfe", 400, "invalid_utf8"),
        (b'{"batch":[{"type":"page","userId":"\xff"}]}', 400, "invalid_utf8"),
        (b"[]", 400, "invalid_body"),
        (b"7", 400, "invalid_body"),
        (b"{}", 400, "invalid_body"),
        (b'{"batch":{}}', 400, "invalid_body"),
        (b'{"batch":null}', 400, "invalid_body"),
        (b'{"batch":[],"context":7}', 400, "invalid_body"),
        (b'{"batch":[],"writeKey":{}}', 400, "invalid_body"),
        (b'{"batch":' + b"[" * 100_000 + b"]" * 100_000 + b"}", 400, "too_deep"),
        (b'{"batch":[' + b",".join([b"{}"] * 2501) + b"]}", 413, "too_many_events"),
        (b'{"batch":["' + b"x" * 5_000_000 + b'"]}', 413, "too_large"),
        (
            b'{"context":{"a":"' + b"x" * 10_000 + b'"},"batch":[' + b",".join([b"{}"] * 2500) + b"]}",
            413,
            "context_too_large",
        ),
        (
            b'{"context":' + b'{"a":' * 500 + b"1" + b"}" * 500 + b',"batch":[{}]}',
            400,
            "bad_context",
        ),
        (b'{"context":{"a":"\\u0000"},"batch":[{}]}', 400, "bad_context"),
    ],
)  # fmt: skip
def test_a_bad_body_says_what_is_wrong(
    client: httpx.Client, body: bytes, status: int, code: str
) -> None:
    answer = client.post("/v1/batch", content=body)
    assert (answer.status_code, answer.json()["code"]) == (status, code)
    assert answer.json()["message"]
    assert client.post("/v1/page", json=page()).status_code == 200


HALF = b'{"type":"page","userId":"1","x":"%b"}'


@pytest.mark.parametrize(
    "half", [b"\\ud800", b"\\uDfff", b"\\ud800\\ud800\\udc00", b"\\\\\\ud800", b"\\n\\udc00."]
)
def test_half_a_pair_fails_its_event_alone_and_changes_no_other(
    server: Collector, client: httpx.Client, sent: int, half: bytes
) -> None:
    good = [
        json.dumps(page(messageId="text", t="é" * 12_000), ensure_ascii=False).encode(),
        b'{"type":"page","userId":"1","messageId":"number","properties":{"n":1e999}}',
        b'{"type":"page","userId":"1","messageId":"whole","x":"\\ud83d\\ude00\\\\ud800\\\\\\ud83d\\ude00"}',
    ]
    answer = client.post(
        "/v1/batch", content=b'{"batch":[%b]}' % b",".join([HALF % half, *good, HALF % half])
    )
    assert answer.status_code == 200
    found = [(each["index"], each["code"]) for each in answer.json()["errors"]]
    assert found == [(0, "not_text"), (4, "not_text")]
    stored = [row["event"] for row in new(server, sent)]
    assert [event["messageId"] for event in stored] == ["text", "number", "whole"]
    assert stored[2]["x"] == "😀\\ud800\\😀"


def test_gzip_in_several_members(server: Collector, client: httpx.Client, sent: int) -> None:
    whole = json.dumps({"batch": [page(), page()]}).encode()
    packed = gzip.compress(whole[:20]) + gzip.compress(whole[20:])
    answer = client.post("/v1/batch", content=packed, headers={"Content-Encoding": "gzip"})
    assert answer.status_code == 200
    assert len(new(server, sent)) == 2


@pytest.mark.parametrize(
    ("pack", "encoding", "status"),
    [
        (lambda: gzip.compress(bytes(200_000_000), 9, mtime=0), "gzip", 413),
        (lambda: gzip.compress(b'{"batch":[]}', mtime=0)[:-9], "gzip", 400),
        (lambda: b"no gzip", "gzip", 400),
        (lambda: b"x", "br", 415),
    ],
    ids=["bomb", "cut short", "no gzip", "unknown"],
)
def test_bad_compression(
    client: httpx.Client, pack: Callable[[], bytes], encoding: str, status: int
) -> None:
    answer = client.post("/v1/batch", content=pack(), headers={"Content-Encoding": encoding})
    assert answer.status_code == status
    assert answer.json()["code"]


def test_the_wrong_address_or_method(server: Collector, client: httpx.Client) -> None:
    assert client.get("/v1/batch").status_code == 405
    assert client.get("/v1/batch").headers["Allow"] == "POST"
    for path in ("/", "/v1", "/admin/", "/v1/dance", "/api/v1/profiles", "/v1/%ff", "/%00"):
        answer = client.post(path, json={})
        assert (answer.status_code, answer.json()["code"]) == (404, "not_found")
    assert httpx.get(f"{server.url}/v1/pixel/track?" + "&".join(["a=1"] * 2000)).status_code == 400


def test_ten_thousand_identifiers(client: httpx.Client) -> None:
    listed = [{"id": f"i{each}", "type": "user_id"} for each in range(10_000)]
    answer = client.post("/v1/page", json=page(context={"externalIds": listed}))
    assert answer.json()["errors"][0]["code"] == "too_large"
    fewer = client.post("/v1/page", json=page(context={"externalIds": listed[:500]}))
    assert fewer.json() == {"success": True}  # kept without owner by the lane, and listed


def test_a_body_in_chunks(server: Collector, key: str) -> None:
    body = iter([b'{"batch":[', json.dumps(page()).encode(), b"]}"])
    answer = httpx.post(f"{server.url}/v1/batch", content=body, auth=(key, ""))
    assert answer.json() == {"success": True}


def test_what_is_no_http_leaves_the_others_alone(server: Collector, client: httpx.Client) -> None:
    host, port = server.address.split(":")
    for bytes_ in (
        b"\x16\x03\x01\x02\x00",
        b"GET / HTTP/1.1\r\n: x\r\n\r\n",
        b"POST /v1/batch HTTP/1.1\r\nContent-Length: 9\r\n\r\n{",
    ):
        with socket.create_connection((host, int(port))) as raw:
            raw.sendall(bytes_)
    assert client.post("/v1/page", json=page()).status_code == 200


# --- Addresses of other floors, and the loopback door ---------------------------------------------------------------------


def test_an_address_of_another_floor_records_and_answers(server: Collector, sent: int) -> None:
    answer = httpx.get(f"{server.url}/c/42?to=https://shop.example/")
    assert (answer.status_code, answer.headers["Location"]) == (302, "https://shop.example/")
    (row,) = new(server, sent)
    assert row["event"]["context"]["filrouge"]["identifiers"] == ["user_id:42"]
    assert row["given"]
    fault = httpx.get(f"{server.url}/fault")
    assert (fault.status_code, fault.json()["code"]) == (500, "fault")


def test_the_door_wants_its_token(server: Collector) -> None:
    url = f"http://{server.door}/touchpoints"
    assert httpx.post(url, json={"events": []}).status_code == 401
    assert httpx.post(f"{server.url}/touchpoints", json={"events": []}).status_code == 404


def test_the_door_takes_history_for_a_source(server: Collector, key: str, sent: int) -> None:
    headers = {"Authorization": f"Bearer {server.keys.door}"}
    with httpx.Client(base_url=f"http://{server.door}", headers=headers) as door:
        event = {"type": "identify", "traits": {"email": "a@b.fr"}, "messageId": "h"}
        body = {"events": [event, {"type": "x"}], "source": 2, "mode": "history"}
        answer = door.post("/touchpoints", json=body)
        assert answer.json()["errors"][0][:2] == [1, "type_unknown"]
        (row,) = new(server, sent)
        assert (row["source"], row["mode"], row["event"]) == (2, "history", event)
        assert (
            door.post("/touchpoints", json={"events": [], "source": 9_000_000}).status_code == 404
        )
        assert door.post("/touchpoints", json={"events": [], "mode": "x"}).status_code == 400
        assert door.get("/health").json()["room"] is True


def test_nothing_of_a_request_is_logged(server: Collector, key: str, client: httpx.Client) -> None:
    client.post("/v1/page", json=page(traits={"email": "secret@person.fr"}))
    client.post("/v1/page", content=b'{"email":"secret@person.fr"')
    httpx.get(f"{server.url}/v1/pixel/track?writeKey={key}&properties.email=secret@person.fr")
    assert "secret" not in server.log()
    assert key not in server.log()


def test_no_faults_were_met(server: Collector, client: httpx.Client) -> None:
    """The one fault that a test asks for aside, the log is clean."""
    client.post("/v1/page", json=page())
    lines = server.log().splitlines()
    told = [before for before, line in pairwise(lines) if line.startswith('  File "')]
    assert all("A request failed" in each for each in told if not each.startswith("  "))
    assert "Traceback" not in server.log()


def test_the_directory_is_the_owners_alone(server: Collector) -> None:
    files = {"inbox.sqlite3", "keys.json"} if STORES == "sqlite" else {"keys.json"}
    for name in files:
        assert (server.directory / name).stat().st_mode & 0o077 == 0
