"""What is an identifier, and what is refused."""

import gc
import hashlib
import hmac

import pytest
from hypothesis import given
from hypothesis import strategies as st

from identity.graph import policy
from identity.graph.normalising import Refused, looks_like_pii
from identity.graph.policy import DEFAULT, Kind, Namespace, normalise
from identity.touchpoints.types import Identifier

KEY = b"k" * 32


def reason(namespace: str, clear: str, region: str = "") -> str:
    with pytest.raises(Refused) as caught:
        normalise(namespace, clear, region=region, key=KEY)
    return caught.value.reason


@pytest.mark.parametrize(
    ("name", "kind", "priority", "most", "pii"),
    [
        ("user_id", "person", 1, 1, False),
        ("crm_id", "person", 1, 1, False),
        ("loyalty_id", "person", 2, 3, False),
        ("email", "person", 3, None, True),
        ("phone", "person", 4, None, True),
        ("email_sha256_google", "person", 5, None, True),
        ("maid", "device", 6, None, False),
        ("device_id", "device", 7, None, False),
        ("push_token", "device", 7, None, False),
        ("anonymous_id", "cookie", 8, None, False),
        ("partner_acme", "cookie", 9, None, False),
    ],
)
def test_the_default_table(name, kind, priority, most, pii):
    rules = DEFAULT[name]
    assert (rules.name, rules.kind, rules.priority, rules.max, rules.pii) == (
        name,
        Kind(kind),
        priority,
        most,
        pii,
    )


def in_memory() -> int:
    return sum(type(each) is Namespace for each in gc.get_objects())


def test_names_that_anybody_may_send_do_not_fill_the_memory():
    """The second part of a partner's name comes in with the events of the public."""
    before = in_memory()
    for number in range(20_000):
        assert DEFAULT[f"partner_{number}"].name == f"partner_{number}"
    assert in_memory() - before < 5_000
    assert DEFAULT["partner_7"] == DEFAULT["partner_7"]
    assert DEFAULT["user_id"].max == 1


def test_hubs_of_email_and_phone():
    assert DEFAULT["email"].hub == DEFAULT["phone"].hub == 10
    assert DEFAULT["user_id"].hub is None


def test_a_household_groups_but_identifies_nobody():
    household, cookie = Identifier("household_id", "7"), Identifier("anonymous_id", "a")
    assert DEFAULT.owner([household, cookie]) == cookie
    assert DEFAULT.owner([household]) is None


@pytest.mark.parametrize("name", ["nobody", "partner_", "partner_A B", "partner_" + "x" * 41, ""])
def test_an_unknown_namespace_is_refused(name):
    assert reason(name, "42") == "unknown_namespace"


def test_other_values_are_trimmed_only():
    assert normalise("user_id", "  Ab 1 ", key=KEY) == Identifier("user_id", "Ab 1")


def test_an_email_is_stored_as_its_hmac():
    expected = hmac.new(KEY, b"jane@example.com", hashlib.sha256).hexdigest()
    assert normalise("email", " Jane@Example.COM ", key=KEY) == Identifier("email", expected)


def test_an_email_is_composed():
    assert normalise("email", "Vale\u0301ry@example.com", key=KEY) == normalise(
        "email", "valéry@example.com", key=KEY
    )


@pytest.mark.parametrize(
    ("clear", "region"),
    [("+33 6 12 34 56 78", ""), ("06 12 34 56 78", "FR"), ("0612345678", "fr")],
)
def test_a_phone_number_is_completed_with_the_region(clear, region):
    assert policy.clean("phone", clear, region=region) == "+33612345678"


