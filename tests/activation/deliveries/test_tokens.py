"""Addresses in messages: sealed, signed, the same for the same message, and useless once changed."""

from urllib.parse import parse_qs, urlsplit

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from activation.deliveries.tokens import Addresses, BadToken, Purpose, Sent

KEY = bytes(range(32))
ADDRESSES = Addresses(KEY, "https://t.shop.example")
SENT = Sent("12:welcome:1", "user_id:42", "email:abc", "email", "marketing", 1_790_000_000_000)
TOKEN = (
    "q3x6zK52WHK2LZAPkF7PbkKFAZfqGsEz7tOF7SEnhlDBFRA-l9KH5_0an4md9l2FdfOS21cFb-E1LEh8"
    "g4DlD_HCFpnmc3T7ux8Hnyeun-E_NSgkSgTOMTQtig"
)


def test_vectors():
    assert ADDRESSES.seal(SENT, Purpose.CLICK) == TOKEN
    assert ADDRESSES.sign(TOKEN, "https://shop.example/a?b=1&c=é") == "xZ2_2Ii-htMG-coDa0aqPw"
    assert ADDRESSES.unseal(TOKEN, Purpose.CLICK) == SENT


def test_an_address_tells_nothing_about_the_person():
    for address in (
        ADDRESSES.open_pixel(SENT),
        ADDRESSES.unsubscribe(SENT),
        ADDRESSES.link(SENT, "https://shop.example/"),
    ):
        assert not {"42", "user", "abc", "welcome"} & set(address.split("/"))
        assert "user_id" not in address


def test_a_link_leads_where_it_was_made_to_lead():
    url = "https://shop.example/a?b=1&c=é#top"
    parts = urlsplit(ADDRESSES.link(SENT, url))
    token = parts.path.removeprefix("/c/")
    query = {name: values[0] for name, values in parse_qs(parts.query).items()}
    assert ADDRESSES.destination(token, query["to"], query["s"]) == url


@pytest.mark.parametrize("to", ["https://evil.example/", "https://shop.example/b", ""])
def test_nobody_makes_a_link_that_leads_elsewhere(to):
    token = ADDRESSES.seal(SENT, Purpose.CLICK)
    signature = ADDRESSES.sign(token, "https://shop.example/a")
    for given_signature in (signature, "", "é", "x" * 5000):
        with pytest.raises(BadToken):
            ADDRESSES.destination(token, to, given_signature)


def test_a_signature_belongs_to_its_message():
    other = ADDRESSES.seal(msgspec.structs.replace(SENT, key="13:welcome:1"), Purpose.CLICK)
    signature = ADDRESSES.sign(ADDRESSES.seal(SENT, Purpose.CLICK), "https://shop.example/a")
    with pytest.raises(BadToken):
        ADDRESSES.destination(other, "https://shop.example/a", signature)


@pytest.mark.parametrize("purpose", Purpose)
def test_a_token_is_good_for_its_purpose_alone(purpose):
    token = ADDRESSES.seal(SENT, purpose)
    assert ADDRESSES.unseal(token, purpose) == SENT
    for other in set(Purpose) - {purpose}:
        with pytest.raises(BadToken):
            ADDRESSES.unseal(token, other)


def test_another_installation_reads_nothing():
    with pytest.raises(BadToken):
        Addresses(bytes(32), "https://t.shop.example").unseal(TOKEN, Purpose.CLICK)


@given(st.text(max_size=200))
def test_rubbish_is_refused(text):
    with pytest.raises(BadToken):
        ADDRESSES.unseal(text, Purpose.OPEN)


@given(st.integers(0, len(TOKEN) - 1), st.sampled_from("AZaz09-_"))
def test_a_changed_token_is_refused(position, letter):
    changed = TOKEN[:position] + letter + TOKEN[position + 1 :]
    try:
        assert (
            ADDRESSES.unseal(changed, Purpose.CLICK) == SENT
        )  # the same, or bits that base64 drops
    except BadToken:
        assert changed != TOKEN
