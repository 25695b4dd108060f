"""The identity graph of a profile in a real Chromium: drawn, read by pointer and by keyboard, on a phone, in the dark, and without JavaScript."""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, BrowserContext, Page, expect

from tests.e2e.test_shop import CHROMIUM, browser
from tests.installation import Installation, installation

__all__ = ["browser"]

pytestmark = [
    pytest.mark.process,
    pytest.mark.browser,
    pytest.mark.skipif(not CHROMIUM, reason="no Chromium is installed"),
]

ADDRESS = "alice@example.org"
PASSWORD = "a long enough one"
SHOTS = Path(__file__).parents[2] / "build" / "screenshots"


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Installation]:
    with installation(tmp_path_factory.mktemp("home")) as made:
        made.up()
        people(made)
        made.shell(
            "from django.contrib.auth.models import User\n"
            f"User.objects.create_superuser('reader', password={PASSWORD!r})"
        )
        yield made


def people(home: Installation) -> None:
    """Let alice be known by much, and share a tablet with bob and an address with a dozen others."""
    shop, crm = home.write_key("Shop"), home.write_key("CRM", "crm")
    home.post(
        shop,
        event("identify", userId="alice", anonymousId="laptop", traits={"email": ADDRESS}),
        event("page", userId="alice", anonymousId="phone", context=device("7c9e6679-7425")),
        event("page", userId="alice", anonymousId="tablet"),
        event("page", userId="bob", anonymousId="tablet"),
    )
    external = [{"type": "crm_id", "id": "20411"}]
    said = {"email": ADDRESS, "phone": "+33612345678"}
    home.post(
        crm, event("identify", userId="alice", traits=said, context={"externalIds": external})
    )
    shared = [
        event("identify", userId=f"customer-{n}", traits={"email": "desk@example.org"})
        for n in range(12)
    ]
    home.post(crm, *shared)
    home.post(crm, event("identify", userId="alice", traits={"email": "desk@example.org"}))


def device(advertising_id: str) -> dict[str, Any]:
    return {"device": {"advertisingId": advertising_id}}


def event(type_: str, **more: Any) -> dict[str, Any]:
    return {"type": type_, **more}


def alice(home: Installation) -> str:
    """Return the address of alice's page, once the lane has seen everything."""
    key = home.api_key("profiles:read")

    def known() -> Any:
        answer = home.api(key, "GET", "profiles/by/user_id/alice")
        if answer.status_code != 200:
            return None
        refused = home.api(key, "GET", f"profiles/{answer.json()['id']}/refused-links").json()
        return answer.json()["id"] if len(refused["results"]) >= 2 else None

    uid = home.wait_for(known, "alice with her refused links")
    return f"http://{home.console}/admin/identity/profile/{uid}/change/"


def opened(person: BrowserContext, address: str) -> Page:
    """Open a page of the console, past the login."""
    page = person.new_page()
    page.goto(address)
    page.get_by_label("Username").fill("reader")
    page.get_by_label("Password").fill(PASSWORD)
    page.get_by_label("Password").press("Enter")
    expect(page.get_by_role("heading", name="Merges and splits")).to_be_visible(timeout=30_000)
    return page


def test_the_graph_says_why_these_are_one_person(home: Installation, browser: Browser) -> None:
    address = alice(home)
    person = browser.new_context(viewport={"width": 1440, "height": 1000})
    errors: list[str] = []
    person.on("weberror", lambda error: errors.append(str(error.error)))
    page = opened(person, address)
    graph = page.locator("#identity-graph")
    expect(graph).to_be_visible()
    shoot(page, "identity-graph-wide")

    by_pointer(graph, page)
    by_keyboard(graph, page)
    assert ADDRESS not in page.content()

    dark = page.context.new_page()
    dark.emulate_media(color_scheme="dark")
    dark.goto(address)
    dark.evaluate("document.documentElement.classList.add('dark')")
    shoot(dark, "identity-graph-dark")

    page.set_viewport_size({"width": 390, "height": 844})
    expect(graph.locator(".graph-view .node")).not_to_have_count(0)
    width = page.evaluate("document.documentElement.scrollWidth")
    assert width <= 390
    shoot(page, "identity-graph-phone")
    assert errors == []
    person.close()


def by_pointer(graph: Any, page: Page) -> None:
    says = graph.locator(".graph-says")
    link = graph.locator(".graph-view .link.refused .reach").first
    link.hover(force=True)
    expect(says).to_contain_text("Refused")
    expect(says).to_contain_text("once, 2")
    page.mouse.move(5, 5)
    expect(says).to_contain_text("arrow keys")
    outside = graph.locator(".graph-view .node.outside").first
    outside.click()
    expect(says).to_contain_text("Belongs to another profile")
    expect(says.get_by_role("link")).to_be_visible()
    expect(graph.locator(".graph-view .node.hub")).to_have_count(1)
    expect(graph.locator(".graph-view .link.bridge")).not_to_have_count(0)


def by_keyboard(graph: Any, page: Page) -> None:
    says = graph.locator(".graph-says")
    graph.locator(".graph-view [tabindex='0']").focus()
    page.keyboard.press("Home")
    expect(says.locator("h3")).to_have_text("crm_id:20411")
    page.keyboard.press("ArrowRight")
    expect(says.locator("h3")).to_have_text("user_id:alice")
    page.keyboard.press("End")
    expect(says).to_contain_text("once, 2")
    page.keyboard.press("Tab")
    expect(says).to_contain_text("arrow keys")


def test_without_javascript_tables_say_the_same(home: Installation, browser: Browser) -> None:
    address = alice(home)
    signed_in = browser.new_context()
    opened(signed_in, address)
    plain = browser.new_context(java_script_enabled=False, storage_state=signed_in.storage_state())
    page = plain.new_page()
    page.goto(address)
    expect(page.get_by_placeholder("Type to search")).to_be_hidden()
    shoot(page, "identity-graph-plain", whole=True)
    expect(page.locator("#identity-graph")).to_be_hidden()
    links = page.locator("section", has=page.locator("h2", has_text=re.compile(r"^\s*Links\s*$")))
    expect(links).to_be_visible()
    expect(links).to_contain_text("user_id:alice")
    expect(links).to_contain_text("the only link")
    refused = page.locator("section", has=page.locator("h2", has_text="Refused links"))
    expect(refused).to_contain_text("Refused: one profile would have more than 1 user_id")
    expect(refused).to_contain_text("Refused: this email has too many people around it")
    plain.close()
    signed_in.close()


def shoot(page: Page, name: str, *, whole: bool = False) -> None:
    """Keep a picture for people to look at."""
    SHOTS.mkdir(parents=True, exist_ok=True)
    if not whole:
        page.locator("#identity-graph").scroll_into_view_if_needed()
    page.screenshot(path=SHOTS / f"{name}.png", full_page=whole)
