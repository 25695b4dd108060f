"""Profiles written to a file: what a row holds, and the formats."""
