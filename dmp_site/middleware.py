"""What every answer of the console shares: no outside host, and no NUL in an address."""

from collections.abc import Callable

from django.http import HttpRequest, HttpResponse, JsonResponse

Handler = Callable[[HttpRequest], HttpResponse]

# The admin's own scripts evaluate expressions in attributes (Alpine), hence unsafe-inline and unsafe-eval; but nothing is
# loaded from, sent to or framed by another host.
_POLICY = "; ".join(
    [
        "default-src 'self'",
        "script-src 'self' 'unsafe-inline' 'unsafe-eval'",
        "style-src 'self' 'unsafe-inline'",
        "img-src 'self' data:",
        "font-src 'self' data:",
        "connect-src 'self'",
        "object-src 'none'",
        "base-uri 'self'",
        "form-action 'self'",
        "frame-ancestors 'none'",
    ]
)


def content_policy(handle: Handler) -> Handler:
    """Tell browsers to load nothing from another host."""

    def middleware(request: HttpRequest) -> HttpResponse:
        response = handle(request)
        response.headers.setdefault("Content-Security-Policy", _POLICY)
        return response

    return middleware


def refuse_nul(handle: Handler) -> Handler:
    """Refuse a NUL in path or query: PostgreSQL stores none, so every view would have to."""

    def middleware(request: HttpRequest) -> HttpResponse:
        if "\x00" in request.path or "%00" in request.META.get("QUERY_STRING", ""):
            message = "The address holds a NUL character."
            return JsonResponse({"code": "malformed", "message": message}, status=400)
        return handle(request)

    return middleware
