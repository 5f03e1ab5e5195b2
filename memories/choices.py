"""The closed vocabularies of a memory: what kind it is, where it came from, what became of it (SPEC section 5)."""

from __future__ import annotations

from django.db.models import TextChoices


class Category(TextChoices):
    """What kind of knowledge a memory is. The order is the order of memories in a prompt (SPEC section 6)."""

    PROCEDURAL = "procedural", "Procedural"
    FACTUAL = "factual", "Factual"
    PREFERENCE = "preference", "Preference"
    BEHAVIORAL = "behavioral", "Behavioral"
    EPISODIC = "episodic", "Episodic"


class Source(TextChoices):
    """How a memory came to be."""

    EXTRACTED = "extracted", "Extracted"
    USER_PROVIDED = "user_provided", "User provided"
    IMPORTED = "imported", "Imported"
    INFERRED = "inferred", "Inferred"


class Status(TextChoices):
    """Where a memory stands; only an active one is ever injected."""

    ACTIVE = "active", "Active"
    QUARANTINED = "quarantined", "Quarantined"
    PENDING_REVIEW = "pending_review", "Pending review"
    SUPERSEDED = "superseded", "Superseded"
    MERGED = "merged", "Merged"
    ARCHIVED = "archived", "Archived"


class Relation(TextChoices):
    """The type of an edge between two memories."""

    SUPPORTS = "supports", "Supports"
    CONTRADICTS = "contradicts", "Contradicts"
    SUPERSEDES = "supersedes", "Supersedes"
    SPECIALIZES = "specializes", "Specializes"
    OVERLAPS = "overlaps", "Overlaps"
    CO_OCCURS = "co_occurs", "Co-occurs"
    DERIVED_FROM = "derived_from", "Derived from"


class Operation(TextChoices):
    """What a version of a memory records having been done."""

    CREATED = "created", "Created"
    UPDATED = "updated", "Updated"
    MERGED = "merged", "Merged"
    SUPERSEDED = "superseded", "Superseded"
    QUARANTINED = "quarantined", "Quarantined"
    APPROVED = "approved", "Approved"
    REJECTED = "rejected", "Rejected"
    RESTORED = "restored", "Restored"
    DELETED = "deleted", "Deleted"
    BUMPED = "bumped", "Bumped"
