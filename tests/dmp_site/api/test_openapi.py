"""The OpenAPI document is the one in docs/, every operation says what it needs, and the browsable docs load nothing foreign."""

import re
from pathlib import Path

import pytest
import yaml
from django.urls import URLPattern, URLResolver, get_resolver
from drf_spectacular.generators import SchemaGenerator
from drf_spectacular.validation import validate_schema

from dmp_site.api.authentication import required_scope

DOCUMENT = Path(__file__).resolve().parents[3] / "docs" / "openapi.yaml"
OPEN = {"SpectacularAPIView", "SpectacularSwaggerSplitView", "Unknown"}


@pytest.fixture(scope="module")
def schema():
    return SchemaGenerator().get_schema(request=None, public=True)


def test_the_document_in_docs_is_up_to_date(schema):
    written = yaml.load(DOCUMENT.read_text(), yaml.CSafeLoader)
    plain = yaml.load(yaml.dump(_plain(schema), Dumper=yaml.CSafeDumper), yaml.CSafeLoader)
    assert plain == written, "the API changed: run `make openapi` and look at the difference"


def test_the_document_is_valid(schema):
    validate_schema(schema)


def test_every_component_has_a_name_that_clients_can_make_a_class_of(schema):
    names = schema["components"]["schemas"]
    assert [name for name in names if not re.fullmatch(r"([A-Z][a-z]+)+", name)] == []
    assert [name for name in names if re.search(r"Shape|Form(Request)?$", name)] == []


def test_every_operation_is_described_and_guarded(schema):
    for path, operations in schema["paths"].items():
        for method, operation in operations.items():
            assert "Scope: `" in operation.get("description", ""), f"{method} {path}"
            assert "default" in operation["responses"], f"{method} {path}"


def test_every_list_comes_in_pages(schema):
    for path, operations in schema["paths"].items():
        answer = operations.get("get", {}).get("responses", {}).get("200", {})
        shape = answer.get("content", {}).get("application/json", {}).get("schema", {})
        assert shape.get("type") != "array", path
        if "Page" in shape.get("$ref", ""):
            named = {one["name"] for one in operations["get"]["parameters"]}
            assert {"limit", "cursor"} <= named, path


def test_every_view_names_a_scope_for_each_method():
    for view in _views(get_resolver().url_patterns):
        if view.__name__ in OPEN:
            continue
        for method in view.http_method_names:
            if hasattr(view, method) and method not in {"options", "head"}:
                assert required_scope(view, method.upper()), f"{view.__name__}.{method}"


@pytest.mark.django_db
def test_the_docs_open_without_a_login_and_without_another_host(client):
    page = client.get("/api/docs")
    assert page.status_code == 200
    text = page.content.decode()
    assert not re.findall(r"""(?:src|href)=["']https?:""", text)
    assert "default-src 'self'" in page.headers["Content-Security-Policy"]
    for address in re.findall(r"""(?:src|href)=["']([^"']+)""", text):
        answer = client.get(address.replace("&amp;", "&"))
        answer.close()
        assert answer.status_code == 200, address


def _views(patterns):
    for pattern in patterns:
        if isinstance(pattern, URLResolver):
            yield from _views(pattern.url_patterns)
        elif isinstance(pattern, URLPattern):
            view = getattr(pattern.callback, "cls", None)
            if view is not None:
                yield view


def _plain(value):
    if isinstance(value, dict):
        return {str(name): _plain(part) for name, part in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(part) for part in value]
    return value if isinstance(value, bool | int | float | type(None)) else str(value)
