"""Django's settings on one page. What a deployment may change comes from `ibex.env`."""

from __future__ import annotations

from typing import Any

from psycopg.conninfo import conninfo_to_dict

from ibex.core.logging import logging_config
from ibex.embedded.addresses import resolve
from ibex.env import REPOSITORY, env

ENV = env()
ADDRESSES = resolve()
BASE_URL = ENV.base_url or f"http://{ENV.host}:{ENV.port}"

_DATABASE_PARTS = {"name": "dbname", "user": "user", "password": "password", "host": "host", "port": "port"}

SECRET_KEY = ADDRESSES.secret_key
DEBUG = ENV.debug
ALLOWED_HOSTS = ENV.allowed_hosts.split(",")
CSRF_TRUSTED_ORIGINS = [BASE_URL]
ROOT_URLCONF = "ibex.urls"
ASGI_APPLICATION = "ibex.asgi.application"
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"
AUTH_USER_MODEL = "agents.Operator"
LOGIN_URL = "agents:sign_in"
LOGIN_REDIRECT_URL = "dashboard:home"

INSTALLED_APPS = [
    "unfold.apps.BasicAppConfig",  # without a site of its own: AdminConfig names ours
    "ibex.dashboard.apps.AdminConfig",
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "django.contrib.messages",
    "django.contrib.staticfiles",
    "django.contrib.postgres",
    "django.contrib.humanize",
    "channels",
    "django_htmx",
    "template_partials",
    "django_tables2",
    "django_filters",
    "rest_framework",
    "drf_spectacular",
    "drf_spectacular_sidecar",
    "django_q",
    "ibex.core",
    "agents",
    "memories",
    "context",
    "proxy",
    "ibex.dashboard.apps.DashboardConfig",
]

# Each one is async-capable: a sync-only one would send every request through a thread (a test says so).
MIDDLEWARE = [
    "ibex.core.middleware.request_identity",
    "ibex.core.content_security.content_security",
    "django.middleware.security.SecurityMiddleware",
    "servestatic.middleware.ServeStaticMiddleware",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
    "django_htmx.middleware.HtmxMiddleware",
]

TEMPLATES = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "DIRS": [REPOSITORY / "templates"],
        "APP_DIRS": True,
        "OPTIONS": {
            "context_processors": [
                "django.template.context_processors.request",
                "django.contrib.auth.context_processors.auth",
                "django.contrib.messages.context_processors.messages",
                "ibex.dashboard.shell.shell",
            ],
            "builtins": ["template_partials.templatetags.partials", "ibex.core.templatetags.ibex_ui"],
        },
    }
]


def _database(url: str, pool_size: int) -> dict[str, Any]:
    parts: dict[str, Any] = conninfo_to_dict(url)
    named = {name.upper(): str(parts.pop(key, "")) for name, key in _DATABASE_PARTS.items()}
    # What else the URL says (sslmode and the like) is the driver's business.
    pool = {"pool": {"min_size": 1, "max_size": pool_size, "timeout": 10}} if pool_size else {}
    return {"ENGINE": "django.db.backends.postgresql", **named, "OPTIONS": {**parts, **pool}}


# default: the application's role, under Row-Level Security. system: the one role that may cross tenants
# (ibex.core.tenancy.cross_tenant). owner: migrations only.
DATABASES = {
    "default": _database(ADDRESSES.app_url, pool_size=ENV.page_connections),
    "system": _database(ADDRESSES.system_url, pool_size=min(2, ENV.page_connections)),
    "owner": _database(ADDRESSES.owner_url, pool_size=0),
}
HOT_DATABASE_URL = ADDRESSES.app_url
REDIS_URL = ADDRESSES.redis_url
SPOOL_DIR = ENV.data_dir / "spool"
# Archives of sessions; everything about them goes through `ibex.core.storage`.
_DISK = {"BACKEND": "ibex.core.storage.DiskStorage", "OPTIONS": {"location": ENV.data_dir / "archives"}}
STORAGES = {
    "archives": {"BACKEND": "ibex.core.bucket.Bucket"} if ENV.s3_bucket else _DISK,
    "staticfiles": {"BACKEND": "django.contrib.staticfiles.storage.StaticFilesStorage"},
}
CHANNEL_LAYERS = {
    "default": {"BACKEND": "channels_redis.core.RedisChannelLayer", "CONFIG": {"hosts": [REDIS_URL]}},
}

