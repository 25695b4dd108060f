"""Every error of the REST API is JSON with a stable `code` and a `message` for people."""

from collections.abc import Iterator, Mapping
from typing import Any

from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpRequest, HttpResponse, JsonResponse
from django.views import defaults
from rest_framework import exceptions
from rest_framework.response import Response
from rest_framework.views import exception_handler

from identity.errors import DomainError

_CODES = {
    400: "malformed",
    401: "not_authenticated",
    403: "forbidden",
    404: "not_found",
    405: "method_not_allowed",
    406: "not_acceptable",
    415: "unsupported_media_type",
    429: "too_many_requests",
}


def handle(error: Exception, context: Mapping[str, Any]) -> Response | None:
    """Answer an exception of a view; None (a 500) for what no rule foresees."""
    if isinstance(error, DomainError):
        return Response(
            {"code": error.code, "message": error.message, **error.detail}, error.status
        )
    if isinstance(error, exceptions.ValidationError):
        return Response(_invalid(error.detail), 400)
    # DRF's own handler sets Retry-After, WWW-Authenticate and turns Django's Http404 and PermissionDenied into its own.
    response = exception_handler(error, dict(context))
    if response is not None:
        response.data = {
            "code": _CODES.get(response.status_code, "error"),
            "message": _message(error, response.data),
        }
    return response


def _message(error: Exception, data: Any) -> str:
    if isinstance(error, Http404 | PermissionDenied) and not error.args:
        return "There is no such thing." if isinstance(error, Http404) else "This is not allowed."
    return str(data.get("detail", "")) if isinstance(data, dict) else str(data)


def _invalid(detail: Any) -> dict[str, Any]:
    said = [f"{path}: {text}" if path else text for path, text in _flat(detail)]
    return {"code": "invalid", "message": " ".join(said), "fields": detail}


def _flat(detail: Any, path: str = "") -> Iterator[tuple[str, str]]:
    if isinstance(detail, dict):
        for name, part in detail.items():
            inner = path if name == "non_field_errors" else f"{path}.{name}".lstrip(".")
            yield from _flat(part, inner)
    elif isinstance(detail, list):
        for part in detail:
            yield from _flat(part, path)
    else:
        yield path, str(detail)


def _of_api(request: HttpRequest) -> bool:
    return request.path.startswith("/api/")


def bad_request(request: HttpRequest, exception: Exception) -> HttpResponse:
    """Answer what Django refuses before any view runs (a wrong Host, a body that is too large)."""
    if _of_api(request):
        return JsonResponse(
            {"code": "bad_request", "message": type(exception).__name__}, status=400
        )
    return defaults.bad_request(request, exception)


def not_found(request: HttpRequest, exception: Exception) -> HttpResponse:
    """Answer an address that does not exist."""
    if _of_api(request):
        return JsonResponse(
            {"code": "not_found", "message": "There is no such address."}, status=404
        )
    return defaults.page_not_found(request, exception)


def server_error(request: HttpRequest) -> HttpResponse:
    """Answer our own fault, without details: they are in the log."""
    if _of_api(request):
        message = "The server made a mistake; its log says which."
        return JsonResponse({"code": "internal", "message": message}, status=500)
    return defaults.server_error(request)
