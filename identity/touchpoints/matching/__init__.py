"""Matching: a model's guesses which records of a file are about one person. Nothing runs unless somebody asks for it."""
