"""The identity graph of a profile as people see it: drawn where there is JavaScript, as tables everywhere."""