# A task is a row of the same database (LIMITS section 6): acknowledged when done, retried when its worker died.
Q_CLUSTER = {
    "name": "ibex",
    "orm": "default",
    "workers": ENV.workers,
    "timeout": 120,
    "retry": 180,
    "max_attempts": 4,
    "bulk": 1,
    "poll": 0.2,
    "queue_limit": 8,
    "save_limit": 1000,
    "catch_up": False,
    "label": "Task queue",
}

PASSWORD_HASHERS = ["django.contrib.auth.hashers.Argon2PasswordHasher"]
AUTH_PASSWORD_VALIDATORS = [
    {"NAME": "django.contrib.auth.password_validation.MinimumLengthValidator", "OPTIONS": {"min_length": 12}},
    {"NAME": "django.contrib.auth.password_validation.CommonPasswordValidator"},
]
SESSION_COOKIE_NAME = "ibex_session"
CSRF_COOKIE_NAME = "ibex_csrf"
SESSION_COOKIE_SECURE = CSRF_COOKIE_SECURE = BASE_URL.startswith("https://")
SESSION_COOKIE_SAMESITE = CSRF_COOKIE_SAMESITE = "Lax"
SECURE_REFERRER_POLICY = "same-origin"
X_FRAME_OPTIONS = "DENY"

LANGUAGE_CODE = "en"
TIME_ZONE = "UTC"
USE_TZ = True
STATIC_URL = "/static/"
STATIC_ROOT = ENV.data_dir / "static"
STATICFILES_DIRS = [REPOSITORY / "static"]
SERVESTATIC_USE_FINDERS = True
SERVESTATIC_AUTOREFRESH = DEBUG

DJANGO_TABLES2_TEMPLATE = "generic/table.html"
FORM_RENDERER = "django.forms.renderers.DjangoTemplates"

REST_FRAMEWORK = {
    "DEFAULT_AUTHENTICATION_CLASSES": [
        "agents.api.authentication.TokenAuthentication",
        "agents.api.authentication.OperatorSessionAuthentication",
    ],
    "DEFAULT_PERMISSION_CLASSES": ["agents.api.permissions.HasScope"],
    "DEFAULT_PAGINATION_CLASS": "ibex.core.pagination.CursorPages",
    "DEFAULT_FILTER_BACKENDS": ["django_filters.rest_framework.DjangoFilterBackend"],
    "DEFAULT_RENDERER_CLASSES": ["rest_framework.renderers.JSONRenderer"],
    "DEFAULT_PARSER_CLASSES": ["rest_framework.parsers.JSONParser"],
    "DEFAULT_SCHEMA_CLASS": "drf_spectacular.openapi.AutoSchema",
    "EXCEPTION_HANDLER": "ibex.core.rest.envelope",
    "UNAUTHENTICATED_USER": None,
}
SPECTACULAR_SETTINGS = {
    "TITLE": "IBEX",
    "DESCRIPTION": "Manage the agents of an organization and what they know.",
    "VERSION": "1",
    "SERVE_INCLUDE_SCHEMA": False,
    "SWAGGER_UI_DIST": "SIDECAR",
    "SWAGGER_UI_FAVICON_HREF": "SIDECAR",
    "REDOC_DIST": "SIDECAR",
    "SCHEMA_PATH_PREFIX": "/api/v1",
    "ENUM_NAME_OVERRIDES": {
        "AgentStatusEnum": "agents.choices.AgentStatus",
        "SessionStatusEnum": "agents.choices.SessionStatus",
        "MemoryStatusEnum": "memories.choices.Status",
        "CategoryEnum": "memories.choices.Category",
        "ImportKindEnum": "memories.models.imports.ImportKind",
    },
    "SERVE_PERMISSIONS": ["rest_framework.permissions.AllowAny"],
    "SERVE_AUTHENTICATION": [],
}

UNFOLD = {
    "SITE_TITLE": "IBEX admin",
    "SITE_HEADER": "IBEX",
    "SITE_SYMBOL": "neurology",
    "SHOW_VIEW_ON_SITE": False,
}

LOGGING_CONFIG = None
logging_config(ENV.log_level, ENV.log_format)
