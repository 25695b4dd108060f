"""The demo's mailbox: what arrives by SMTP is kept as it came and shown without danger."""

import asyncio
import re
import smtplib
from email.message import EmailMessage

import pytest
from aiosmtpd.controller import Controller

from dmp_site.demo import mail, places
from dmp_site.demo.web import Ask
from tests.ports import free_port


@pytest.fixture
def mailbox(tmp_path, settings):
    settings.DATA_DIR = tmp_path
    port = free_port()
    sink = Controller(mail.Keeper(places.mailbox()), hostname="127.0.0.1", port=port)
    sink.start()
    yield port
    sink.stop()


def send(
    port,
    subject,
    html="<p>Hello <a href='http://127.0.0.1/c/1?a=1&amp;b=2'>there</a></p><script>alert(1)</script>",
):
    message = EmailMessage()
    message["From"], message["To"], message["Subject"] = (
        "shop@localhost",
        "alice@example.org",
        subject,
    )
    message["List-Unsubscribe"] = "<http://127.0.0.1/u/1>"
    message.set_content("Hello there")
    message.add_alternative(html, subtype="html")
    with smtplib.SMTP("127.0.0.1", port) as client:
        client.send_message(message)


def get(path):
    return asyncio.run(mail.answer(Ask(path, {})))


def test_an_empty_mailbox_says_so(mailbox):
    assert b"Nothing yet" in get("/").body


def test_mails_are_listed_newest_first(mailbox):
    for subject in ("One", "Two & a half", "Three"):
        send(mailbox, subject)
    subjects = re.findall(r"<b>(.*?)</b>", get("/").body.decode())
    assert subjects == ["Three", "Two &amp; a half", "One"]


def test_a_mail_shows_text_headers_and_links(mailbox):
    send(mailbox, "Welcome")
    (found,) = mail.mails()
    page = get(f"/{found.name}").body.decode()
    assert "Hello there" in page
    assert "List-Unsubscribe" in page
    assert found.links == ("http://127.0.0.1/c/1?a=1&b=2",)
    assert 'href="http://127.0.0.1/c/1?a=1&amp;b=2"' in page


def test_the_html_part_runs_no_script(mailbox):
    send(mailbox, "Welcome")
    (found,) = mail.mails()
    frame = get(f"/{found.name}/html")
    policy = frame.headers["content-security-policy"]
    assert "sandbox" in policy
    assert "allow-scripts" not in policy
    assert "script-src" not in policy
    assert policy.startswith("default-src 'none'")


def test_the_source_is_what_came(mailbox):
    send(mailbox, "Welcome")
    (found,) = mail.mails()
    assert b"Subject: Welcome" in get(f"/{found.name}/source").body


@pytest.mark.parametrize(
    "path", ["/../state.json", "/0000000000001-00000000", "/x/html", "/%2e%2e"]
)
def test_other_addresses_are_not_found(mailbox, path):
    assert get(path).status == 404
