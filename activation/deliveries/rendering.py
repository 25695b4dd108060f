"""From a template and a person's values to the parts of a message, with tracked links and the pixel."""

import html as entities
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from html.parser import HTMLParser
from typing import Any

from activation.deliveries import markup
from activation.deliveries.tokens import Addresses, Sent

_HREF = re.compile(
    r"(<(?:a|area)\b[^>]*?\shref\s*=\s*)(?:\"([^\"]*)\"|'([^']*)'|([^\s>\"']+))", re.IGNORECASE
)
_URL = re.compile(r"https?://[^\s<>\"]+", re.IGNORECASE)
_TRAILING = ".,;:!?)]}'"
_SCHEME = re.compile(r"^\s*([a-z][a-z0-9+.-]*):", re.IGNORECASE)
_HARMLESS = {"http", "https", "mailto", "tel", "sms"}
_END_OF_BODY = re.compile(r"</body\s*>", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Parts:
    """The sources of a template, or a rendered message."""

    subject: str = ""
    text: str = ""
    html: str = ""


def names(template: Parts) -> frozenset[str]:
    """Return the dotted names that a template uses. Raises BadTemplate."""
    found: frozenset[str] = frozenset()
    for source, is_html in _sources(template):
        found |= markup.parse(source, html=is_html).names
    return found


def render(template: Parts, values: Mapping[str, Any]) -> Parts:
    """Fill in the values. A mail without a text part gets one made from its HTML. Raises BadTemplate or MissingValue."""
    subject, text, html = (
        markup.parse(source, html=is_html).render(values) for source, is_html in _sources(template)
    )
    return Parts(" ".join(subject.split()), text or _as_text(html), html)


def track(message: Parts, sent: Sent, addresses: Addresses, *, pixel: bool) -> Parts:
    """Lead http(s) links through the collector; add the open pixel to HTML if wanted. Our own addresses stay as they are."""

    def tracked(url: str) -> str:
        return url if url == addresses.unsubscribe(sent) else addresses.link(sent, url)

    html = _HREF.sub(lambda found: _href(found, tracked), message.html)
    if html and pixel:
        html = _with_pixel(html, addresses.open_pixel(sent))
    return Parts(message.subject, _URL.sub(lambda found: _url(found, tracked), message.text), html)


def _sources(template: Parts) -> tuple[tuple[str, bool], ...]:
    return (template.subject, False), (template.text, False), (template.html, True)


def _href(found: re.Match[str], tracked: Callable[[str], str]) -> str:
    url = entities.unescape(found[2] or found[3] or found[4] or "").strip()
    scheme = _SCHEME.match(url)
    name = scheme[1].lower() if scheme else ""
    if name and name not in _HARMLESS:
        url = "#"  # a script in place of an address, from a template or a trait
    elif name in {"http", "https"}:
        url = tracked(url)
    return f'{found[1]}"{entities.escape(url)}"'


def _url(found: re.Match[str], tracked: Callable[[str], str]) -> str:
    url = found[0].rstrip(_TRAILING)
    return tracked(url) + found[0][len(url) :]


def _with_pixel(html: str, address: str) -> str:
    image = f'<img src="{entities.escape(address)}" width="1" height="1" alt="">'
    end = list(_END_OF_BODY.finditer(html))
    at = end[-1].start() if end else len(html)
    return html[:at] + image + html[at:]


class _Words(HTMLParser):
    """Collects what a reader would see; a link's address follows its words."""

    _BREAKS = {"p", "br", "div", "tr", "li", "h1", "h2", "h3", "h4", "table"}
    _UNSEEN = {"style", "script", "head", "title"}

    def __init__(self) -> None:
        super().__init__()
        self.words: list[str] = []
        self._unseen = 0
        self._links: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag in self._BREAKS:
            self.words.append("\n")
        self._unseen += tag in self._UNSEEN
        if tag == "a":
            self._links.append(dict(attrs).get("href") or "")

    def handle_endtag(self, tag: str) -> None:
        self._unseen -= tag in self._UNSEEN and self._unseen > 0
        if tag == "a" and self._links and (url := self._links.pop()).startswith("http"):
            self.words.append(f" {url} ")

    def handle_data(self, data: str) -> None:
        if not self._unseen:
            self.words.append(re.sub(r"\s+", " ", data))


def _as_text(html: str) -> str:
    reader = _Words()
    reader.feed(html)
    lines = [" ".join(line.split()) for line in "".join(reader.words).split("\n")]
    return re.sub(r"\n{3,}", "\n\n", "\n".join(lines)).strip()
