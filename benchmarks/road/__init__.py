"""The whole road, stages 1 to 6, on real files: who drives it, through which world, and what must come out."""
