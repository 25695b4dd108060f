"""Runs a part of the benchmarks inside the installation that the environment names.

    python -m benchmarks.inside MODULE [ARGUMENT ...]

Django must be set up before models are imported, so the module is found by its name; its `main` gets the arguments.
"""

import importlib
import sys

import django

if __name__ == "__main__":
    django.setup()
    importlib.import_module(sys.argv[1]).main(*sys.argv[2:])
