"""Addresses of the REST API, below /api/. None ends in a slash."""

from django.urls import URLPattern, URLResolver, include, path, re_path
from drf_spectacular.views import SpectacularAPIView, SpectacularSwaggerSplitView
from rest_framework.exceptions import NotFound
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from activation.audiences import api as audiences
from activation.channels import api as channels
from activation.deliveries import api as deliveries
from activation.pressure import api as pressure
from dmp_site.console.health import Health
from dmp_site.erasing import api as erasing
from dmp_site.jobs import api as jobs
from dmp_site.trials import api as trials
from identity.privacy import api as privacy
from identity.profiles import api as profiles
from identity.profiles.households import api as households
from identity.profiles.policies import api as identity_policies
from identity.touchpoints import api as touchpoints
from journeys import api as journeys


class Unknown(APIView):
    """Answers every other address with a JSON 404, to whoever asks and by whatever method."""

    schema = None
    permission_classes = ()
    authentication_classes = ()

    def initial(self, request: Request, *args: object, **kwargs: object) -> None:
        raise NotFound("There is no such address.")

    def get(self, request: Request) -> Response:
        raise NotFound


rooms: list[URLPattern | URLResolver] = [
    *profiles.urlpatterns,
    *households.urlpatterns,
    *identity_policies.urlpatterns,
    *privacy.urlpatterns,
    *touchpoints.urlpatterns,
    *channels.urlpatterns,
    *deliveries.urlpatterns,
    *audiences.urlpatterns,
    *pressure.urlpatterns,
    *journeys.urlpatterns,
]
operations = [
    path("health", Health.as_view(), name="api-health"),
    *jobs.urlpatterns,
    *erasing.urlpatterns,
    *trials.urlpatterns,
]
documents = [path("schema", SpectacularAPIView.as_view(), name="api-schema")]

urlpatterns = [
    path("v1/", include([*rooms, *operations, *documents])),
    path("docs", SpectacularSwaggerSplitView.as_view(url_name="api-schema"), name="api-docs"),
    re_path("", Unknown.as_view()),
]
