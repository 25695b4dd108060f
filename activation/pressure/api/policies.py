"""Policies, their versions and schema."""

from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import extend_schema
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from activation.pressure import documents, selectors, services
from activation.pressure.api import shapes
from activation.pressure.api.callers import READ, WRITE, who
from identity import pages
from identity.privacy.shapes import valid


class Policies(APIView):
    """All policies."""

    required_scope = {"GET": READ, "POST": WRITE}

    @extend_schema(
        operation_id="list_policies",
        parameters=pages.PARAMETERS,
        responses=pages.schema("PolicyPage", shapes.PolicyShape(many=True)),
    )
    def get(self, request: Request) -> Response:
        """List policies, newest first."""
        rows = selectors.policies()
        return Response(
            pages.page(rows, request.query_params, order=["-id"]).render(shapes.policy)
        )

    @extend_schema(
        operation_id="create_policy", request=shapes.NewPolicy, responses={201: shapes.PolicyShape}
    )
    def post(self, request: Request) -> Response:
        """Make a draft. A document that cannot be read is answered with 422 and the field."""
        made = services.create(**valid(shapes.NewPolicy, request), **who(request))
        return Response(shapes.policy(made), status=201)


class OnePolicy(APIView):
    """One policy."""

    required_scope = {"GET": READ, "PATCH": WRITE}

    @extend_schema(operation_id="read_policy", responses=shapes.PolicyShape)
    def get(self, request: Request, policy: int) -> Response:
        """Return the policy."""
        return Response(shapes.policy(selectors.policy(policy)))

    @extend_schema(
        operation_id="change_policy", request=shapes.PolicyChange, responses=shapes.PolicyShape
    )
    def patch(self, request: Request, policy: int) -> Response:
        """PolicyChange the working copy; it holds when it is published."""
        return Response(
            shapes.policy(
                services.change(policy, **valid(shapes.PolicyChange, request), **who(request))
            )
        )


class Publish(APIView):
    """Lets a policy hold."""

    required_scope = {"POST": WRITE}

    @extend_schema(operation_id="publish_policy", request=None, responses=shapes.PolicyShape)
    def post(self, request: Request, policy: int) -> Response:
        """Publish the working copy; it holds from the next batch on."""
        return Response(shapes.policy(services.publish(policy, **who(request))))


class Archive(APIView):
    """Takes a policy out of force."""

    required_scope = {"POST": WRITE}

    @extend_schema(operation_id="archive_policy", request=None, responses=shapes.PolicyShape)
    def post(self, request: Request, policy: int) -> Response:
        """Archive the policy."""
        return Response(shapes.policy(services.archive(policy, **who(request))))


class Versions(APIView):
    """What was published."""

    required_scope = {"GET": READ}

    @extend_schema(
        operation_id="list_policy_versions",
        parameters=pages.PARAMETERS,
        responses=pages.schema("PolicyVersionPage", shapes.PolicyVersionShape(many=True)),
    )
    def get(self, request: Request, policy: int) -> Response:
        """List versions, newest first."""
        rows = selectors.policy(policy).versions.all()
        return Response(
            pages.page(rows, request.query_params, order=["-number"]).render(shapes.version)
        )


class PolicySchema(APIView):
    """The JSON Schema of policies."""

    required_scope = {"GET": READ}

    @extend_schema(operation_id="policy_schema", responses=OpenApiTypes.OBJECT)
    def get(self, request: Request) -> Response:
        """Return the JSON Schema of a policy's document."""
        return Response(documents.schema())
