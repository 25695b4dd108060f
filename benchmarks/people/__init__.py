"""Parts of the benchmark of who is who: random people, a store full of them, crowds that arrive live, and the yardsticks."""