@pytest.mark.parametrize(
    ("region", "clear", "expected"),
    [
        ("US", "1 (123) 456-7890", "+11234567890"),
        ("US", "1 (650) 253-0000", "+16502530000"),
        ("US", "(123) 456-7890", "+11234567890"),
        ("US", "1 (123) 456-7890 ext. 65", "+11234567890"),
        ("SG", "65 1243 5678", "+6512435678"),
        ("SG", "65 1243 5678 ext. 65", "+6512435678"),
        ("SG", "65 9123 4567", "+6591234567"),
        ("FR", "33 6 12 34 56 78", "+33612345678"),
        ("FR", "330612345678", "+33612345678"),
        ("GB", "44 20 7183 8750", "+442071838750"),
        ("GB", "4407400123456", "+447400123456"),
        ("IT", "39 06 1234 5678", "+390612345678"),
        ("CN", "86 138 1234 5678", "+8613812345678"),
        ("RU", "7 912 345 67 89", "+79123456789"),
        ("RU", "7 123 456 78 90", "+71234567890"),
        ("IN", "91 98765 43210", "+919876543210"),
    ],
)
def test_a_country_code_is_read_without_its_plus(region, clear, expected):
    assert policy.clean("phone", clear, region=region) == expected


@pytest.mark.parametrize(
    ("region", "clear", "expected"),
    [
        ("SG", "6512 3456", "+6565123456"),
        ("IT", "391 2345678", "+393912345678"),
        ("CN", "138 1234 5678", "+8613812345678"),
        ("RU", "8 912 345 67 89", "+79123456789"),
        ("IN", "9198765432", "+919198765432"),
        ("FR", "0 33 12 34 56 7", "+33331234567"),
        ("FR", "00 33 33 12 34 56 7", "+33331234567"),
    ],
)
def test_a_number_that_may_be_a_national_one_is_one(region, clear, expected):
    assert policy.clean("phone", clear, region=region) == expected


@pytest.mark.parametrize(
    ("clear", "region"),
    [
        ("0612345678", ""),
        ("12", "FR"),
        ("call me", "FR"),
        ("+33 1", ""),
        ("06", "XX"),
        ("12 34 56 78", "US"),
    ],
)
def test_a_phone_number_without_a_country_is_refused(clear, region):
    assert reason("phone", clear, region) == "not_a_phone_number"


@pytest.mark.parametrize(
    "clear",
    [
        *["", "   ", "0", "-1", "000", "0000-0000", "00000000-0000-0000-0000-000000000000", "---"],
        *["null", "NULL", "None", "nil", "undefined", "NaN", "true", "False", "id", "Anonymous"],
        *["guest", "unknown", "Test", "not_authenticated", "[object Object]", " null "],
        *["test@test.com", "Test@Test.com", "test1@example.org", "null@null.com"],
    ],
)
@pytest.mark.parametrize("namespace", ["user_id", "anonymous_id", "email", "maid"])
def test_junk_is_blocked(namespace, clear):
    assert reason(namespace, clear) == "blocked"


@pytest.mark.parametrize("clear", ["10", "nullable", "testimony@example.com", "user@example.com"])
def test_what_only_resembles_junk_is_kept(clear):
    assert normalise("user_id", clear, key=KEY)


@pytest.mark.parametrize("clear", ["a\0b", "a\ud800", "\udfff"])
def test_what_no_store_can_hold_is_refused(clear):
    assert reason("user_id", clear) == "not_text"


def test_the_limit_is_in_bytes():
    assert normalise("user_id", "é" * 256, key=KEY).value == "é" * 256
    assert reason("user_id", "é" * 257) == "too_long"
    assert reason("email", "a" * 510 + "@b.c") == "too_long"


@pytest.mark.parametrize(
    "value",
    [
        *["jane@example.com", "auth0|jane@example.com", "+33612345678", "+1 (555) 123-4567"],
        *["jane%40shop.example", "jane%2540shop.example", "%2B33612345678", "%252B33612345678"],
        *["0033612345678", "06 12 34 56 78", "0612345678", "(555) 123-4567", "555-123-4567"],
    ],
)
def test_what_looks_like_pii_is_kept_as_pii_in_any_namespace(value):
    assert looks_like_pii(value)
    stored = normalise("user_id", value, key=KEY)
    assert stored.namespace == "user_id"
    assert len(stored.value) == 64
    assert value not in stored.value


