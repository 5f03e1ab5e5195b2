"""The closed sets of words that agents' rows use."""

from __future__ import annotations

from django.db.models import TextChoices


class OrganizationStatus(TextChoices):
    ACTIVE = "active"
    SUSPENDED = "suspended"


class Role(TextChoices):
    """What a member of an organization may do; each role may do all that the next may."""

    OWNER = "owner"
    ADMIN = "admin"
    OPERATOR = "operator"
    VIEWER = "viewer"

    @property
    def rank(self) -> int:
        """Higher may do more."""
        return len(Role) - list(Role).index(self)

    def includes(self, other: Role) -> bool:
        """Whether this role may do all that `other` may."""
        return self.rank >= other.rank


class AgentStatus(TextChoices):
    ACTIVE = "active"
    PAUSED = "paused"
    ARCHIVED = "archived"


class InjectionMode(TextChoices):
    """Where the directive goes in a caller's message list (SPEC section 6)."""

    SYSTEM_FIRST = "system_first"
    SYSTEM_APPEND = "system_append"
    USER_PREPEND = "user_prepend"


class Locale(TextChoices):
    """Languages that the words around memories are written in (`context.wording`)."""

    EN = "en", "English"
    DE = "de", "Deutsch"


class Scope(TextChoices):
    """What a token may do."""

    MEMORY_READ = "memory:read"
    MEMORY_WRITE = "memory:write"
    MEMORY_DELETE = "memory:delete"
    MEMORY_EXPORT = "memory:export"
    DIRECTIVE_READ = "directive:read"
    DIRECTIVE_WRITE = "directive:write"
    SESSION_CREATE = "session:create"
    SESSION_READ = "session:read"
    SESSION_TERMINATE = "session:terminate"
    TRACE_READ = "trace:read"
    AGENT_READ = "agent:read"
    AGENT_WRITE = "agent:write"
    ORG_ADMIN = "org:admin"
    TOKEN_CREATE = "token:create"  # noqa: S105 - a scope
    TOKEN_REVOKE = "token:revoke"  # noqa: S105 - a scope


PROXY_SCOPES = frozenset({Scope.MEMORY_READ, Scope.SESSION_CREATE, Scope.SESSION_READ})
"""What the proxy asks of a token."""


READ_SCOPES = frozenset(
    {Scope.MEMORY_READ, Scope.DIRECTIVE_READ, Scope.SESSION_READ, Scope.TRACE_READ, Scope.AGENT_READ}
)
ROLE_SCOPES = {
    Role.VIEWER: READ_SCOPES,
    Role.OPERATOR: READ_SCOPES
    | {Scope.MEMORY_WRITE, Scope.MEMORY_DELETE, Scope.DIRECTIVE_WRITE, Scope.SESSION_TERMINATE},
    Role.ADMIN: frozenset(Scope),
    Role.OWNER: frozenset(Scope),
}
"""What a signed-in operator may do through the REST API."""


class ProviderKind(TextChoices):
    OPENAI = "openai", "OpenAI-compatible"
    ANTHROPIC = "anthropic", "Anthropic"
    SANDBOX = "sandbox", "Sandbox"


class SessionStatus(TextChoices):
    ACTIVE = "active"
    COMPLETED = "completed"
    ABANDONED = "abandoned"
    ERROR = "error"


class ContentPlace(TextChoices):
    """Where what was said in a turn is, for whoever reads it."""

    VAULT = "vault"
    ARCHIVE = "archive"
    AWAY = "away", "In its archive, which cannot be read now"
    GONE = "gone", "Not kept any more"


class ArchiveState(TextChoices):
    """Whether a session is in its archive."""

    NONE = "none", "No archive"
    WAITING = "waiting", "To be archived"
    FAILED = "failed", "Not archived"
    ARCHIVED = "archived", "Archived"
    EXPIRED = "expired", "Archive removed"
