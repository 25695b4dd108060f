"""Sources with their write keys, and what was refused of them."""

from typing import Any

from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from identity import clock, pages
from identity.access import actor
from identity.privacy.shapes import Asked, valid
from identity.touchpoints import forgetting, selectors, sources
from identity.touchpoints.models import Forgetting, Refusal, Source, WriteKey
from identity.touchpoints.types import Touchpoint

READ, WRITE = "sources:read", "sources:write"
KINDS = [*sources.KINDS]


# --- Shapes ---


class _SourceChange(serializers.Serializer[Any]):
    name = serializers.CharField(max_length=200, required=False)
    kind = serializers.ChoiceField(KINDS, required=False)
    enabled = serializers.BooleanField(
        required=False, help_text="A source that is switched off is answered with 404."
    )
    region = serializers.CharField(
        max_length=2,
        required=False,
        allow_blank=True,
        help_text="ISO 3166; completes phone numbers.",
    )
    group_is_household = serializers.BooleanField(
        required=False, help_text="The groupId of its group calls names a household."
    )


class _NewSource(_SourceChange):
    name = serializers.CharField(max_length=200)
    kind = serializers.ChoiceField(KINDS, default="site")


class _SourceShape(serializers.Serializer[Any]):
    id = serializers.IntegerField()
    name = serializers.CharField()
    kind = serializers.CharField(
        help_text='"internal" is the product\'s own, "model" brings guesses.'
    )
    enabled = serializers.BooleanField()
    region = serializers.CharField()
    group_is_household = serializers.BooleanField()
    created_at = serializers.DateTimeField()


class _ForgettingShape(serializers.Serializer[Any]):
    asked_at = serializers.DateTimeField()
    asked_by = serializers.CharField()
    position = serializers.IntegerField(help_text="Inbox number up to which all is done.")
    until = serializers.IntegerField(
        help_text="Inbox number up to which there is something to do."
    )
    touchpoints = serializers.IntegerField(
        help_text="Of the source, that are no evidence any more."
    )
    done_at = serializers.DateTimeField(allow_null=True)


class _WriteKeyShape(serializers.Serializer[Any]):
    id = serializers.IntegerField()
    prefix = serializers.CharField(help_text="The first characters of the key.")
    created_at = serializers.DateTimeField()
    revoked_at = serializers.DateTimeField(allow_null=True)


class _NewWriteKeyShape(_WriteKeyShape):
    key = serializers.CharField(help_text="The key itself; nobody can show it again.")


class _SourceRefusalShape(serializers.Serializer[Any]):
    reason = serializers.CharField()
    count = serializers.IntegerField()
    detail = serializers.CharField(help_text="Of the latest.")
    first_at = serializers.DateTimeField()
    last_at = serializers.DateTimeField()


class _UnownedTouchpointShape(serializers.Serializer[Any]):
    number = serializers.IntegerField(help_text="Its number in the inbox.")
    touchpoint = serializers.CharField()
    event = serializers.CharField()
    reason = serializers.CharField(help_text="no_identifier, too_many:NAMESPACE, …")
    identifiers = serializers.ListField(
        child=serializers.CharField(), help_text="namespace:value; of personal data its HMAC."
    )
    at = serializers.DateTimeField()
    received_at = serializers.DateTimeField()


def _source(row: Source) -> dict[str, Any]:
    names = ("name", "kind", "enabled", "region", "created_at")
    return {
        "id": row.pk,
        **{name: getattr(row, name) for name in names},
        "group_is_household": bool(row.settings.get("group_is_household")),
    }


def _forgetting(row: Forgetting) -> dict[str, Any]:
    return {name: getattr(row, name) for name in list(_ForgettingShape().fields)}


def _key(row: WriteKey) -> dict[str, Any]:
    names = ("prefix", "created_at", "revoked_at")
    return {"id": row.pk, **{name: getattr(row, name) for name in names}}


def _refusal(row: Refusal) -> dict[str, Any]:
    return {name: getattr(row, name) for name in list(_SourceRefusalShape().fields)}


def _unowned(one: Touchpoint) -> dict[str, Any]:
    return {
        "number": one.number,
        "touchpoint": one.id,
        "event": one.event,
        "reason": one.refusal,
        "identifiers": [each.key for each in one.identifiers],
        "at": clock.to_datetime(one.at),
        "received_at": clock.to_datetime(one.received_at),
    }


# --- Views ---


