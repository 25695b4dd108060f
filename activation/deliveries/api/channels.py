"""What a channel does that is not built in: fetch, acknowledge, report, pull its lists."""

from functools import partial
from typing import Any

from django.utils.translation import gettext
from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from activation.deliveries import fetching, lists, selectors, services
from activation.deliveries.api.callers import READ, WRITE, own_channel, who
from activation.deliveries.events import REACTIONS
from activation.deliveries.fetching import Handed
from activation.deliveries.models import PartnerList
from identity import clock, pages
from identity.errors import DomainError
from identity.privacy import waiting
from identity.privacy.shapes import valid
from identity.touchpoints import inbox

_MOST = 500  # deliveries or receipts of one call


# --- Shapes ---


class _Fetch(serializers.Serializer[Any]):
    limit = serializers.IntegerField(required=False, default=50, min_value=1, max_value=_MOST)


class _FetchedMessageShape(serializers.Serializer[Any]):
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


class _FetchedMessagesShape(serializers.Serializer[Any]):
    results = _FetchedMessageShape(many=True)


class _Acknowledgement(serializers.Serializer[Any]):
    keys = serializers.DictField(
        child=serializers.CharField(allow_blank=True, max_length=200),
        help_text="Key of the delivery -> the provider's id, or empty.",
    )


class _Acknowledged(serializers.Serializer[Any]):
    changed = serializers.ListField(child=serializers.CharField())


class _Receipt(serializers.Serializer[Any]):
    key = serializers.CharField(max_length=200)
    event = serializers.ChoiceField(sorted(REACTIONS))
    id = serializers.CharField(
        required=False,
        max_length=200,
        help_text="Counts once under this id; without one, once per event and `at`, a soft bounce apart from a hard one."
        " An unsubscribe or a complaint with neither counts each time it is posted.",
    )
    at = serializers.CharField(
        required=False, max_length=40, help_text="ISO 8601; now if missing."
    )
    properties = serializers.DictField(required=False, default=dict)


class _Receipts(serializers.Serializer[Any]):
    receipts = _Receipt(many=True)


class _RefusedReceipt(serializers.Serializer[Any]):
    index = serializers.IntegerField(help_text="Place in what was posted.")
    code = serializers.CharField()
    message = serializers.CharField()


class _ReceiptsAnswer(serializers.Serializer[Any]):
    unknown = serializers.ListField(
        child=serializers.CharField(), help_text="Keys that are no deliveries of this channel."
    )
    errors = _RefusedReceipt(
        many=True, help_text="Receipts that were refused; the others were taken."
    )  # type: ignore[assignment]


class _NewPartnerList(serializers.Serializer[Any]):
    name = serializers.SlugField(max_length=100)
    namespace = serializers.CharField(max_length=60, help_text="maid, partner_NAME, ...")
    audience = serializers.SlugField(
        required=False, default="", allow_blank=True, help_text="Short name; empty: everybody."
    )


class _PartnerListShape(_NewPartnerList):
    channel = serializers.CharField()


class _PartnerListEntryShape(serializers.Serializer[Any]):
    id = serializers.CharField(help_text="The identifier, without its namespace.")
    state = serializers.ChoiceField([lists.IN, lists.CAPPED, lists.OUT])


class _PartnerListEntriesShape(serializers.Serializer[Any]):
    results = _PartnerListEntryShape(many=True)
    next = serializers.CharField(allow_null=True, help_text="There is more, after this cursor.")
    cursor = serializers.CharField(
        help_text="On the last page: ask with it later for what changed since."
    )


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


# --- Views ---


class Fetch(APIView):
    required_scope = {"POST": WRITE}

    @extend_schema(
        operation_id="fetch_deliveries", request=_Fetch, responses=_FetchedMessagesShape
    )
    def post(self, request: Request, channel: str) -> Response:
        """Take due deliveries of a channel; what is not acknowledged in time becomes unknown and is not given out again."""
        form = valid(_Fetch, request)
        oldest = partial(waiting.oldest, inbox.reader())
        handed = fetching.fetch(own_channel(request, channel), form["limit"], clock.now, oldest)
        return Response({"results": [_handed(one) for one in handed]})


class Acknowledge(APIView):
    required_scope = {"POST": WRITE}

    @extend_schema(
        operation_id="acknowledge_deliveries", request=_Acknowledgement, responses=_Acknowledged
    )
    def post(self, request: Request, channel: str) -> Response:
        """Say that these deliveries went out; again does no harm."""
        keys = valid(_Acknowledgement, request)["keys"]
        if len(keys) > _MOST:
            raise DomainError(
                "too_many", gettext("at most %(most)s keys at once") % {"most": _MOST}, status=400
            )
        changed = fetching.acknowledge(own_channel(request, channel), keys, clock.now())
        return Response({"changed": changed})


class Receipts(APIView):
    required_scope = {"POST": WRITE}

    @extend_schema(operation_id="post_receipts", request=_Receipts, responses=_ReceiptsAnswer)
    def post(self, request: Request, channel: str) -> Response:
        """Report what became of deliveries; each receipt is recorded as a touchpoint."""
        receipts = valid(_Receipts, request)["receipts"]
        if len(receipts) > _MOST:
            raise DomainError(
                "too_many",
                gettext("at most %(most)s receipts at once") % {"most": _MOST},
                status=400,
            )
        reported = fetching.report(own_channel(request, channel), receipts, clock.now())
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
        responses=pages.schema("PartnerListPage", _PartnerListShape(many=True)),
    )
    def get(self, request: Request, channel: str) -> Response:
        """List what can be pulled from a channel, by name."""
        rows = PartnerList.objects.filter(channel=own_channel(request, channel)).select_related(
            "audience"
        )
        return Response(pages.page(rows, request.query_params, order=["name"]).render(_list))

    @extend_schema(
        operation_id="create_partner_list",
        request=_NewPartnerList,
        responses={201: _PartnerListShape},
    )
    def post(self, request: Request, channel: str) -> Response:
        """Make a list of the identifiers of one namespace: of an audience, or of everybody."""
        form = valid(_NewPartnerList, request)
        row = services.create_list(
            own_channel(request, channel), form.pop("name"), **form, **who(request)
        )
        return Response(_list(row), status=201)


class Entries(APIView):
    required_scope = {"GET": READ}

    @extend_schema(
        operation_id="pull_partner_list",
        parameters=pages.PARAMETERS,
        responses=_PartnerListEntriesShape,
    )
    def get(self, request: Request, channel: str, name: str) -> Response:
        """Pull a list: all of it first, then with the last cursor what changed since. Who is capped must be shown no ads.

        The list is worked out when a pull begins, once for all of its pages. The cursor of the last page, where `next` is null, begins
        the next pull; that of any other page goes on with the same one.
        """
        row = selectors.partner_list(own_channel(request, channel), name)
        number, entry, inside = pages.after(request.query_params, int, int, int) or (0, 0, 0)
        limit = pages.limit_of(request.query_params)
        if not inside:
            lists.refresh_if_stale(row, clock.now())
        start = int(number), int(entry)
        found = lists.changes(row, start, limit + 1)
        shown, more = found[:limit], len(found) > limit
        cursor = pages.encode([*(shown[-1][:2] if shown else start), int(more)])
        return Response(
            {
                "results": [{"id": value, "state": state} for _, _, value, state in shown],
                "next": cursor if more else None,
                "cursor": cursor,
            }
        )
