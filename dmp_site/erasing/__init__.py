"""Erasing a person: on every floor, in every store, a bounded transaction at a time; and telling all that is known before that."""
