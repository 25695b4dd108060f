"""REST: templates, deliveries, and what a channel does that is not built in: fetch, acknowledge, report, pull its lists.

A key of one channel reaches that channel alone.
"""

from functools import partial
from typing import Any

from django.urls import path
from django.utils.translation import gettext
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from activation.deliveries import fetching, lists, selectors, services
from activation.deliveries.events import REACTIONS
from activation.deliveries.fetching import Handed
from activation.deliveries.models import Delivery, PartnerList, Template
from activation.deliveries.rendering import Parts
from activation.deliveries.types import DeliveryStatus
from identity import clock, pages
from identity.access import caller
from identity.errors import DomainError
from identity.privacy import waiting
from identity.touchpoints import inbox

READ, WRITE = "deliveries:read", "deliveries:write"
TEMPLATES_READ, TEMPLATES_WRITE = "templates:read", "templates:write"
_MOST = 500  # deliveries or receipts of one call


# --- Shapes ---


class _Parts(serializers.Serializer[Any]):
    subject = serializers.CharField(required=False, allow_blank=True, max_length=300)
    text = serializers.CharField(required=False, allow_blank=True, trim_whitespace=False)
    html = serializers.CharField(required=False, allow_blank=True, trim_whitespace=False)


class _NewTemplate(_Parts):
    name = serializers.SlugField(max_length=100)
    channel = serializers.SlugField(max_length=60)


class _Sample(serializers.Serializer[Any]):
    values = serializers.DictField(required=False, default=dict)


class _TemplateShape(serializers.Serializer[Any]):
    id = serializers.IntegerField(help_text="What a journey's send names: this very version.")
    name = serializers.CharField()
    version = serializers.IntegerField()
    channel = serializers.CharField()
    subject = serializers.CharField()
    text = serializers.CharField()
    html = serializers.CharField()
    created_at = serializers.DateTimeField()
    created_by = serializers.CharField()


class _DeliveryShape(serializers.Serializer[Any]):
    key = serializers.CharField()
    channel = serializers.CharField()
    message_class = serializers.CharField()
    template = serializers.CharField()
    journey = serializers.IntegerField(allow_null=True)
    node = serializers.CharField()
    status = serializers.CharField()
    reason = serializers.CharField()
    held = serializers.BooleanField()
    tries = serializers.IntegerField()
    decision = serializers.IntegerField()
    created_at = serializers.DateTimeField()
    due_at = serializers.DateTimeField()
    handed_at = serializers.DateTimeField(allow_null=True)
    settled_at = serializers.DateTimeField(allow_null=True)
    provider_id = serializers.CharField()


class _Event(serializers.Serializer[Any]):
    at = serializers.DateTimeField()
    what = serializers.CharField()
    detail = serializers.CharField()
    by = serializers.CharField()


class _FullDelivery(_DeliveryShape):
    timeline = _Event(many=True)


class _Resolution(serializers.Serializer[Any]):
    went = serializers.BooleanField(help_text="Whether the message reached its channel.")


class _Fetch(serializers.Serializer[Any]):
    limit = serializers.IntegerField(required=False, default=50, min_value=1, max_value=_MOST)


class _HandedShape(serializers.Serializer[Any]):
    key = serializers.CharField(help_text="Its name in acknowledgements and receipts.")
    id = serializers.CharField(
        help_text="Its idempotency key for every provider: no other message has it, of any installation."
    )
    address = serializers.CharField()
    message_class = serializers.CharField()
    subject = serializers.CharField()
    text = serializers.CharField()
    html = serializers.CharField()
    headers = serializers.DictField()
    data = serializers.DictField()  # type: ignore[assignment]
    ack_before = serializers.DateTimeField()


class _FetchedShape(serializers.Serializer[Any]):
    results = _HandedShape(many=True)


class _Acks(serializers.Serializer[Any]):
    keys = serializers.DictField(
        child=serializers.CharField(allow_blank=True, max_length=200),
        help_text="Key of the delivery -> the provider's id, or empty.",
    )


class _Changed(serializers.Serializer[Any]):
    changed = serializers.ListField(child=serializers.CharField())


