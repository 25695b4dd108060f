"""Figures of the product as ratios; `make bench` runs them."""
