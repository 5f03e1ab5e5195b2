"""Every write to agents' rows. Called inside `scope(org)`; each one leaves a line in the audit log."""

from __future__ import annotations
