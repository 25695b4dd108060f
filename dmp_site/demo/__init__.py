"""The demo: real data, a small shop, a page for its mail. Nothing of the product depends on it."""
