"""Compares a vector with what identity.graph.hashing makes of its clear value."""

import hashlib

from dmp_site.cases.files import Vector
from identity.graph.hashing import hashed
from identity.graph.normalising import Refused


def differences(vector: Vector) -> list[tuple[str, str, str]]:
    """Return what differs as (field, expected, found)."""
    try:
        found = hashed(vector.rule, vector.kind, vector.clear, region=vector.region)
    except KeyError:
        said = f"nothing: there is no convention {vector.rule} for {vector.kind}"
        return [("norm", vector.norm or "a value", said)]
    except Refused as refused:
        return [("norm", vector.norm or "a value", f"refused ({refused.reason})")]
    size = hashlib.new(vector.algorithm).digest_size
    if len(found.digest) != size:
        return [("alg", vector.algorithm, f"{len(found.digest)} bytes")]
    compared = [
        ("norm", vector.norm, found.text),
        ("hex", vector.hex, found.hex),
        ("b64", vector.base64, found.base64),
    ]
    return [each for each in compared if each[1] and each[1] != each[2]]