@pytest.mark.parametrize(
    "value",
    [
        *["42", "4915112345678", "0001234567", "1234567890.1234567890", "2024-01-01", "@jane"],
        *["8a1c2b3d-0000-4000-8000-000000000001", "AEBE52E7-03EE-455A-B3C4-E57283966239", "a@b"],
    ],
)
def test_numbers_of_a_site_are_no_phone_numbers(value):
    assert not looks_like_pii(value)


def test_an_email_as_user_id_has_no_case():
    assert normalise("user_id", "Jane@Example.com", key=KEY) == normalise(
        "user_id", "jane@example.com ", key=KEY
    )


def test_a_partners_hash_is_the_same_in_hex_and_base64():
    digest = "92ee26057ed9dea2535d6c8b141d48373932476599196e00352254896db5888f"
    base64 = "ku4mBX7Z3qJTXWyLFB1INzkyR2WZGW4ANSJUiW21iI8="
    assert policy.clean("email_sha256_uid2", base64) == digest
    assert policy.clean("email_sha256_uid2", digest.upper()) == digest
    assert reason("email_sha256_uid2", "jane@example.com") == "not_a_hash"
    assert reason("email_sha256_uid2", "ku4m") == "not_a_hash"


def test_hashes_of_two_conventions_are_two_identifiers():
    digest = "92ee26057ed9dea2535d6c8b141d48373932476599196e00352254896db5888f"
    google = normalise("email_sha256_google", digest, key=KEY)
    assert google != normalise("email_sha256_meta", digest, key=KEY)


def identifiers(*keys: str) -> list[Identifier]:
    return [Identifier.of(key) for key in keys]


def test_too_many_values_of_a_namespace_refuse_the_whole():
    assert DEFAULT.refusal(identifiers("user_id:1", "user_id:2")) == "too_many:user_id"
    assert DEFAULT.refusal(identifiers("user_id:1", "user_id:1", "anonymous_id:a")) == ""
    assert DEFAULT.refusal(identifiers(*[f"loyalty_id:{n}" for n in range(3)])) == ""
    assert DEFAULT.refusal(identifiers(*[f"loyalty_id:{n}" for n in range(4)])) != ""


def test_an_alias_call_may_name_two_users():
    old, new = identifiers("user_id:1", "user_id:2")
    assert DEFAULT.refusal([old, new], [(new, old)]) == ""
    assert DEFAULT.refusal([old, new, Identifier("user_id", "3")], [(old, new)]) != ""


def test_alias_pairs_in_a_circle_are_still_one_value():
    one, two, three, other = identifiers("user_id:1", "user_id:2", "user_id:3", "user_id:4")
    circle = [(one, two), (two, three), (three, one)]
    assert DEFAULT.refusal([one, two, three], circle) == ""
    assert DEFAULT.refusal([one, two, three, other], circle) == "too_many:user_id"


def test_more_than_32_identifiers_are_refused():
    assert DEFAULT.refusal(identifiers(*[f"maid:{n}" for n in range(32)])) == ""
    many = DEFAULT.refusal(identifiers(*[f"maid:{n}" for n in range(33)]))
    assert many == "too_many_identifiers"


def test_the_strongest_comes_first_and_ties_go_by_name():
    mixed = identifiers("anonymous_id:a", "user_id:2", "crm_id:9", "user_id:1", "email:x")
    assert [each.key for each in DEFAULT.strongest_first(mixed)] == [
        *["crm_id:9", "user_id:1", "user_id:2", "email:x", "anonymous_id:a"],
    ]
    assert DEFAULT.owner(mixed) == Identifier("crm_id", "9")


@given(
    st.sampled_from(["user_id", "email", "phone", "maid", "partner_x", "email_sha256_uid2"]),
    st.text(max_size=600),
    st.sampled_from(["", "FR", "US"]),
)
def test_cleaning_twice_is_cleaning_once(namespace, clear, region):
    try:
        once = policy.clean(namespace, clear, region=region)
    except Refused:
        return
    assert policy.clean(namespace, once) == once
    assert len(once.encode()) <= policy.MAX_BYTES