class _Receipt(serializers.Serializer[Any]):
    key = serializers.CharField(max_length=200)
    event = serializers.ChoiceField(sorted(REACTIONS))
    id = serializers.CharField(
        required=False, max_length=200, help_text="Counts once under this id."
    )
    at = serializers.CharField(
        required=False, max_length=40, help_text="ISO 8601; now if missing."
    )
    properties = serializers.DictField(required=False, default=dict)


class _Receipts(serializers.Serializer[Any]):
    receipts = _Receipt(many=True)


class _Refused(serializers.Serializer[Any]):
    index = serializers.IntegerField(help_text="Place in what was posted.")
    code = serializers.CharField()
    message = serializers.CharField()


class _Reported(serializers.Serializer[Any]):
    unknown = serializers.ListField(
        child=serializers.CharField(), help_text="Keys that are no deliveries of this channel."
    )
    errors = _Refused(many=True, help_text="Receipts that were refused; the others were taken.")  # type: ignore[assignment]


class _NewList(serializers.Serializer[Any]):
    name = serializers.SlugField(max_length=100)
    namespace = serializers.CharField(max_length=60, help_text="maid, partner_NAME, ...")
    audience = serializers.SlugField(
        required=False, default="", allow_blank=True, help_text="Short name; empty: everybody."
    )


class _ListShape(_NewList):
    channel = serializers.CharField()


class _EntryShape(serializers.Serializer[Any]):
    id = serializers.CharField(help_text="The identifier, without its namespace.")
    state = serializers.ChoiceField([lists.IN, lists.CAPPED, lists.OUT])


class _EntriesShape(serializers.Serializer[Any]):
    results = _EntryShape(many=True)
    next = serializers.CharField(allow_null=True, help_text="There is more, after this cursor.")
    cursor = serializers.CharField(help_text="Ask with it later for what changed since.")


def _template(row: Template) -> dict[str, Any]:
    fields = ("name", "version", "channel", "subject", "text", "html", "created_at", "created_by")
    return {"id": row.pk, **{name: getattr(row, name) for name in fields}}


def _delivery(row: Delivery) -> dict[str, Any]:
    names = list(_DeliveryShape().fields)
    return {name: getattr(row, name) for name in names if name != "template"} | {
        "template": str(row.template)
    }


def _full(row: Delivery) -> dict[str, Any]:
    return {**_delivery(row), "timeline": selectors.timeline(row)}


def _handed(one: Handed) -> dict[str, Any]:
    message = one.message
    return {
        "key": message.key,
        "id": message.id,
        "address": message.address,
        "message_class": one.message_class,
        "subject": message.subject,
        "text": message.text,
        "html": message.html,
        "headers": dict(message.headers),
        "data": dict(message.data),
        "ack_before": clock.to_datetime(one.ack_before),
    }


def _list(row: PartnerList) -> dict[str, Any]:
    audience = row.audience.slug if row.audience else ""
    return {
        "channel": row.channel,
        "name": row.name,
        "namespace": row.namespace,
        "audience": audience,
    }


def _read(shape: type[serializers.Serializer[Any]], request: Request) -> dict[str, Any]:
    form = shape(data=request.data)
    form.is_valid(raise_exception=True)
    return dict(form.validated_data)


def _parts(form: dict[str, Any]) -> Parts:
    return Parts(form.get("subject", ""), form.get("text", ""), form.get("html", ""))


def _who(request: Request) -> dict[str, Any]:
    return {"actor": caller(request).actor, "now": clock.now()}


def _own(request: Request, channel: str) -> str:
    """Let a key of one channel reach that channel alone."""
    own = caller(request).channel
    if own and own != channel:
        raise DomainError(
            "other_channel",
            gettext("this key belongs to the channel %(own)s") % {"own": own},
            status=403,
        )
    return channel


# --- Templates ---


class Templates(APIView):
    required_scope = {"GET": TEMPLATES_READ, "POST": TEMPLATES_WRITE}

    @extend_schema(
        operation_id="list_templates",
        parameters=pages.PARAMETERS,
        responses=pages.schema("TemplatePage", _TemplateShape(many=True)),
    )
    def get(self, request: Request) -> Response:
        """List templates, each in its newest version."""
        rows = selectors.templates()
        return Response(pages.page(rows, request.query_params, order=["-id"]).render(_template))

    @extend_schema(
        operation_id="save_template", request=_NewTemplate, responses={201: _TemplateShape}
    )
    def post(self, request: Request) -> Response:
        """Store a template, or the next version of one."""
        form = _read(_NewTemplate, request)
        row = services.save_template(form["name"], form["channel"], _parts(form), **_who(request))
        return Response(_template(row), status=201)


