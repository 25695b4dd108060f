"""The shop in a real Chromium: Segment's own library, the live panel, the slot that changes, the mail that arrives."""

import shutil
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from playwright.sync_api import Browser, BrowserContext, Page, expect, sync_playwright

from tests.showing import Show, show

CHROMIUM = next(
    filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), ""
)
ARGUMENTS = [
    "--no-sandbox",
    "--disable-gpu",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]
# A headless browser says so, and is taken for the machine that it is.
HUMAN = "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0"

pytestmark = [
    pytest.mark.process,
    pytest.mark.browser,
    pytest.mark.skipif(not CHROMIUM, reason="no Chromium is installed"),
]


@pytest.fixture
def demo(tmp_path: Path) -> Iterator[Show]:
    with show(tmp_path) as made:
        made.open(households=2)
        made.until_open()
        yield made


@pytest.fixture
def browser() -> Iterator[Browser]:
    with sync_playwright() as playwright:
        made = playwright.chromium.launch(executable_path=CHROMIUM, args=ARGUMENTS)
        yield made
        made.close()


@pytest.fixture
def person(browser: Browser) -> Iterator[BrowserContext]:
    made = browser.new_context(user_agent=HUMAN, viewport={"width": 1280, "height": 800})
    made.set_default_timeout(120_000)
    # Where loopback is the only network the browser thinks that it is offline, and the library would keep everything.
    made.add_init_script("Object.defineProperty(navigator, 'onLine', {get: () => true})")
    expect.set_options(timeout=120_000)
    yield made
    made.close()


def test_a_visitor_sees_their_own_profile_audiences_slot_and_mail(
    demo: Show, person: BrowserContext
) -> None:
    hosts: set[str | None] = set()
    errors: list[str] = []
    person.on("request", lambda request: hosts.add(urlsplit(request.url).hostname))
    person.on("weberror", lambda error: errors.append(str(error.error)))
    shop = person.new_page()
    shop.goto(f"http://{demo.shop}/")

    look_around(shop)
    sign_up(shop)
    read_welcome(demo, person, shop)
    buy(shop)
    newest_mail(demo, person, "Your order")
    open_console(demo, shop)

    assert hosts == {"127.0.0.1"}
    assert errors == []


def look_around(shop: Page) -> None:
    expect(shop.locator("#slot h1")).to_have_text("Good food, round the corner")
    expect(shop.locator("#audiences")).to_contain_text("in none yet")
    expect(shop.locator("[data-figure=Visits]")).to_have_text("1")
    shop.get_by_role("link", name="Fruit").click()
    expect(shop.locator("#audiences")).to_contain_text("Likes fruit and vegetables")
    expect(shop.locator("#timeline")).to_contain_text("Product List Viewed")


def sign_up(shop: Page) -> None:
    shop.locator("#account-button").click()
    shop.get_by_label("Customer number or name").fill("alice")
    shop.get_by_label("E-mail", exact=True).fill("alice@example.org")
    shop.get_by_label("Send me offers by e-mail").check()
    shop.locator("#sign-in").click()
    expect(shop.locator("#identifiers")).to_contain_text("user_id: alice")
    expect(shop.locator("#identifiers")).not_to_contain_text("alice@example.org")
    expect(shop.locator("#journeys")).to_contain_text("Welcome: opened")
    expect(shop.locator("[data-figure=Offers]")).to_have_text("yes")


def read_welcome(demo: Show, person: BrowserContext, shop: Page) -> None:
    """Open the mail as a person does: some seconds after it came."""
    mail = newest_mail(demo, person, "Welcome to Corner Market")
    expect(mail.locator("main")).to_contain_text("alice@example.org")
    shop.wait_for_timeout(2_500)
    mail.get_by_text("Welcome to Corner Market").click()
    frame = mail.frame_locator("iframe")
    expect(frame.get_by_role("link", name="See what is fresh")).to_be_visible()
    expect(shop.locator("#slot h1")).to_have_text("Fresh fruit, just for you")
    newest_mail(demo, person, "Thank you for reading us")


def newest_mail(demo: Show, person: BrowserContext, subject: str) -> Page:
    """Wait until the newest mail has this subject; return the page that lists it."""
    page = person.new_page()

    def there() -> bool:
        page.goto(f"http://{demo.mail}/")
        found = page.locator("#mails b").first
        return found.count() > 0 and (found.text_content() or "").startswith(subject)

    demo.wait_for(there, f"the mail {subject!r}", seconds=60)
    return page


def buy(shop: Page) -> None:
    shop.get_by_role("button", name="Add Bananas").click()
    shop.locator("#basket-button").click()
    shop.locator("#buy").click()
    expect(shop.locator("[data-figure=Orders]")).to_have_text("1")
    expect(shop.locator("#audiences")).to_contain_text("Bought in the last 30 days")
    expect(shop.locator("#slot h1")).to_have_text("Your order is on its way")


def open_console(demo: Show, shop: Page) -> None:
    """Follow the panel's link: it leads, past the login, to this person's page."""
    with shop.context.expect_page() as opened:
        shop.get_by_role("link", name="Open in the console").click()
    console = opened.value
    console.get_by_label("Username").fill("admin")
    console.get_by_label("Password").fill(demo.state["password"])
    console.get_by_label("Password").press("Enter")
    expect(console.locator("body")).to_contain_text("user_id:alice")
    expect(console.locator("body")).to_contain_text("Likes fruit and vegetables")
