"""Who opens and clicks: a person, a proxy, a machine."""

import pytest

from activation.deliveries.machines import kind
from activation.deliveries.types import OpenKind

BROWSER = "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0"
MAIL = "Mozilla/5.0 (iPhone; CPU iPhone OS 18_0 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) Mobile/15E148"
GMAIL = "Mozilla/5.0 (Windows NT 5.1; rv:11.0) Gecko Firefox/11.0 (via ggpht.com GoogleImageProxy)"
AHEAD = (
    "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko)"
    " Chrome/42.0.2311.135 Safari/537.36 Edge/12.246 Mozilla/5.0"
)


def judge(agent=BROWSER, method="GET", client="", since_sent=60_000):
    return kind(method, agent, client, since_sent=since_sent, machine_within=2_000)


@pytest.mark.parametrize("agent", [BROWSER, MAIL])
def test_people(agent):
    assert judge(agent) is OpenKind.HUMAN
    assert judge(agent, client="93.184.216.34") is OpenKind.HUMAN


@pytest.mark.parametrize("agent", [GMAIL, "YahooMailProxy; https://help.yahoo.com/kb/yahoo-mail"])
def test_proxies(agent):
    assert judge(agent) is OpenKind.PROXY


@pytest.mark.parametrize(
    "agent",
    [
        "",
        "  ",
        "Mozilla/5.0",
        AHEAD,
        "python-requests/2.32",
        "curl/8.5",
        "Barracuda Sentinel",
        "Googlebot/2.1",
    ],
)
def test_machines(agent):
    assert judge(agent) is OpenKind.MACHINE


@pytest.mark.parametrize(
    "signs",
    [
        {"method": "HEAD"},
        {"since_sent": 1_999},
        {"since_sent": -5},
        {"client": "17.58.101.4"},
        {"method": "HEAD", "agent": GMAIL},
        {"since_sent": 10, "agent": GMAIL},
    ],
)
def test_signs_of_a_machine(signs):
    assert judge(**signs) is OpenKind.MACHINE


@pytest.mark.parametrize("client", ["", "unknown", "1.2.3", "::1", "2001:db8::1"])
def test_addresses_that_say_nothing(client):
    assert judge(client=client) is OpenKind.HUMAN
