"""REST: households, who belongs to each, and those of one profile."""

from uuid import UUID

from django.urls import path
from drf_spectacular.utils import extend_schema
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from identity import pages
from identity.privacy.shapes import Named, valid
from identity.profiles import selectors as profiles
from identity.profiles.households import selectors, shapes
from identity.profiles.models import Household
from identity.touchpoints import naming

READ = "profiles:read"


class Households(APIView):
    """Households."""

    required_scope = READ

    @extend_schema(
        operation_id="households",
        parameters=pages.PARAMETERS,
        responses=pages.schema("HouseholdPage", shapes.HouseholdShape(many=True)),
    )
    def get(self, request: Request) -> Response:
        """Return the households with the sums over their people, the one that came up last first."""
        page = pages.page(Household.objects.all(), request.query_params, order=["-id"])
        summed = [shapes.household(one) for one in selectors.summaries(page.results)]
        return Response({"results": summed, "next": page.next})


class HouseholdLookup(APIView):
    """The household of a value."""

    required_scope = READ

    @extend_schema(
        operation_id="household_lookup", request=Named, responses={200: shapes.HouseholdShape}
    )
    def post(self, request: Request) -> Response:
        """Return the household that this identifier names; a value that looks like personal data is hashed and not kept."""
        asked = valid(Named, request)
        wanted = naming.identifier(asked["namespace"], asked["value"], region=asked["region"])
        return _answer(selectors.by_identifier(wanted))


class HouseholdById(APIView):
    """One household."""

    required_scope = READ

    @extend_schema(operation_id="household", responses=shapes.HouseholdShape)
    def get(self, request: Request, household: UUID) -> Response:
        """Return a household with the sums over its people."""
        return _answer(selectors.find(household))


class HouseholdProfiles(APIView):
    """Who belongs to a household."""

    required_scope = READ

    @extend_schema(
        operation_id="household_profiles",
        parameters=pages.PARAMETERS,
        responses=pages.schema("ResidentPage", shapes.ResidentShape(many=True)),
    )
    def get(self, request: Request, household: UUID) -> Response:
        """Return the profiles of a household."""
        query = request.query_params
        limit, key = pages.limit_of(query), pages.after(query, int)
        after = 0 if key is None else int(key[0])
        found = selectors.residents(selectors.find(household).pk, after=after, limit=limit + 1)
        page = pages.cut(found, limit=limit, key=lambda one: [one.profile])
        return Response(page.render(shapes.resident))


class ProfileHouseholds(APIView):
    """The households of a profile."""

    required_scope = READ

    @extend_schema(
        operation_id="profile_households",
        parameters=pages.PARAMETERS,
        responses=pages.schema("PlacePage", shapes.PlaceShape(many=True)),
    )
    def get(self, request: Request, uid: UUID) -> Response:
        """Return the households that a profile belongs to, the one that a source confirmed last first."""
        places = selectors.places(profiles.find(uid).profile.pk)
        page = pages.of(places, request.query_params, key=lambda one: (-one.last_at, one.home.key))
        return Response(page.render(shapes.place))


def _answer(household: Household) -> Response:
    [summary] = selectors.summaries([household])
    return Response(shapes.household(summary))


urlpatterns = [
    path("households", Households.as_view(), name="api-households"),
    path("households/lookup", HouseholdLookup.as_view(), name="api-household-lookup"),
    path("households/<uuid:household>", HouseholdById.as_view(), name="api-household"),
    path(
        "households/<uuid:household>/profiles",
        HouseholdProfiles.as_view(),
        name="api-household-profiles",
    ),
    path(
        "profiles/<uuid:uid>/households",
        ProfileHouseholds.as_view(),
        name="api-profile-households",
    ),
]
