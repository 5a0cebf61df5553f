"""Django's settings, derived from `csms.core.config`; nothing is read from the environment here."""

import ssl
import sys
from pathlib import Path
from urllib.parse import urlsplit

import dj_database_url
from csp.constants import NONE, SELF
from kombu import Queue
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff

from csms.core.config import config, get_config
from csms.core.logs import logging_config
from csms.settings_api import REST_FRAMEWORK as REST_FRAMEWORK
from csms.settings_api import SPECTACULAR_SETTINGS as SPECTACULAR_SETTINGS
from csms.settings_beat import CELERY_BEAT_SCHEDULE as CELERY_BEAT_SCHEDULE

BASE_DIR = Path(__file__).resolve().parent.parent
get_config()

SECRET_KEY = config.effective_secret_key
DEBUG = config.debug
ALLOWED_HOSTS = config.effective_allowed_hosts
CSRF_TRUSTED_ORIGINS = list(config.trusted_origins)

INSTALLED_APPS = [
    # It takes over runserver, for which it is first; elsewhere it would only lengthen each start by a tenth.
    *(["daphne"] if "runserver" in sys.argv[1:2] else []),
    "django.contrib.admin",
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "django.contrib.messages",
    "whitenoise.runserver_nostatic",
    "django.contrib.staticfiles",
    "django.contrib.humanize",
    "channels",
    "django_prometheus",
    "django_structlog",
    "django_htmx",
    "django_filters",
    "heroicons",
    "axes",
    "csp",
    "rest_framework",
    "drf_spectacular",
    "drf_spectacular_sidecar",
    "csms",
    "csms.core.access",
    "csms.core.idempotency",
    "csms.core.audit",
    "csms.core.overrides",
    "csms.core.events",
    "csms.core.webhooks",
    "chargers",
    "chargers.topology",
    "chargers.device_model",
    "chargers.configuration",
    "chargers.reporting",
    "chargers.provisioning",
    "chargers.network",
    "chargers.availability",
    "chargers.firmware",
    "chargers.diagnostics",
    "chargers.certificates",
    "chargers.security_events",
    "chargers.reservations",
    "chargers.traits",
    "chargers.blocking",
    "chargers.ratings",
    "chargers.bulk",
    "chargers.callbacks",
    "transactions",
    "transactions.sequence",
    "transactions.signed",
    "transactions.local_lists",
    "transactions.charging_profiles",
    "transactions.remote_control",
    "transactions.tariffs",
    "transactions.backend",
    "transactions.stuck",
    "transactions.figures",
    "alerts",
    "alerts.rules",
    "alerts.silences",
    "alerts.incidents",
    "alerts.channels",
    "alerts.notifications",
    "alerts.external",
    "alerts.prometheus",
    "console",
]

MIDDLEWARE = [
    "csms.core.request_ids.RequestIds",
    "django_prometheus.middleware.PrometheusBeforeMiddleware",
    "django.middleware.security.SecurityMiddleware",
    "csms.static_files.StaticFiles",
    "csms.compressed_pages.CompressedPages",
    "csp.middleware.CSPMiddleware",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
    "csms.request_log.RequestLog",
    "console.languages.Languages",
    "django_htmx.middleware.HtmxMiddleware",
    "axes.middleware.AxesMiddleware",
    "django_prometheus.middleware.PrometheusAfterMiddleware",
]

ROOT_URLCONF = "csms.urls"
ASGI_APPLICATION = "csms.asgi.application"
# The tables of the OCPP front door, by name: the socket and the ledger must not import the rooms above.
OCPP_CALLS = "csms.routing.CALLS"  # (version, action) -> handler
# Functions that return who is told of events: csms.core.events.sinks.
EVENT_SINKS: list[str] = [
    "csms.core.events.amqp.sinks",
    "csms.core.events.kafka.sinks",
    "csms.core.webhooks.sink.webhook_sinks",
    "transactions.backend.sink.sinks",
    "alerts.sink.sinks",
]
OCPP_COMMANDS = "csms.routing.COMMANDS"  # what operators may tell charge points
OCPP_ORDERS = "csms.routing.ORDERS"  # (version, command) -> how it is said
OCPP_MEANINGS = "csms.routing.MEANINGS"  # (version, meaning) -> the name of a setting
OCPP_REPORTS = "csms.routing.REPORTS"  # kind of report -> what uses it once it is whole
OCPP_VENDORS = "csms.routing.VENDORS"  # vendor -> message -> handler of DataTransfer
OCPP_FOLLOWERS = "csms.routing.FOLLOWERS"  # what happened -> who wants to know within the same transaction

