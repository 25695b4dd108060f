"""Settings of Filrouge. Every choice is a FILROUGE_* variable (secrets also FILROUGE_*_FILE); the defaults are safe."""

import hashlib
from pathlib import Path
from typing import Any

from django.core.exceptions import ImproperlyConfigured

from dmp_site import addresses
from dmp_site import environment as env
from identity.privacy.keys import session_key

BASE_DIR = Path(__file__).resolve().parent.parent
DATA_DIR = Path(env.text("DATA_DIR", str(BASE_DIR / "data"))).resolve()
DATA_DIR.mkdir(mode=0o700, parents=True, exist_ok=True)

# The installation's keys: one file, made by `manage.py up` or `manage.py setup` and never beside existing data.
KEYS_FILE = Path(env.text("KEYS_FILE", str(DATA_DIR / "keys.json")))

DEBUG = env.flag("DEBUG", default=False)
SECRET_KEY = env.secret("SECRET_KEY") or session_key(KEYS_FILE)
ALLOWED_HOSTS = env.names("ALLOWED_HOSTS", "localhost,127.0.0.1,[::1]")
CSRF_TRUSTED_ORIGINS = env.names("CSRF_TRUSTED_ORIGINS")

# --- Where things listen -----------------------------------------------------------------------------------------------

CONSOLE_BIND = env.text("CONSOLE_BIND", "127.0.0.1:8000")
COLLECTOR_BIND = env.text("COLLECTOR_BIND", "127.0.0.1:8001")
# The collector's loopback door: imports, receipts and the console post here; guarded by a token made from the keys.
COLLECTOR_INNER_BIND = env.text("COLLECTOR_INNER_BIND", "127.0.0.1:8002")
# Only `manage.py demo` listens here: the shop, the page that shows its mail, and the SMTP sink.
DEMO_SHOP_BIND = env.text("DEMO_SHOP_BIND", "127.0.0.1:8003")
DEMO_MAIL_BIND = env.text("DEMO_MAIL_BIND", "127.0.0.1:8004")
DEMO_SMTP_BIND = env.text("DEMO_SMTP_BIND", "127.0.0.1:8025")
# How the world reaches the two: used in tracked links, pixels, unsubscribe links and settings documents.
COLLECTOR_URL = env.text("COLLECTOR_URL", f"http://{COLLECTOR_BIND}").rstrip("/")
CONSOLE_URL = env.text("CONSOLE_URL", f"http://{CONSOLE_BIND}").rstrip("/")

# --- Stores ------------------------------------------------------------------------------------------------------------


def _sqlite(name: str) -> dict[str, Any]:
    return {
        "ENGINE": "dmp_site.sqlite",
        "NAME": DATA_DIR / name,
        "TEST": {"NAME": ":memory:"},
        "OPTIONS": {
            "timeout": 20,
            "transaction_mode": "IMMEDIATE",
            "init_command": (
                "PRAGMA journal_mode=WAL; PRAGMA synchronous=FULL; PRAGMA foreign_keys=ON;"
                "PRAGMA cache_size=-64000; PRAGMA temp_store=MEMORY; PRAGMA secure_delete=ON;"
                # Keys are random, so every batch touches pages all over: they are written back every few batches, and read in place:
                # as far as SQLite maps a file, which is 2 GiB less 64 KiB.
                "PRAGMA wal_autocheckpoint=32000; PRAGMA mmap_size=2147418112"
            ),
        },
    }


_DATABASE_URL = env.secret("DATABASE_URL")
if _DATABASE_URL:
    DATABASES = {"default": addresses.postgresql(_DATABASE_URL, "FILROUGE_DATABASE_URL")}
    DATABASE_ROUTERS: list[str] = []
else:
    DATABASES = {"default": _sqlite("filrouge.sqlite3"), "queue": _sqlite("queue.sqlite3")}
    DATABASE_ROUTERS = ["dmp_site.router.QueueRouter"]
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"

INBOX: dict[str, Any] = (
    {"BACKEND": "identity.touchpoints.inbox.postgres.PostgresInbox", "OPTIONS": {}}
    if _DATABASE_URL
    else {
        "BACKEND": "identity.touchpoints.inbox.sqlite.SqliteInbox",
        "OPTIONS": {"path": DATA_DIR / "inbox.sqlite3"},
    }
)
# Rows that may wait for the lane before senders are told to come again (429).
INBOX_LIMIT = env.integer("INBOX_LIMIT", 2_000_000, least=1, most=10**12)
# Seconds without a heartbeat after which the supervisor kills a lane.
LANE_TIMEOUT = env.integer("LANE_TIMEOUT", 30, least=5, most=3_600)
# A neighbourhood with more links than this is a crowd. Reading so many and working them out takes a tenth of what a batch takes.
CROWD_LINKS = env.integer("CROWD_LINKS", 1_000, least=10, most=10**9)


