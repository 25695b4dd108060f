"""Whatever the OpenAPI document allows, and what it does not: no answer is a 5xx, errors have code and message, answers are as described."""

from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from typing import Any, cast

import pytest
import schemathesis
from django.core.wsgi import get_wsgi_application
from django.db import transaction
from django.test import Client
from drf_spectacular.generators import SchemaGenerator
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from schemathesis import GenerationMode
from schemathesis.specs.openapi.checks import response_schema_conformance

from dmp_site import apikeys
from identity.touchpoints import inbox
from tests.dmp_site.api.furnished import furnish

pytestmark = [pytest.mark.django_db(databases="__all__"), pytest.mark.slow]

EXAMPLES = 5  # of each operation
MOSTLY = 0.7  # of the names in addresses are those of something that there is
MODES = (GenerationMode.POSITIVE, GenerationMode.NEGATIVE)

Known = Mapping[str, list[Any]]

_schema = schemathesis.openapi.from_dict(SchemaGenerator().get_schema(request=None, public=True))
_schema.app = get_wsgi_application()
OPERATIONS: list[Any] = [cast(Any, each).ok() for each in _schema.get_all_operations()]


@contextmanager
def undone() -> Iterator[None]:
    """Take back what is written inside."""
    with ExitStack() as stack:
        for using in ("default", "queue"):
            stack.enter_context(transaction.atomic(using=using))
        yield
        for using in ("default", "queue"):
            transaction.set_rollback(True, using=using)


@pytest.fixture
def site() -> tuple[str, Known]:
    """Furnish an installation; return a key that may do everything, and what names the things that there are."""
    inbox.make()
    key = apikeys.create("tests", ["*"], 1, actor="tests")[1]
    client = Client(headers={"Authorization": f"Bearer {key}"})

    def post(path: str, body: Any) -> Any:
        answer = client.post(f"/api/v1/{path}", body, "application/json")
        assert answer.status_code < 300, answer.content
        return answer.json()

    return key, furnish(post)


@pytest.mark.parametrize("operation", OPERATIONS, ids=lambda each: each.label)
def test_nothing_that_can_be_asked_is_a_fault(operation: Any, site: tuple[str, Known]) -> None:
    key, known = site

    @settings(
        max_examples=EXAMPLES,
        derandomize=True,
        database=None,
        phases=[Phase.explicit, Phase.generate],
        suppress_health_check=list(HealthCheck),
    )
    @given(
        case=st.one_of([operation.as_strategy(generation_mode=mode) for mode in MODES]),
        pick=st.randoms(use_true_random=False),
    )
    def ask(case: Any, pick: Any) -> None:
        for name in case.path_parameters or {}:
            if name in known and pick.random() < MOSTLY:
                case.path_parameters[name] = pick.choice(known[name])
        with undone():
            answer = case.call(headers={"Authorization": f"Bearer {key}"})
        assert answer.status_code < 500, answer.text
        if answer.status_code < 400:
            case.validate_response(answer, checks=[response_schema_conformance])
        else:
            said = answer.json()
            assert said["code"]
            assert said["message"]

    ask()