TEMPLATES = [
    {
        "BACKEND": "console.template_engine.Templates",
        "NAME": "django",
        "DIRS": [BASE_DIR / "templates"],
        "APP_DIRS": True,
        "OPTIONS": {
            "context_processors": [
                "django.template.context_processors.request",
                "django.contrib.auth.context_processors.auth",
                "django.contrib.messages.context_processors.messages",
            ],
        },
    },
]
FORM_RENDERER = "console.quick_widgets.QuickWidgets"

# --- rows -------------------------------------------------------------------------------------------

if config.database_path is None:
    # Kept by the engine: under ASGI each request has a thread of its own, so one that is kept by age serves no other.
    DATABASES = {
        "default": dj_database_url.parse(config.database_url, engine="csms.core.database", conn_max_age=0)
    }
    DATABASES["default"]["OPTIONS"] = {
        # No question that is asked here is worth the half second for which PostgreSQL compiles a plan that looks
        # costly. `?options=…` in the URL takes its place, for poolers that refuse it.
        "options": "-c jit=off",
        # A host that died, or a firewall that forgot a connection which waited for its next use, sends no word: without
        # these whoever asks next would wait for a quarter of an hour, or for two.
        "tcp_user_timeout": 30_000,
        "keepalives_idle": 30,
        "keepalives_interval": 10,
        **DATABASES["default"].get("OPTIONS", {}),
    }
else:
    DATABASES = {
        "default": {
            "ENGINE": "django.db.backends.sqlite3",
            "NAME": str(config.database_path),
            "OPTIONS": {
                # Take the write lock at BEGIN: a lock that is upgraded later fails at once instead of waiting.
                "transaction_mode": "IMMEDIATE",
                "timeout": 20,
                # synchronous=FULL: in WAL mode NORMAL may lose the last commits when the power fails, and
                # "acknowledged means stored" (promise 1) makes no exception for that.
                "init_command": "PRAGMA journal_mode=WAL; PRAGMA synchronous=FULL; PRAGMA foreign_keys=ON;",
            },
        }
    }
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"

# --- bell, live pages, cache ------------------------------------------------------------------------

if config.redis_url:
    CHANNEL_LAYERS = {
        "default": {
            # Plain pub/sub: the queueing layer of channels-redis drops idle sockets after 5 s with redis-py 8.
            "BACKEND": "channels_redis.pubsub.RedisPubSubChannelLayer",
            "CONFIG": {
                "hosts": [
                    {"address": config.redis_url, "socket_timeout": None, "retry": Retry(NoBackoff(), 1)}
                ],
                "prefix": "csms",
            },
        }
    }
    CACHES = {
        "default": {"BACKEND": "django.core.cache.backends.redis.RedisCache", "LOCATION": config.redis_url}
    }
else:
    CHANNEL_LAYERS = {
        "default": {
            "BACKEND": "channels.layers.InMemoryChannelLayer",
            "CONFIG": {"capacity": 1000, "group_expiry": 10**9},
        }
    }
    CACHES = {"default": {"BACKEND": "django.core.cache.backends.locmem.LocMemCache"}}

# --- tasks ------------------------------------------------------------------------------------------

CELERY_BROKER_URL = config.effective_broker_url
if CELERY_BROKER_URL == "memory://":
    CELERY_BROKER_URL = "memory://localhost/"  # kombu warns at each connection of a URL without a host
CELERY_BROKER_TRANSPORT_OPTIONS = {"polling_interval": 0.1} if CELERY_BROKER_URL.startswith("memory:") else {}
if CELERY_BROKER_URL.startswith("amqps:"):  # without a name to expect, any trusted certificate would do
    CELERY_BROKER_USE_SSL = {
        "cert_reqs": ssl.CERT_REQUIRED,
        "server_hostname": urlsplit(CELERY_BROKER_URL).hostname,
    }