class OneTemplate(APIView):
    required_scope = {"GET": TEMPLATES_READ, "DELETE": TEMPLATES_WRITE}

    @extend_schema(operation_id="read_template", responses=_TemplateShape)
    def get(self, request: Request, name: str) -> Response:
        """Read the newest version of a template."""
        return Response(_template(selectors.template(name)))

    @extend_schema(operation_id="archive_template", request=None, responses={204: None})
    def delete(self, request: Request, name: str) -> Response:
        """Archive a template: no journey can be published with it; those in force go on, and the next version brings it back."""
        services.archive_template(name, **_who(request))
        return Response(status=204)


class Preview(APIView):
    required_scope = {"POST": TEMPLATES_READ}

    @extend_schema(operation_id="preview_template", request=_Sample, responses=_Parts)
    def post(self, request: Request, name: str) -> Response:
        """Render a template with sample values; a name without one shows itself in brackets."""
        row = selectors.template(name)
        shown = selectors.preview(
            Parts(row.subject, row.text, row.html), _read(_Sample, request)["values"]
        )
        return Response({"subject": shown.subject, "text": shown.text, "html": shown.html})


# --- Deliveries ---


class Deliveries(APIView):
    required_scope = {"GET": READ}

    @extend_schema(
        operation_id="list_deliveries",
        parameters=[
            *pages.PARAMETERS,
            OpenApiParameter("channel", str),
            OpenApiParameter("status", str, enum=[one.value for one in DeliveryStatus]),
            OpenApiParameter("journey", int),
            OpenApiParameter("profile", str, description="Id of a profile."),
        ],
        responses=pages.schema("DeliveryPage", _DeliveryShape(many=True)),
    )
    def get(self, request: Request) -> Response:
        """List deliveries, newest first."""
        filters = {name: str(value) for name, value in request.query_params.items()}
        if own := caller(request).channel:
            filters["channel"] = own
        rows = selectors.deliveries(filters)
        return Response(pages.page(rows, request.query_params, order=["-id"]).render(_delivery))


class OneDelivery(APIView):
    required_scope = {"GET": READ, "DELETE": WRITE}

    @extend_schema(operation_id="read_delivery", responses=_FullDelivery)
    def get(self, request: Request, key: str) -> Response:
        """Read a delivery with its timeline."""
        return Response(_full(self._delivery(request, key)))

    @extend_schema(operation_id="cancel_delivery", request=None, responses={200: _FullDelivery})
    def delete(self, request: Request, key: str) -> Response:
        """Take a delivery out of the queue and give the contact back."""
        self._delivery(request, key)
        return Response(_full(services.cancel(key, **_who(request))))

    @staticmethod
    def _delivery(request: Request, key: str) -> Delivery:
        row = selectors.delivery(key)
        _own(request, row.channel)
        return row


class Resolve(APIView):
    required_scope = {"POST": WRITE}

    @extend_schema(operation_id="resolve_delivery", request=_Resolution, responses=_FullDelivery)
    def post(self, request: Request, key: str) -> Response:
        """Settle a delivery of which nobody knows whether it went."""
        _own(request, selectors.delivery(key).channel)
        went = _read(_Resolution, request)["went"]
        return Response(_full(services.resolve(key, went=went, **_who(request))))


# --- What a channel does ---


class Fetch(APIView):
    required_scope = {"POST": WRITE}

    @extend_schema(operation_id="fetch_deliveries", request=_Fetch, responses=_FetchedShape)
    def post(self, request: Request, channel: str) -> Response:
        """Take due deliveries of a channel; what is not acknowledged in time becomes unknown and is not given out again."""
        form = _read(_Fetch, request)
        oldest = partial(waiting.oldest, inbox.reader())
        handed = fetching.fetch(_own(request, channel), form["limit"], clock.now, oldest)
        return Response({"results": [_handed(one) for one in handed]})