class Sources(APIView):
    """Where touchpoints come from."""

    required_scope = {"GET": READ, "POST": WRITE}

    @extend_schema(
        operation_id="list_sources",
        parameters=pages.PARAMETERS,
        responses=pages.schema("SourcePage", _SourceShape(many=True)),
    )
    def get(self, request: Request) -> Response:
        """List sources."""
        page = pages.page(Source.objects.all(), request.query_params, order=["id"])
        return Response(page.render(_source))

    @extend_schema(operation_id="create_source", request=_NewSource, responses={201: _SourceShape})
    def post(self, request: Request) -> Response:
        """Make a source. It has no write key yet."""
        asked = valid(_NewSource, request)
        made = sources.create(**asked, now=clock.now(), actor=actor(request))
        return Response(_source(made), status=201)


class OneSource(APIView):
    """One source."""

    required_scope = {"GET": READ, "PATCH": WRITE}

    @extend_schema(operation_id="read_source", responses=_SourceShape)
    def get(self, request: Request, source: int) -> Response:
        """Return the source."""
        return Response(_source(selectors.source(source)))

    @extend_schema(operation_id="change_source", request=_SourceChange, responses=_SourceShape)
    def patch(self, request: Request, source: int) -> Response:
        """Change a source, or switch it off; collectors know within two seconds. What is not named stays."""
        asked = valid(_SourceChange, request)
        changed = sources.change(source, asked, clock.now(), actor=actor(request))
        return Response(_source(changed))


class Forget(APIView):
    """Takes what a source brought out of the evidence."""

    required_scope = {"GET": READ, "POST": WRITE}

    @extend_schema(operation_id="source_forgetting", responses=_ForgettingShape)
    def get(self, request: Request, source: int) -> Response:
        """Say how far it has come."""
        return Response(_forgetting(forgetting.progress(source)))

    @extend_schema(operation_id="forget_source", request=None, responses={202: Asked})
    def post(self, request: Request, source: int) -> Response:
        """Switch a source off for good and let all links that it brought disappear; its touchpoints stay stored, but are no evidence."""
        command = forgetting.ask(source, actor=actor(request), now=clock.now())
        return Response({"command": command}, 202)


class Keys(APIView):
    """Write keys of a source."""

    required_scope = {"GET": READ, "POST": WRITE}

    @extend_schema(
        operation_id="list_write_keys",
        parameters=pages.PARAMETERS,
        responses=pages.schema("WriteKeyPage", _WriteKeyShape(many=True)),
    )
    def get(self, request: Request, source: int) -> Response:
        """List the write keys of a source, revoked ones too, newest first."""
        rows = WriteKey.objects.filter(source=selectors.source(source))
        return Response(pages.page(rows, request.query_params, order=["-id"]).render(_key))

    @extend_schema(
        operation_id="create_write_key", request=None, responses={201: _NewWriteKeyShape}
    )
    def post(self, request: Request, source: int) -> Response:
        """Make a write key. The answer shows it this once."""
        row, clear = sources.create_key(source, clock.now(), actor=actor(request))
        return Response({**_key(row), "key": clear}, status=201)


class OneKey(APIView):
    """One write key."""

    required_scope = {"DELETE": WRITE}

    @extend_schema(operation_id="revoke_write_key", request=None, responses={204: None})
    def delete(self, request: Request, source: int, key: int) -> Response:
        """Let a write key write no longer; collectors know within two seconds."""
        found = selectors.key_of(source, key)
        sources.revoke_key(found.pk, clock.now(), actor=actor(request))
        return Response(status=204)


class Refusals(APIView):
    """What was refused."""

    required_scope = {"GET": READ}

    @extend_schema(
        operation_id="list_refusals",
        parameters=pages.PARAMETERS,
        responses=pages.schema("SourceRefusalPage", _SourceRefusalShape(many=True)),
    )
    def get(self, request: Request, source: int) -> Response:
        """Count, by reason, what was refused of a source or taken with a value left out; the latest first."""
        rows = Refusal.objects.filter(source=selectors.source(source))
        page = pages.page(rows, request.query_params, order=["-last_at", "-id"])
        return Response(page.render(_refusal))


class Unowned(APIView):
    """Touchpoints that are kept, but count for nobody."""

    required_scope = {"GET": READ}

    @extend_schema(
        operation_id="list_unowned",
        parameters=pages.PARAMETERS,
        responses=pages.schema("UnownedPage", _UnownedTouchpointShape(many=True)),
    )
    def get(self, request: Request, source: int) -> Response:
        """List the touchpoints of a source that were refused as evidence of who is who, the latest first."""
        query = request.query_params
        key, limit = pages.after(query, int), pages.limit_of(query)
        before = None if key is None else int(key[0])
        rows = selectors.unowned(source, before=before, limit=limit + 1)
        page = pages.cut(rows, limit=limit, key=lambda one: (one.number,))
        return Response(page.render(_unowned))
