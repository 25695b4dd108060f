"""Guesses about records. fake_1000.csv is a data set of Splink's repository (moj-analytical-services/splink, MIT): invented people."""

from pathlib import Path

FAKE = Path(__file__).with_name("fake_1000.csv")
