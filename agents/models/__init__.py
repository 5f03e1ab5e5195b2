"""Who is asking, and what was said."""

from __future__ import annotations

from agents.models.agent import Agent
from agents.models.archive import Archive
from agents.models.audit import AuditEvent
from agents.models.directive import Directive
from agents.models.model_call import ModelCall
from agents.models.operator import Operator
from agents.models.organization import Member, Organization
from agents.models.provider import ProviderConnection
from agents.models.session import Checkpoint, Session, Trace
from agents.models.token import Token

__all__ = [
    "Agent",
    "Archive",
    "AuditEvent",
    "Checkpoint",
    "Directive",
    "Member",
    "ModelCall",
    "Operator",
    "Organization",
    "ProviderConnection",
    "Session",
    "Token",
    "Trace",
]
