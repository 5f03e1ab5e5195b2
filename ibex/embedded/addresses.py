"""Where the database and Redis are, and who signs in to them: from the environment and the data folder alone.

Nothing is started here, and Django is not needed: `manage.py migrate` in a second terminal finds the running servers.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from urllib.parse import parse_qsl, quote, urlencode, urlsplit, urlunsplit

from ibex.core.secrets import Secrets, derive, given_key, load_or_create
from ibex.embedded.errors import StartError
from ibex.embedded.layout import POSTGRES_PORT, Layout
from ibex.env import env

DATABASE = "ibex"
ADMIN_ROLE = "ibex_admin"
"""The embedded server's superuser: provisioning only."""
OWNER_ROLE = "ibex_owner"
"""Owns the tables; migrations run as it."""
APP_ROLE = "ibex_app"
"""The application: under Row-Level Security, owns nothing."""
SYSTEM_ROLE = "ibex_system"
"""The one audited door that may cross tenants (BYPASSRLS)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Addresses:
    """Connection URLs, passwords included; `admin_url` is the role that may create the others."""

    secret_key: str = field(repr=False)
    admin_url: str = field(repr=False)
    owner_url: str = field(repr=False)
    app_url: str = field(repr=False)
    system_url: str = field(repr=False)
    redis_url: str = field(repr=False)

    def environment(self) -> dict[str, str]:
        """The variables with which `resolve()` of another process gives these roles and servers, creating nothing."""
        return {
            "IBEX_SECRET_KEY": self.secret_key,
            "DATABASE_URL": self.owner_url,
            "IBEX_APP_DATABASE_URL": self.app_url,
            "IBEX_SYSTEM_DATABASE_URL": self.system_url,
            "REDIS_URL": self.redis_url,
        }


def resolve() -> Addresses:
    """The addresses this process is to use. Raises StartError or SecretsError, each with one sentence."""
    layout = Layout(env().data_dir.absolute())
    secrets = _secrets(layout)
    given = env().database_url.get_secret_value()
    database = _given_database(given, secrets) if given else embedded_database(layout, secrets)
    return Addresses(
        secret_key=secrets.secret_key,
        redis_url=env().redis_url.get_secret_value() or embedded_redis(layout, secrets),
        **database,
    )


def _secrets(layout: Layout) -> Secrets:
    """The stored ones; none is needed, and no file touched, where key, database and Redis are all given."""
    if env().secret_key and env().database_url and env().redis_url:
        return Secrets(secret_key=given_key(), postgres_password="", redis_password="")
    return load_or_create(layout.data_dir)


def makes_roles() -> bool:
    """Whether IBEX creates its database roles itself, which is so unless both of their URLs are given."""
    return not (env().app_database_url.get_secret_value() and env().system_database_url.get_secret_value())


def embedded_database(layout: Layout, secrets: Secrets) -> dict[str, str]:
    """The four database URLs of the embedded server."""
    place = f"/{DATABASE}?host={quote(str(layout.postgres_sockets), safe='')}&port={POSTGRES_PORT}"
    admin_url = f"postgresql://{ADMIN_ROLE}:{secrets.postgres_password}@{place}"
    return {"admin_url": admin_url, **_role_urls(admin_url, secrets.secret_key)}


def embedded_redis(layout: Layout, secrets: Secrets) -> str:
    """The URL of the embedded Valkey's socket."""
    return f"unix://{quote(str(layout.valkey_socket))}?password={secrets.redis_password}"


def _given_database(admin_url: str, secrets: Secrets) -> dict[str, str]:
    if urlsplit(admin_url).scheme not in {"postgres", "postgresql"}:
        raise StartError("DATABASE_URL is not a PostgreSQL address: it begins with postgresql://.")
    if len(urlsplit(admin_url).path) <= 1:
        raise StartError(
            "DATABASE_URL names no database: end it with one, such as postgresql://USER:PASSWORD@HOST/ibex."
        )
    app_url = env().app_database_url.get_secret_value()
    system_url = env().system_database_url.get_secret_value()
    if bool(app_url) != bool(system_url):
        raise StartError("Set both IBEX_APP_DATABASE_URL and IBEX_SYSTEM_DATABASE_URL, or neither of them.")
    if app_url:
        return {"admin_url": admin_url, "owner_url": admin_url, "app_url": app_url, "system_url": system_url}
    return {"admin_url": admin_url, **_role_urls(admin_url, secrets.secret_key)}


def _role_urls(admin_url: str, secret_key: str) -> dict[str, str]:
    roles = {"owner_url": OWNER_ROLE, "app_url": APP_ROLE, "system_url": SYSTEM_ROLE}
    return {name: _as_role(admin_url, role, derive(secret_key, f"postgres:{role}")) for name, role in roles.items()}


def _as_role(url: str, role: str, password: str) -> str:
    """The same database and options, signed in as another role. `password` needs no quoting: `derive` makes it so."""
    parts = urlsplit(url)
    host = parts.netloc.rpartition("@")[2]
    options = [(key, value) for key, value in parse_qsl(parts.query) if key not in {"user", "password", "passfile"}]
    return urlunsplit(parts._replace(netloc=f"{role}:{password}@{host}", query=urlencode(options, quote_via=quote)))
