"""What the journal is told of an assembly beside its lines: how it went, and what makes its block again. No content."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from typing import Any

from context.desk_read import ShownBlock
from context.values import Assembly, Question

DIGEST_BYTES = 12
INSTRUCTIONS = frozenset({"system", "developer"})
"""Roles of messages that no checkpoint keeps."""


def told(question: Question, assembly: Assembly) -> dict[str, Any]:
    """What orjson writes, by the columns of `context.models.AssemblyRecord`; the time in seconds since 1970."""
    return {
        "assembled_at": assembly.at,
        "mode": assembly.mode,
        "level": int(assembly.level),
        "missing": assembly.missing,
        "cold_desk": assembly.on_cold,
        "directive_version": assembly.directive_version,
        "budget": assembly.budget,
        "placement": question.agent.injection_mode,
        "joins_blocks": question.joins_blocks,
        "message_count": sum(_is_spoken(message) for message in question.body.get("messages") or ()),
        "forgotten": assembly.forgotten,
        **(_block(assembly.new_block, assembly.wording) if assembly.new_block else {}),
    }


def _block(block: ShownBlock, wording: str) -> dict[str, Any]:
    return {
        "wording": wording,
        "block_anchor": block.anchor,
        "block_nonce": block.nonce,
        "block_tokens": block.tokens,
        "block_digest": digest_of(block.text),
    }


def digest_of(text: str) -> str:
    """By which a block that is made again is known to be the same, byte for byte."""
    return hashlib.blake2b(text.encode(), digest_size=DIGEST_BYTES).hexdigest()


def _is_spoken(message: Any) -> bool:
    return isinstance(message, Mapping) and message.get("role") not in INSTRUCTIONS
