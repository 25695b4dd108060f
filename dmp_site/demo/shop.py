"""The shop's server: its pages, its catalogue, and what the visitor may see of their own profile."""

import asyncio
import mimetypes
import threading
from functools import lru_cache
from http import HTTPStatus
from http.cookies import CookieError, SimpleCookie

import msgspec
from django.conf import settings

from dmp_site.demo import content, places, visitor, web
from dmp_site.demo import state as states
from dmp_site.demo.catalogue import Product
from dmp_site.demo.web import NOT_FOUND, Answer, Ask, Page

COOKIE = "ajs_anonymous_id"  # set by Segment's library
_FOR_EVER = {"cache-control": "public, max-age=31536000, immutable"}


def policy() -> str:
    """Return the shop's Content-Security-Policy: nothing but itself and the collector."""
    return (
        "default-src 'self'; img-src 'self' data:; object-src 'none'; base-uri 'none'; frame-ancestors 'none';"
        f" connect-src 'self' {settings.COLLECTOR_URL}"
    )


def answers(look: visitor.Look, about: bytes) -> Answer:
    """Return what answers requests. `about`: the JSON that the page reads first."""

    async def answer(ask: Ask) -> Page:
        match ask.path:
            case "/health":
                return Page(b"ok", "text/plain")
            case "/api/shop":
                return Page(about, "application/json", headers={"cache-control": "no-store"})
            case "/api/me":
                return await _me(look, ask)
        return await asyncio.to_thread(_file, ask.path)

    return answer


async def _me(look: visitor.Look, ask: Ask) -> Page:
    """Answer what is known of the visitor whose cookie this is; nobody can ask for another."""
    anonymous_id = own_id(ask.headers.get("cookie", ""))
    if not anonymous_id:
        return web.json(visitor.NOBODY)
    try:
        return web.json(await look(anonymous_id))
    except visitor.Away:
        return web.json({"message": "the console does not answer"}, HTTPStatus.BAD_GATEWAY)


def own_id(cookies: str) -> str:
    """Return the anonymous id in the cookie header, "" without one. Some versions of the library write it in quotes."""
    try:
        morsel = SimpleCookie(cookies).get(COOKIE)
    except CookieError:
        return ""
    return morsel.value.replace("%22", "").strip('"')[:100] if morsel else ""


@lru_cache(maxsize=64)
def _file(path: str) -> Page:
    root = places.shop_files()
    wanted = (root / path.lstrip("/")).resolve() if path != "/" else root / "index.html"
    if not wanted.is_relative_to(root.resolve()) or not wanted.is_file():
        return NOT_FOUND
    kind = mimetypes.guess_type(wanted.name)[0] or "application/octet-stream"
    hashed = wanted.parent.name == "assets"
    return Page(
        wanted.read_bytes(), kind, headers=_FOR_EVER if hashed else {"cache-control": "no-cache"}
    )


def _about(state: states.State) -> bytes:
    products = msgspec.json.decode(places.catalogue().read_bytes(), type=list[Product])
    return msgspec.json.encode(
        {
            "writeKey": state.write_key,
            "collectorUrl": settings.COLLECTOR_URL,
            "consoleUrl": settings.CONSOLE_URL,
            "mailUrl": places.mail_url(),
            "slot": content.SLOT,
            "products": products,
        }
    )


def serve(stop: threading.Event) -> None:
    """Serve until told to stop; the shop opens once its set-up is done."""
    state = states.load()
    while not (state and "shop" in state.done):
        if stop.wait(0.5):
            return
        state = states.load()
    window = visitor.Window(settings.CONSOLE_URL, state.api_key)
    web.serve(
        web.application(answers(window.look, _about(state)), policy()),
        settings.DEMO_SHOP_BIND,
        stop,
    )
