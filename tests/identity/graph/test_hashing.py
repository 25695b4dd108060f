"""Published vectors of hashed identifiers."""

import hashlib
import re
from pathlib import Path

import pytest
import yaml

from identity.graph.hashing import CONVENTIONS, hashed
from identity.graph.normalising import Refused

CASES = Path(__file__).parents[2] / "cases" / "normalisation.yaml"
VECTORS = [
    (vector, str(clear))
    for vector in yaml.load(CASES.read_text(), yaml.CSafeLoader)["vectors"]
    for clear in vector["in"]
]


@pytest.mark.parametrize(
    ("vector", "clear"), VECTORS, ids=[f"{v['rule']}-{clear}" for v, clear in VECTORS]
)
def test_a_published_vector(vector, clear):
    prefix = re.match(
        r"([A-Z]{2}) (?=\d)", clear
    )  # "AU 0491 570 006": the region, then the number
    region = prefix.group(1) if prefix else ""
    number = clear[3:] if prefix else clear
    found = hashed(vector["rule"], vector["kind"], number, region=region)
    assert found.text == vector["norm"]
    if "hex" in vector:
        assert found.hex == vector["hex"]
    if "b64" in vector:
        assert found.base64 == vector["b64"]
    if vector.get("alg") == "sha1":
        assert len(found.digest) == hashlib.sha1().digest_size


def test_the_conventions_disagree():
    clear = "Jane.Doe+news@googlemail.com"
    texts = {name: hashed(name, "email", clear).text for name in CONVENTIONS}
    assert texts["google"] == "janedoe@googlemail.com"
    assert texts["uid2"] == texts["meta"] == texts["liveramp"] == "jane.doe+news@googlemail.com"


def test_white_space_within_an_address():
    assert hashed("google", "email", " a b@example.com").text == "ab@example.com"
    assert hashed("liveramp", "email", " a b@example.com").text == "ab@example.com"
    assert hashed("meta", "email", " ab@example.com ").text == "ab@example.com"


def test_phone_numbers_per_destination():
    clear = "06 12 34 56 78"
    assert hashed("google", "phone", clear, region="FR").text == "+33612345678"
    assert hashed("uid2", "phone", clear, region="FR").text == "+33612345678"
    assert hashed("meta", "phone", clear, region="FR").text == "33612345678"
    with pytest.raises(Refused, match="not_a_us_phone_number"):
        hashed("liveramp", "phone", clear, region="FR")


def test_the_encoding_a_destination_takes():
    assert CONVENTIONS["uid2"].encoding == "base64"
    assert CONVENTIONS["meta"].encoding == "hex"


def test_what_a_destination_does_not_take():
    with pytest.raises(KeyError):
        hashed("uid2", "first_name", "Mary")


def test_the_trade_desk_shares_the_convention_of_uid2():
    for kind, clear in (("email", "Jane.Doe+news@gmail.com"), ("phone", "+33612345678")):
        assert hashed("ttd", kind, clear) == hashed("uid2", kind, clear)
