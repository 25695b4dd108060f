"""The yardstick of the collector: the same endpoint as a DRF view that stores with bulk_create, as one would write it."""
