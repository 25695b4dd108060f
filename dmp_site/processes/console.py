"""Serves the console (admin, REST API) with gunicorn's threads."""

import threading
from collections.abc import Mapping
from typing import Any

from django.conf import settings
from gunicorn.app.base import BaseApplication

from dmp_site.wsgi import application


class _Console(BaseApplication):  # type: ignore[misc]
    def __init__(self, options: Mapping[str, Any]) -> None:
        self._options = options
        super().__init__()

    def load_config(self) -> None:
        for name, value in self._options.items():
            if name in self.cfg.settings:
                self.cfg.set(name, value)

    def load(self) -> Any:
        return application


def serve_console(_stop: threading.Event) -> None:
    """Serve until SIGTERM; gunicorn handles signals itself and ends the process."""
    _Console(
        {
            "bind": settings.CONSOLE_BIND,
            "workers": 1,
            "threads": 8,
            "worker_class": "gthread",
            "timeout": 60,
            "graceful_timeout": 3,
            "proc_name": "filrouge-console",
            "control_socket_disable": True,
        }
    ).run()
