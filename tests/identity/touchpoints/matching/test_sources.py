"""Who may say how sure a link is: a model's source, to which no key writes."""

from typing import Any

import pytest

from identity.errors import DomainError
from identity.touchpoints import forgetting, sources
from identity.touchpoints.decode import MODEL, decode
from identity.touchpoints.models import Source, WriteKey
from identity.touchpoints.types import Identifier, Touchpoint
from tests.identity.touchpoints.events import row

pytestmark = pytest.mark.django_db

NOW = 1_700_000_000_000


def told(source: Source, own: dict[str, Any], *values: str) -> Touchpoint:
    external = [{"type": "loyalty_id", "id": each} for each in values or ("c1", "c2")]
    context = {"externalIds": external, "filrouge": own}
    [found] = decode([row(source, {"type": "identify", "messageId": "m", "context": context})])
    return found


@pytest.fixture
def model() -> Source:
    return sources.model("Splink", NOW, actor="tests")


def test_a_model_says_how_sure_it_is(model: Source) -> None:
    found = told(model, {"strength": 0.75})
    assert (found.strength, found.refusal) == (0.75, "")
    assert found.owner == Identifier("loyalty_id", "c1")
    assert "filrouge" not in found.context


@pytest.mark.parametrize(
    "own", [{}, {"strength": 1}, {"strength": 0}, {"strength": True}, {"strength": "0.5"}]
)
def test_what_is_no_guess_is_no_evidence_of_a_model(model: Source, own: dict[str, Any]) -> None:
    found = told(model, own)
    assert (found.owner, found.refusal) == (None, "no_strength")


@pytest.mark.parametrize("kind", list(sources.KINDS))
def test_nobody_else_can_say_it(kind: str) -> None:
    source = sources.create("public", kind, NOW, actor="tests")
    assert told(source, {"strength": 0.75}).strength == 1


def test_a_model_has_no_key_and_stays_what_it_is(model: Source) -> None:
    other = sources.create("public", "crm", NOW, actor="tests")
    with pytest.raises(DomainError, match="guesses"):
        sources.create_key(model.pk, NOW, actor="tests")
    with pytest.raises(DomainError, match="guesses"):
        sources.ensure(model.name, "crm", NOW, actor="tests")  # as for an import
    assert not WriteKey.objects.exists()
    for row_, values in (
        (model, {"kind": "crm"}),
        (model, {"enabled": False}),
        (other, {"kind": MODEL}),
    ):
        with pytest.raises(DomainError):
            sources.change(row_.pk, values, NOW, actor="tests")
    with pytest.raises(DomainError, match="one of"):
        sources.create("guesses", MODEL, NOW, actor="tests")


def test_a_source_of_guesses_is_made_once_and_is_no_other(model: Source) -> None:
    sources.create("crm", "crm", NOW, actor="tests")
    assert sources.model("Splink", NOW, actor="tests") == model
    with pytest.raises(DomainError, match="another kind"):
        sources.model("crm", NOW, actor="tests")
    forgetting.ask(model.pk, actor="tests", now=NOW)
    with pytest.raises(DomainError, match="forgotten"):
        sources.model("Splink", NOW, actor="tests")
