#!/usr/bin/env python
"""Runs Filrouge's management commands; `manage.py help` lists them."""

import os
import sys

from django.core.exceptions import ImproperlyConfigured
from django.core.management import execute_from_command_line

if __name__ == "__main__":
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "dmp_site.settings")
    try:
        execute_from_command_line(sys.argv)
    except KeyboardInterrupt:  # Ctrl-C before a command has its own handler
        sys.exit(130)
    except ImproperlyConfigured as error:  # a setting: its name and what it must be say it all
        sys.exit(f"Error: {error}")
