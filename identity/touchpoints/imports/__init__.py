"""Imports: rows of files become touchpoints, through the same door as everything else."""
