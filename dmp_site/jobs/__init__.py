"""Schedules and long jobs on django-q2.

A job is a row. A task of the cluster runs one slice of it and queues the next; a schedule queues again what nobody works on.
"""

from dmp_site.jobs.cluster import heartbeat, serve
from dmp_site.jobs.kinds import KINDS
from dmp_site.jobs.runner import cancel, start

__all__ = ["KINDS", "cancel", "heartbeat", "serve", "start"]
