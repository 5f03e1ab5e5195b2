"""What can go wrong with organizations, their agents, tokens and members."""

from __future__ import annotations

from ibex.core.errors import Conflict, IbexError, PermissionDenied


class OrganizationSuspended(PermissionDenied):
    code = "ORGANIZATION_SUSPENDED"
    default_message = "This organization is suspended. An owner can activate it again."


class AgentArchived(Conflict):
    code = "AGENT_ARCHIVED"
    default_message = "This agent is archived, and that is final. Create another agent."


class SlugTaken(Conflict):
    code = "SLUG_TAKEN"
    default_message = "Another one has this slug already. Choose another slug."


class SlugFixed(Conflict):
    code = "SLUG_FIXED"
    default_message = "A slug cannot be changed: applications send it. Create another agent with the slug you want."


class LastOwner(Conflict):
    code = "LAST_OWNER"
    default_message = "An organization keeps at least one owner. Make somebody else an owner first."


class AlreadyMember(Conflict):
    code = "ALREADY_MEMBER"
    default_message = "This operator is a member already. Change their role instead."


class OnlyOwners(PermissionDenied):
    default_message = "Only an owner may make, change or remove an owner."


class NotGrantable(PermissionDenied):
    code = "SCOPE_NOT_GRANTABLE"
    default_message = "A token can be given only what its maker may do. Leave out the scopes that you do not have."


class ArchiveNotReady(Conflict):
    code = "ARCHIVE_NOT_READY"
    default_message = "This session is not archived yet. It is within 30 seconds of its end, once it was learned from."


class ArchiveExpired(IbexError):
    code = "ARCHIVE_EXPIRED"
    status = 410
    kind = "invalid_request_error"
    default_message = "The archive of this session was removed when its time was over."
