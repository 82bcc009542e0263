"""Django's settings, all derived from `configuration.py`. Nothing else reads the environment."""

import socket
from pathlib import Path
from urllib.parse import urlsplit

import dj_database_url
from django.utils.translation import gettext_lazy as _

from repoman.configuration import Configuration
from repoman.master_secret import master_secret
from repoman.serve.broker import recorded_url
from repoman.toolbox import logs
from repoman.wsgi_bridge import THREADS as CONSOLE_THREADS

REPOMAN = Configuration.from_environment()
REPOMAN.validate()
BASE_DIR = Path(__file__).resolve().parent.parent
DATA_DIR = REPOMAN.data_dir

SECRET_KEY = master_secret(REPOMAN)
DEBUG = False

_base_host = urlsplit(REPOMAN.base_url).hostname
ALLOWED_HOSTS = [
    "localhost", "127.0.0.1", "[::1]", socket.gethostname(), socket.getfqdn(), *REPOMAN.allowed_hosts,
    *(f"[{host}]" if ":" in host else host for host in (_base_host, REPOMAN.host) if host and host not in ("0.0.0.0", "::")),  # noqa: S104
]  # fmt: skip
CSRF_FAILURE_VIEW = "repoman.errors.csrf_failure"
CSRF_TRUSTED_ORIGINS = [REPOMAN.base_url.rstrip("/")] if REPOMAN.base_url else []

INSTALLED_APPS = [
    "repoman",
    "accounts",
    "blobstores",
    "repositories",
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "django.contrib.messages",
    "django.contrib.staticfiles",
    "django.forms",
    "django_htmx",
]

MIDDLEWARE = [
    "django.middleware.security.SecurityMiddleware",
    "repoman.middleware.ContentSecurityPolicyMiddleware",
    "whitenoise.middleware.WhiteNoiseMiddleware",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "django.contrib.auth.middleware.LoginRequiredMiddleware",
    "repoman.middleware.PersonLocaleMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
    "django_htmx.middleware.HtmxMiddleware",
]

ROOT_URLCONF = "repoman.urls"
FORM_RENDERER = "repoman.forms.ConsoleFormRenderer"
TEMPLATES = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "DIRS": [BASE_DIR / "templates"],
        "APP_DIRS": True,
        "OPTIONS": {
            "context_processors": [
                "django.template.context_processors.request",
                "django.template.context_processors.i18n",
                "django.contrib.auth.context_processors.auth",
                "django.contrib.messages.context_processors.messages",
                "repoman.context.console",
            ],
        },
    }
]

if REPOMAN.database_url:
    DATABASES = {"default": dj_database_url.parse(REPOMAN.database_url)}
    if DATABASES["default"]["ENGINE"].endswith("postgresql"):
        # The pool of psycopg 3 needs CONN_MAX_AGE 0: a connection per request costs 13 ms, the pool 1 ms.
        DATABASES["default"]["CONN_MAX_AGE"] = 0
        # One for each thread that may ask: those of the data plane, those of the console, and one to spare.
        pool = {"min_size": 2, "max_size": REPOMAN.database_threads + CONSOLE_THREADS + 1}
        DATABASES["default"].setdefault("OPTIONS", {})["pool"] = pool
else:
    DATABASES = {
        "default": {
            "ENGINE": "django.db.backends.sqlite3",
            "NAME": str(DATA_DIR / "repoman.sqlite3"),
            "CONN_MAX_AGE": None,  # reopening re-runs every PRAGMA for each request
            # A file, because a shared database in memory locks whole tables against the threads of the pools.
            "TEST": {"NAME": str(DATA_DIR / "test.sqlite3")},
            "OPTIONS": {
                # IMMEDIATE: with DEFERRED two of three read-then-write transactions fail under four writers.
                "transaction_mode": "IMMEDIATE",
                "timeout": 20,
                "init_command": (
                    "PRAGMA journal_mode=WAL; PRAGMA synchronous=FULL; PRAGMA mmap_size=268435456; "
                    "PRAGMA cache_size=-8000; PRAGMA temp_store=MEMORY; PRAGMA journal_size_limit=67108864;"
                ),
            },
        }
    }
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"

AUTH_USER_MODEL = "accounts.User"
PASSWORD_HASHERS = ["django.contrib.auth.hashers.Argon2PasswordHasher"]
AUTH_PASSWORD_VALIDATORS = [
    {"NAME": "django.contrib.auth.password_validation.UserAttributeSimilarityValidator"},
    {"NAME": "django.contrib.auth.password_validation.MinimumLengthValidator", "OPTIONS": {"min_length": 10}},
    {"NAME": "django.contrib.auth.password_validation.CommonPasswordValidator"},
]
LOGIN_URL = "sign-in"
LOGIN_REDIRECT_URL = "overview"
LOGOUT_REDIRECT_URL = "sign-in"

SESSION_COOKIE_HTTPONLY = True
SESSION_COOKIE_SAMESITE = "Lax"
# Only HTTPS leads here: people's own address says so, or there is no port for HTTP.
_https_only = REPOMAN.base_url.startswith("https://") or (REPOMAN.tls and REPOMAN.https_port is None)
SESSION_COOKIE_SECURE = CSRF_COOKIE_SECURE = _https_only
X_FRAME_OPTIONS = "DENY"
SECURE_REFERRER_POLICY = "same-origin"
# Named as in Django 6, so that its own middleware can take over.
SECURE_CSP = {
    "default-src": ["'none'"],
    "script-src": ["'self'"],
    "style-src": ["'self'"],
    "img-src": ["'self'", "data:"],
    "font-src": ["'self'"],
    "connect-src": ["'self'"],
    "form-action": ["'self'"],
    "base-uri": ["'none'"],
    "frame-ancestors": ["'none'"],
}

LANGUAGE_CODE = "en"
LANGUAGES = [("en", _("English")), ("ko", _("Korean"))]
LOCALE_PATHS = [BASE_DIR / "locale"]
LANGUAGE_COOKIE_NAME = "language"
USE_I18N = True
USE_TZ = True
TIME_ZONE = "UTC"

STATIC_URL = "static/"
STATIC_ROOT = DATA_DIR / "static"
STATICFILES_DIRS = [BASE_DIR / "static"]
STORAGES = {
    "default": {"BACKEND": "django.core.files.storage.InMemoryStorage"},
    "staticfiles": {"BACKEND": "whitenoise.storage.CompressedManifestStaticFilesStorage"},
}
DATA_UPLOAD_MAX_MEMORY_SIZE = 1 << 20  # forms only; files go through the data plane

CELERY_BROKER_URL = REPOMAN.broker_url or recorded_url(DATA_DIR)

LOGGING = logs.configuration(REPOMAN.log_level_checked, REPOMAN.log_format_checked)