_GRAPH_URL = env.secret("GRAPH_URL")
GRAPH_DATABASE = env.text("GRAPH_DATABASE", "neo4j")
if _GRAPH_URL and not _DATABASE_URL:
    raise ImproperlyConfigured(
        "FILROUGE_GRAPH_URL needs FILROUGE_DATABASE_URL: Neo4j keeps the graph beside PostgreSQL, not beside SQLite"
    )
GRAPH_STORE: dict[str, Any] = (
    addresses.neo4j(_GRAPH_URL, GRAPH_DATABASE, "FILROUGE_GRAPH_URL")
    if _GRAPH_URL
    else {"BACKEND": "identity.graph.sql_store.SqlStore", "OPTIONS": {}}
)
# Where `manage.py move_store` takes them; nothing else reads these.
MOVE_DATABASE_URL = env.secret("MOVE_DATABASE_URL")
MOVE_GRAPH_URL = env.secret("MOVE_GRAPH_URL")

CHANNEL_NAMES = (
    "activation.channels.registry.names"  # for the floor below, which knows no channels
)

# --- Channels: how people are reached ------------------------------------------------------------------------------------

# Made as Django makes its caches. Channels that are not built in are rows, added in the console: fetched (pull) or called (webhook).
SMTP_FROM = env.text("SMTP_FROM", "Filrouge <filrouge@localhost>")
CHANNELS: dict[str, Any] = {
    "email": {
        "BACKEND": "activation.channels.email.EmailChannel",
        "OPTIONS": {
            "host": env.text("SMTP_HOST", "127.0.0.1"),
            "port": env.integer("SMTP_PORT", 25, least=1, most=65_535),
            "user": env.text("SMTP_USER"),
            "password": env.secret("SMTP_PASSWORD"),
            "security": env.text("SMTP_SECURITY", "none"),
            "sender": SMTP_FROM,
            "timeout": float(env.integer("SMTP_TIMEOUT", 20, least=1, most=600)),
        },
    },
    "site": {"BACKEND": "activation.channels.pull.PullChannel"},
    "display": {"BACKEND": "activation.channels.pull.PullChannel"},
}
# Webhooks call no address of a private network unless this says so.
WEBHOOK_ALLOW_PRIVATE = env.flag("WEBHOOK_ALLOW_PRIVATE", default=False)
# Message classes that need no consent, and channels on which somebody who never said anything is not contacted.
CONSENT_EXEMPT = env.names("CONSENT_EXEMPT", "transactional")
CONSENT_OPT_IN = env.names("CONSENT_OPT_IN", "email,sms,push,call")
# An open or click this many seconds after the hand-over is taken for a machine's (a scanner, a prefetch).
MACHINE_SECONDS = env.integer("MACHINE_SECONDS", 2, least=0, most=3_600)

# --- The first login, made once --------------------------------------------------------------------------------------------

ADMIN_USER = env.text("ADMIN_USER", "admin")
ADMIN_PASSWORD = env.secret("ADMIN_PASSWORD")

# --- Django ------------------------------------------------------------------------------------------------------------

INSTALLED_APPS = [
    "unfold",
    "django.contrib.admin.apps.SimpleAdminConfig",  # dmp_site.urls loads the pages: only who serves them needs them
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "django.contrib.humanize",
    "django.contrib.messages",
    "django.contrib.staticfiles",
    "rest_framework",
    "drf_spectacular",
    "drf_spectacular_sidecar",
    "django_q",
    "identity",
    "activation",
    "journeys",
    "dmp_site",
]
MIDDLEWARE = [
    "django.middleware.security.SecurityMiddleware",
    "dmp_site.middleware.content_policy",
    "dmp_site.middleware.refuse_nul",
    "whitenoise.middleware.WhiteNoiseMiddleware",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.locale.LocaleMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
]
ROOT_URLCONF = "dmp_site.urls"
WSGI_APPLICATION = "dmp_site.wsgi.application"
TEMPLATES = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "DIRS": [BASE_DIR / "dmp_site" / "templates"],
        "APP_DIRS": True,
        "OPTIONS": {
            "context_processors": [
                "django.template.context_processors.request",
                "django.contrib.auth.context_processors.auth",
                "django.contrib.messages.context_processors.messages",
            ]
        },
    }
]
AUTH_PASSWORD_VALIDATORS = [
    {"NAME": "django.contrib.auth.password_validation.MinimumLengthValidator"},
    {"NAME": "django.contrib.auth.password_validation.CommonPasswordValidator"},
]
LANGUAGE_CODE = "en"
LANGUAGES = [("en", "English"), ("fr", "Français")]  # those of our own texts: no page speaks two
USE_I18N = True
USE_TZ = True
TIME_ZONE = env.text("TIME_ZONE", "UTC")
FORMAT_MODULE_PATH = ["dmp_site.formats"]
LOCALE_PATHS = [BASE_DIR / "dmp_site" / "locale"]
STATIC_URL = "/static/"
WHITENOISE_USE_FINDERS = True  # served from where they are installed: nothing to collect
STATICFILES_DIRS = [
    path for path in [BASE_DIR / "dmp_site" / "frontend" / "dist"] if path.exists()
]

