"""REST: dry runs of the identity policy's draft."""

from django.urls import path
from drf_spectacular.utils import extend_schema
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from dmp_site.jobs.api import JobShape, shown
from dmp_site.trials import starting
from identity import clock
from identity.access import actor
from identity.profiles.policies.api import WRITE


class Trial(APIView):
    """A dry run."""

    required_scope = WRITE

    @extend_schema(operation_id="try_identity_policy", request=None, responses={202: JobShape})
    def post(self, request: Request) -> Response:
        """Start a job that looks at the whole graph under the draft, and changes nothing; `found` of the job is what it finds."""
        job = starting.start(actor=actor(request), now=clock.now())
        return Response(shown(job), 202)


urlpatterns = [path("identity/policy/draft/trial", Trial.as_view(), name="api-identity-trial")]
