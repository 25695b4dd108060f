"""Settings that make no sense: refused at the start, by name, before anything is done with them."""

from pathlib import Path

import pytest
from django.core.exceptions import ImproperlyConfigured

from dmp_site import environment as env
from tests.installation import Installation

BAD = [
    ("RETENTION_DAYS", "-1"),
    ("RETENTION_DAYS", "ten"),
    ("KEEP_RECORDS_DAYS", "0"),
    ("SMTP_PORT", "70000"),
    ("SMTP_TIMEOUT", "0"),
    ("JOB_WORKERS", "0"),
    ("LANE_TIMEOUT", "-30"),
    ("INBOX_LIMIT", "0"),
    ("MIN_FREE_MB", "-1"),
    ("MACHINE_SECONDS", "-1"),
]


@pytest.mark.process
@pytest.mark.parametrize(("name", "value"), BAD)
def test_a_number_that_makes_no_sense_is_refused_by_name(
    tmp_path: Path, name: str, value: str
) -> None:
    refused = Installation(tmp_path, **{name: value}).manage("check", check=False)
    assert refused.returncode
    assert f"FILROUGE_{name} must be a whole number from " in refused.stderr
    assert f"not '{value}'" in refused.stderr
    assert "Traceback" not in refused.stderr


@pytest.mark.parametrize("value", ["0", "7", "10", " 7 "])
def test_numbers_up_to_both_bounds_are_taken(monkeypatch: pytest.MonkeyPatch, value: str) -> None:
    monkeypatch.setenv("FILROUGE_DAYS", value)
    assert env.integer("DAYS", 3, least=0, most=10) == int(value)


@pytest.mark.parametrize("value", ["-1", "11", "", "1.5", "1e3", "seven"])
def test_other_values_are_refused(monkeypatch: pytest.MonkeyPatch, value: str) -> None:
    monkeypatch.setenv("FILROUGE_DAYS", value)
    with pytest.raises(ImproperlyConfigured, match="FILROUGE_DAYS must be a whole number from 0"):
        env.integer("DAYS", 3, least=0, most=10)