CELERY_BROKER_CONNECTION_RETRY_ON_STARTUP = True
CELERY_TASK_IGNORE_RESULT = True
CELERY_TASK_ACKS_LATE = True
CELERY_TIMEZONE = "UTC"
CELERY_WORKER_HIJACK_ROOT_LOGGER = False
CELERY_WORKER_REDIRECT_STDOUTS = False
# Queues by duty: events are brought out by tasks that run all the time, and must keep nothing else waiting.
CELERY_TASK_DEFAULT_QUEUE = "duties"
CELERY_TASK_QUEUES = [Queue(name) for name in ("duties", "events", "outbound")]
CELERY_TASK_ROUTES = {
    "csms.core.events.tasks.*": {"queue": "events"},
    "chargers.callbacks.tasks.*": {"queue": "outbound"},
    "alerts.notifications.tasks.send": {"queue": "outbound"},
}

# --- people -----------------------------------------------------------------------------------------

AUTH_USER_MODEL = "access.User"
AUTHENTICATION_BACKENDS = ["axes.backends.AxesStandaloneBackend", "django.contrib.auth.backends.ModelBackend"]
PASSWORD_HASHERS = [
    "django.contrib.auth.hashers.PBKDF2PasswordHasher",
    "chargers.hashers.ChargePointHasher",
    "chargers.hashers.ChargePointTextHasher",
]
AUTH_PASSWORD_VALIDATORS = [
    {"NAME": "django.contrib.auth.password_validation.UserAttributeSimilarityValidator"},
    {"NAME": "django.contrib.auth.password_validation.MinimumLengthValidator"},
    {"NAME": "django.contrib.auth.password_validation.CommonPasswordValidator"},
]
LOGIN_URL = "console:sign-in"
LOGIN_REDIRECT_URL = "console:dashboard"
LOGOUT_REDIRECT_URL = "console:sign-in"
AXES_FAILURE_LIMIT = 8
AXES_COOLOFF_TIME = 0.25  # hours
AXES_LOCKOUT_PARAMETERS = [["username", "ip_address"]]
AXES_RESET_ON_SUCCESS = True
AXES_LOCKOUT_TEMPLATE = "console/locked-out.html"
AXES_ENABLE_ADMIN = False
AXES_VERBOSE = False
AXES_DISABLE_ACCESS_LOG = True
SESSION_COOKIE_AGE = 12 * 3600
SESSION_COOKIE_SAMESITE = "Lax"
CSRF_COOKIE_SAMESITE = "Lax"

# --- transport security -----------------------------------------------------------------------------

X_FRAME_OPTIONS = "DENY"
SECURE_REFERRER_POLICY = "same-origin"
if config.behind_tls_proxy:
    SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https")
    SESSION_COOKIE_SECURE = CSRF_COOKIE_SECURE = True
    SECURE_HSTS_SECONDS = 365 * 24 * 3600
CONTENT_SECURITY_POLICY = {
    "DIRECTIVES": {
        "default-src": [NONE],
        "script-src": [SELF],
        "style-src": [SELF],
        "img-src": [SELF, "data:"],
        "font-src": [SELF],
        "connect-src": [SELF],
        "form-action": [SELF],
        "frame-ancestors": [NONE],
        "base-uri": [NONE],
    }
}

# --- words, times, files ----------------------------------------------------------------------------

LANGUAGE_CODE = "en"
LANGUAGES = [("en", "English"), ("de", "Deutsch")]  # each by its own name; console/locale has the words
LOCALE_PATHS = [BASE_DIR / "console" / "locale"]
LANGUAGE_COOKIE_SAMESITE = "Lax"
LANGUAGE_COOKIE_AGE = 365 * 86400
USE_I18N = True
USE_TZ = True
TIME_ZONE = config.time_zone
STATIC_URL = "static/"
STATICFILES_DIRS = [BASE_DIR / "static"]
# A checkout serves static files from where they lie. The image is built with `collectstatic`: hashed names, which
# browsers keep for ever, and compressed copies.
_COLLECTED = BASE_DIR / "staticfiles"
_COLLECTING = "collectstatic" in sys.argv[1:2]
if _COLLECTING or (_COLLECTED / "staticfiles.json").exists():
    STATIC_ROOT = _COLLECTED
    WHITENOISE_KEEP_ONLY_HASHED_FILES = True
    STORAGES = {
        "default": {"BACKEND": "django.core.files.storage.FileSystemStorage"},
        "staticfiles": {"BACKEND": "whitenoise.storage.CompressedManifestStaticFilesStorage"},
    }
else:
    WHITENOISE_USE_FINDERS = True
MESSAGE_STORAGE = "django.contrib.messages.storage.cookie.CookieStorage"

LOGGING = logging_config(config)
