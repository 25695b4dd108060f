"""Weights of channels, message classes, quiet hours."""

from drf_spectacular.utils import extend_schema
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from activation.pressure import weights as services
from activation.pressure.api import shapes
from activation.pressure.api.callers import READ, WRITE, who
from activation.pressure.models import ChannelWeight, MessageClass, QuietHours
from identity import pages
from identity.privacy.shapes import valid


class Weights(APIView):
    """What contacts weigh, by channel."""

    required_scope = {"GET": READ, "PUT": WRITE}

    @extend_schema(operation_id="read_weights", responses=shapes.WeightsForm)
    def get(self, request: Request) -> Response:
        """Return the weights; a channel that is not named weighs 100."""
        return Response({"weights": dict(ChannelWeight.objects.values_list("channel", "weight"))})

    @extend_schema(
        operation_id="set_weights", request=shapes.WeightsForm, responses=shapes.WeightsForm
    )
    def put(self, request: Request) -> Response:
        """Set the weights of the channels named. What was reserved keeps its points."""
        services.set_weights(valid(shapes.WeightsForm, request)["weights"], **who(request))
        return self.get(request)


class Classes(APIView):
    """Message classes."""

    required_scope = {"GET": READ}

    @extend_schema(
        operation_id="list_classes",
        parameters=pages.PARAMETERS,
        responses=pages.schema("MessageClassPage", shapes.MessageClassShape(many=True)),
    )
    def get(self, request: Request) -> Response:
        """List message classes, by name; one that is not described obeys every cap and counts."""
        page = pages.page(MessageClass.objects.all(), request.query_params, order=["name"])
        return Response(page.render(shapes.message_class))


class OneClass(APIView):
    """One message class."""

    required_scope = {"PUT": WRITE}

    @extend_schema(
        operation_id="set_class",
        request=shapes.MessageClassForm,
        responses=shapes.MessageClassShape,
    )
    def put(self, request: Request, name: str) -> Response:
        """Describe a message class."""
        asked = valid(shapes.MessageClassForm, request)
        return Response(shapes.message_class(services.set_class(name, **asked, **who(request))))


class Hours(APIView):
    """Quiet hours."""

    required_scope = {"GET": READ, "POST": WRITE}

    @extend_schema(
        operation_id="list_quiet_hours",
        parameters=pages.PARAMETERS,
        responses=pages.schema("QuietHoursPage", shapes.QuietHoursShape(many=True)),
    )
    def get(self, request: Request) -> Response:
        """List quiet hours."""
        page = pages.page(QuietHours.objects.all(), request.query_params, order=["id"])
        return Response(page.render(shapes.hours))

    @extend_schema(
        operation_id="add_quiet_hours",
        request=shapes.QuietHoursForm,
        responses={201: shapes.QuietHoursShape},
    )
    def post(self, request: Request) -> Response:
        """Add quiet hours, in each person's local time, else the site's; no channels means all of them."""
        made = services.add_quiet_hours(valid(shapes.QuietHoursForm, request), **who(request))
        return Response(shapes.hours(made), status=201)


class OneHours(APIView):
    """One span of quiet hours."""

    required_scope = {"DELETE": WRITE}

    @extend_schema(operation_id="remove_quiet_hours", request=None, responses={204: None})
    def delete(self, request: Request, hours: int) -> Response:
        """Delete quiet hours."""
        services.remove_quiet_hours(hours, **who(request))
        return Response(status=204)