class Acknowledge(APIView):
    required_scope = {"POST": WRITE}

    @extend_schema(operation_id="acknowledge_deliveries", request=_Acks, responses=_Changed)
    def post(self, request: Request, channel: str) -> Response:
        """Say that these deliveries went out; again does no harm."""
        keys = _read(_Acks, request)["keys"]
        if len(keys) > _MOST:
            raise DomainError(
                "too_many", gettext("at most %(most)s keys at once") % {"most": _MOST}, status=400
            )
        changed = fetching.acknowledge(_own(request, channel), keys, clock.now())
        return Response({"changed": changed})


class Receipts(APIView):
    required_scope = {"POST": WRITE}

    @extend_schema(operation_id="post_receipts", request=_Receipts, responses=_Reported)
    def post(self, request: Request, channel: str) -> Response:
        """Report what became of deliveries; each receipt is recorded as a touchpoint."""
        receipts = _read(_Receipts, request)["receipts"]
        if len(receipts) > _MOST:
            raise DomainError(
                "too_many",
                gettext("at most %(most)s receipts at once") % {"most": _MOST},
                status=400,
            )
        reported = fetching.report(_own(request, channel), receipts, clock.now())
        errors = [
            {"index": index, "code": code, "message": message}
            for index, code, message in reported.errors
        ]
        return Response({"unknown": reported.unknown, "errors": errors})


class Lists(APIView):
    required_scope = {"GET": READ, "POST": WRITE}

    @extend_schema(
        operation_id="list_partner_lists",
        parameters=pages.PARAMETERS,
        responses=pages.schema("PartnerListPage", _ListShape(many=True)),
    )
    def get(self, request: Request, channel: str) -> Response:
        """List what can be pulled from a channel, by name."""
        rows = PartnerList.objects.filter(channel=_own(request, channel)).select_related(
            "audience"
        )
        return Response(pages.page(rows, request.query_params, order=["name"]).render(_list))

    @extend_schema(
        operation_id="create_partner_list", request=_NewList, responses={201: _ListShape}
    )
    def post(self, request: Request, channel: str) -> Response:
        """Make a list of the identifiers of one namespace: of an audience, or of everybody."""
        form = _read(_NewList, request)
        row = services.create_list(
            _own(request, channel), form.pop("name"), **form, **_who(request)
        )
        return Response(_list(row), status=201)


class Entries(APIView):
    required_scope = {"GET": READ}

    @extend_schema(
        operation_id="pull_partner_list", parameters=pages.PARAMETERS, responses=_EntriesShape
    )
    def get(self, request: Request, channel: str, name: str) -> Response:
        """Pull a list: all of it first, then with the last cursor what changed since. Who is capped must be shown no ads."""
        row = selectors.partner_list(_own(request, channel), name)
        after = pages.after(request.query_params, int, int)
        lists.refresh_if_stale(row, clock.now())
        limit = pages.limit_of(request.query_params)
        start = (int(after[0]), int(after[1])) if after else (0, 0)
        found = lists.changes(row, start, limit + 1)
        shown = found[:limit]
        cursor = pages.encode(shown[-1][:2] if shown else start)
        return Response(
            {
                "results": [{"id": value, "state": state} for _, _, value, state in shown],
                "next": cursor if len(found) > limit else None,
                "cursor": cursor,
            }
        )


urlpatterns = [
    path("templates", Templates.as_view(), name="api-templates"),
    path("templates/<slug:name>", OneTemplate.as_view(), name="api-template"),
    path("templates/<slug:name>/preview", Preview.as_view(), name="api-template-preview"),
    path("deliveries", Deliveries.as_view(), name="api-deliveries"),
    path("deliveries/<str:key>", OneDelivery.as_view(), name="api-delivery"),
    path("deliveries/<str:key>/resolve", Resolve.as_view(), name="api-delivery-resolve"),
    path("channels/<slug:channel>/fetch", Fetch.as_view(), name="api-fetch"),
    path("channels/<slug:channel>/acknowledge", Acknowledge.as_view(), name="api-acknowledge"),
    path("channels/<slug:channel>/receipts", Receipts.as_view(), name="api-receipts"),
    path("channels/<slug:channel>/lists", Lists.as_view(), name="api-lists"),
    path("channels/<slug:channel>/lists/<slug:name>", Entries.as_view(), name="api-list"),
]
