"""Where the demo keeps its files, and its addresses."""

from pathlib import Path

from django.conf import settings


def home() -> Path:
    """Return where the demo's own folder is, or would be."""
    return Path(settings.DATA_DIR) / "demo"


def folder() -> Path:
    """Return the demo's own folder beside the data, made when missing."""
    path = home()
    path.mkdir(mode=0o700, parents=True, exist_ok=True)
    return path


def mailbox() -> Path:
    path = folder() / "mail"
    path.mkdir(mode=0o700, exist_ok=True)
    return path


def shop_files() -> Path:
    """Return where the built shop lies."""
    return Path(settings.BASE_DIR) / "dmp_site" / "frontend" / "dist" / "shop"


def shop_url() -> str:
    return f"http://{settings.DEMO_SHOP_BIND}"


def mail_url() -> str:
    return f"http://{settings.DEMO_MAIL_BIND}"


def catalogue() -> Path:
    """Return where the list of what the shop sells lies."""
    return folder() / "catalogue.json"


def log() -> Path:
    """Return the file into which the demo's processes print."""
    return folder() / "log.txt"
