"""A small API of the tests' own, behind the real authentication, parser and error handler."""

from django.core.exceptions import PermissionDenied
from django.http import Http404
from django.urls import include, path
from rest_framework import serializers
from rest_framework.response import Response
from rest_framework.views import APIView

from dmp_site import urls
from identity.access import caller
from identity.errors import DomainError, NotFound


class Thing(serializers.Serializer):
    name = serializers.CharField(max_length=5)
    size = serializers.IntegerField()


class Probe(APIView):
    required_scope = {"GET": "things:read", "POST": "things:write"}

    def get(self, request, what=""):
        errors = {
            "domain": DomainError("too_late", "it is too late for that"),
            "absent": NotFound("unknown_thing", "there is no such thing"),
            "http404": Http404(),
            "denied": PermissionDenied(),
            "bug": ZeroDivisionError("division by zero in /secret/path"),
        }
        if what in errors:
            raise errors[what]
        return Response({"actor": caller(request).actor, "channel": caller(request).channel})

    def post(self, request, what=""):
        thing = Thing(data=request.data)
        thing.is_valid(raise_exception=True)
        return Response(thing.validated_data, 201)


class Closed(APIView):
    def get(self, request):
        return Response({})


urlpatterns = [
    path("api/v1/probe", Probe.as_view()),
    path("api/v1/probe/<what>", Probe.as_view()),
    path("api/v1/closed", Closed.as_view()),
    path("", include(urls.urlpatterns)),
]
handler400, handler404, handler500 = urls.handler400, urls.handler404, urls.handler500
