"""The report of a campaign says what was seen, names each thing that must not be, and keeps what was seen on other stores."""

from collections import Counter
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from tests.crash.report import Report, leave_out, stages, write
from tests.servers.program import Missing

GOOD: Mapping[str, Any] = {
    "stores": "sqlite",
    "acknowledged": 5_000,
    "stored": 5_000,
    "contacts": 4_200,
    "counted": 4_200,
    "sent": 70,
    "unknown": 1,
    "deaths": 1,
    "kills": 3,
    "seconds": 50.0,
    "every_stage": True,
    "rates": [1_000, 950, 1_050],
    "hits": Counter(stages()),
    "killed": Counter(lane=2, send=1),
}


def test_the_four_words_and_the_rates_are_printed():
    said = str(Report(**GOOD))
    assert "acknowledged 5000 / counted 4200 / sent 70 / unknown 1" in said
    assert "least 950, median 1000" in said
    assert "100/s over the whole campaign" in said
    assert "kills 3 (lane 2, send 1)" in said


def test_a_campaign_in_which_all_was_well_has_no_faults():
    assert Report(**GOOD).faults() == []


@pytest.mark.parametrize(
    ("bad", "fault"),
    [
        ({"missing": 1}, "1 acknowledged touchpoints are missing"),
        ({"counted": 4_201}, "4201 contacts counted, 4200 sent"),
        ({"counted": 4_199}, "4199 contacts counted, 4200 sent"),
        ({"stored": 5_001}, "5001 stored, 5000 acknowledged"),
        ({"set_aside": 2}, "2 touchpoints were set aside"),
        ({"twice": ["a@b"]}, "1 messages were sent twice: ['a@b']"),
        ({"strangers": 1}, "1 messages sent without a record"),
        ({"unknown": 2}, "2 unknown, though senders died 1 times with one connection"),
        ({"over_the_limit": 1}, "1 people got more marketing mails than their limit"),
        ({"left_reserved": 1}, "1 ledger rows stay reserved though their delivery is over"),
        (
            {"rates": [1_000, 850, 1_000]},
            "1 kills with fewer than 900 acknowledged in the second before: [850]",
        ),
        ({"rates": [1_000, 1_000]}, "3 kills, but 2 rates"),
        (
            {"hits": Counter(set(stages()) - {"7 deliver"})},
            "stages never hit: ['7 deliver']",
        ),
    ],
)
def test_each_fault_is_reported(bad: Mapping[str, Any], fault: str):
    assert Report(**{**GOOD, **bad}).faults() == [fault]


def test_a_short_campaign_need_not_hit_every_stage():
    assert Report(**{**GOOD, "every_stage": False, "hits": Counter()}).faults() == []


def test_the_file_holds_the_last_campaign_on_each_kind_of_stores(tmp_path: Path):
    file = tmp_path / "SOAK.md"
    write(Report(**{**GOOD, "stores": "postgresql"}), file)
    write(Report(**{**GOOD, "acknowledged": 4_000}), file)
    write(Report(**GOOD), file)
    leave_out("neo4j", Missing("Java 17"), file)
    text = file.read_text()
    assert text.count("acknowledged 5000 / counted 4200 / sent 70 / unknown 1") == 2
    assert "acknowledged 4000" not in text
    assert text.index("## SQLite\n") < text.index("## PostgreSQL\n")
    assert "Left out, for want of Java 17." in text[text.index("## PostgreSQL + Neo4j\n") :]
