"""Files of cases: every value is the text that stands there, and every mistake is named with its place."""

from decimal import Decimal
from pathlib import Path

import pytest

from dmp_site.cases import files
from dmp_site.cases.reading import BadFile
from identity.graph.policy import Kind
from tests.identity.graph.evidence import CASES

ROOT = Path(__file__).parents[3]
CASE = """
cases:
- id: one
  policy:
    user_id: {priority: 1, kind: person, max: 1}
    cookie: {priority: 2, kind: cookie, max: null, hub: 3, pii: yes, normaliser: email}
  block: [null, -1, Guest]
  block_regex: ['^x+$']
  events:
  - {t: 1, ids: ['user_id:a', 'cookie:b:c'], source: web}
  - {t: 0.5, ids: [user_id:1, user_id:2], alias: true}
  delete: {dataset: web, identity: 'user_id:1'}
  expect:
    clusters: [['user_id:a', 'cookie:b:c']]
    removed: [['user_id:a', 'cookie:d']]
    rejected: [2, 1]
"""


def read(tmp_path, text):
    file = tmp_path / "cases.yaml"
    file.write_text(text, encoding="utf-8")
    return files.read(file)


def test_the_published_files():
    assert [case.name.partition(":")[0] for case in published().cases] == [
        case["id"] for case in CASES
    ]
    vectors = files.read(ROOT / "tests/cases/normalisation.yaml").vectors
    assert {(one.region, one.clear) for one in vectors if one.region} == {
        ("AU", "0491 570 006"),
        ("US", "1 (123) 456-7890"),
        ("SG", "65 1243 5678"),
    }


def published():
    return files.read(ROOT / "tests/cases/identity.yaml")


def test_a_case_of_everything(tmp_path):
    [case] = read(tmp_path, CASE).cases
    assert case.policy["user_id"].max == 1
    cookie = case.policy["cookie"]
    assert (cookie.kind, cookie.max, cookie.hub, cookie.pii) == (Kind.COOKIE, None, 3, True)
    assert (cookie.normaliser, case.policy["user_id"].normaliser) == ("email", "none")
    assert all(case.policy.is_blocked(each) for each in ("NULL", " -1", "guest", "xx", " "))
    assert not case.policy.is_blocked("anonymous")
    assert case.events[0].identifiers == ("user_id:a", "cookie:b:c")
    assert (case.events[1].at, case.events[1].alias) == (
        Decimal("0.5"),
        ("user_id:1", "user_id:2"),
    )
    assert (case.gone_source, case.gone_identifier) == ("web", "user_id:1")
    assert case.rejected == (1, 2)


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ("source: web", "sauce: web", "cases[0] (one): events[0]: unknown key 'sauce'"),
        ("id: one", "name: one", "cases[0]: unknown key 'name'"),
        ("cases:", "case:", "unknown key 'case'"),
        ("kind: person", "kind: human", "'human' is none of person"),
        ("max: 1}", "max: 0}", "cases[0] (one): policy.user_id.max: '0' is no whole number"),
        ("priority: 1, ", "", "priority is missing"),
        ("t: 1", "t: soon", "'soon' is no time"),
        ("'user_id:a', 'cookie:b:c']]", "'user_id']]", "'user_id' is no identifier"),
        ("[['user_id:a', 'cookie:b:c']]", "[['a:1'], ['a:1']]", "'a:1' is in two clusters"),
        ("[['user_id:a', 'cookie:d']]", "[['user_id:a']]", "a link has two different ends"),
        ("'^x+$'", "'('", "'(' is no regular expression"),
        ("normaliser: email", "normaliser: magic", "'magic' is none of"),
        ("alias: true", "alias: [user_id:1]", "an alias names two or more"),
        ("alias: true", "alias: [user_id:1, user_id:2, cookie:c]", "an alias names two or more"),
        ("alias: true", "alias: maybe", "'maybe' is neither true nor false"),
        ("  delete:", "  policy: {}\n  delete:", "'policy' stands there twice"),
        ("cases:", "cases: [", "it is no YAML"),
    ],
)
def test_a_mistake_is_named_with_its_place(tmp_path, old, new, said):
    assert old in CASE
    with pytest.raises(BadFile) as caught:
        read(tmp_path, CASE.replace(old, new, 1))
    assert said in str(caught.value)


@pytest.mark.parametrize("text", ["", "[]", "{}", "cases: 3"])
def test_what_is_no_file_of_cases(tmp_path, text):
    with pytest.raises(BadFile):
        read(tmp_path, text)


def test_a_vector_keeps_its_leading_zero(tmp_path):
    text = "vectors: [{rule: meta, kind: phone, in: [0612345678], region: FR, norm: 33612345678}]"
    [vector] = read(tmp_path, text).vectors
    assert (vector.clear, vector.region, vector.norm) == ("0612345678", "FR", "33612345678")