# Two installations on one host must not log each other out: cookies are not kept apart by port.
_INSTALLATION = hashlib.sha256(str(DATA_DIR).encode()).hexdigest()[:8]
SESSION_COOKIE_NAME = f"filrouge_session_{_INSTALLATION}"
CSRF_COOKIE_NAME = f"filrouge_csrf_{_INSTALLATION}"
SESSION_COOKIE_SECURE = CSRF_COOKIE_SECURE = CONSOLE_URL.startswith("https://")
SECURE_CONTENT_TYPE_NOSNIFF = True
SECURE_REFERRER_POLICY = "same-origin"
X_FRAME_OPTIONS = "DENY"

UNFOLD: dict[str, Any] = {
    "SITE_TITLE": "Filrouge",
    "SITE_HEADER": "Filrouge",
    "SITE_SYMBOL": "conversion_path",
    "SITE_URL": None,
    "SITE_FAVICONS": [
        {"rel": "icon", "type": "image/svg+xml", "href": "/static/console/icon.svg"}
    ],
    "STYLES": ["/static/console/console.css"],
    "SHOW_HISTORY": True,
    "SHOW_VIEW_ON_SITE": False,
    "BORDER_RADIUS": "6px",
    "COLORS": {
        "primary": {
            "50": "oklch(97.1% .013 17.4)",
            "100": "oklch(93.6% .032 17.7)",
            "200": "oklch(88.5% .062 18.3)",
            "300": "oklch(80.8% .114 19.6)",
            "400": "oklch(70.4% .191 22.2)",
            "500": "oklch(60.5% .215 25.3)",
            "600": "oklch(54.5% .215 27.3)",
            "700": "oklch(48.5% .193 27.5)",
            "800": "oklch(42.4% .167 26.9)",
            "900": "oklch(37.6% .135 25.7)",
            "950": "oklch(25.8% .092 26.0)",
        }
    },
    "SIDEBAR": {
        "show_search": False,
        "show_all_applications": False,
        "navigation": "dmp_site.console.navigation.sidebar",
    },
    "DASHBOARD_CALLBACK": "dmp_site.console.home.context",
}
REST_FRAMEWORK: dict[str, Any] = {
    "DEFAULT_SCHEMA_CLASS": "dmp_site.api.schema.Schema",
    "DEFAULT_AUTHENTICATION_CLASSES": [
        "dmp_site.api.authentication.KeyAuthentication",
        "dmp_site.api.authentication.ConsoleAuthentication",
    ],
    "DEFAULT_PERMISSION_CLASSES": ["dmp_site.api.authentication.HasScope"],
    "EXCEPTION_HANDLER": "dmp_site.api.errors.handle",
    "DEFAULT_RENDERER_CLASSES": ["rest_framework.renderers.JSONRenderer"],
    "DEFAULT_PARSER_CLASSES": ["dmp_site.api.parsing.JSONParser"],
}
SPECTACULAR_SETTINGS: dict[str, Any] = {
    "TITLE": "Filrouge",
    "VERSION": "v1",
    "SWAGGER_UI_DIST": "SIDECAR",
    "SWAGGER_UI_FAVICON_HREF": "SIDECAR",
    "REDOC_DIST": "SIDECAR",
    "SERVE_INCLUDE_SCHEMA": False,
    "SERVE_AUTHENTICATION": [],
    "SCHEMA_PATH_PREFIX": "/api/v1",
    "SCHEMA_PATH_PREFIX_TRIM": False,
    "COMPONENT_SPLIT_REQUEST": True,
    "ENUM_ADD_EXPLICIT_BLANK_NULL_CHOICE": False,
    "ENUM_NAME_OVERRIDES": {
        "HealthEnum": ["ok", "notice", "fault"],
        "SourceKindEnum": "identity.touchpoints.api.sources.KINDS",
    },
}
# --- Jobs and retention -----------------------------------------------------------------------------------------------

_CENTURY = 36_500  # days
# Less room than this is a fault.
MIN_FREE_MB = env.integer("MIN_FREE_MB", 500, least=0, most=10**9)
# Touchpoints that happened longer ago are refused; 0: none is.
RETENTION_DAYS = env.integer("RETENTION_DAYS", 3_650, least=0, most=_CENTURY)
# Batches, executed commands, refusals, finished jobs.
KEEP_RECORDS_DAYS = env.integer("KEEP_RECORDS_DAYS", 90, least=1, most=_CENTURY)
Q_CLUSTER = {
    "name": "filrouge",
    "orm": "default" if _DATABASE_URL else "queue",
    "workers": env.integer("JOB_WORKERS", 1, least=1, most=64),
    "timeout": 60,
    "retry": 120,
    "max_attempts": 5,
    "ack_failures": True,
    "catch_up": False,
    "poll": 1.0,
    "save_limit": 1000,
    "label": "Jobs",
    "log_level": "WARNING",  # a heartbeat every few seconds is no news
}
