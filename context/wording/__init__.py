"""The words around memories in a prompt: one template a locale."""

from __future__ import annotations

from context.wording import en
from context.wording.base import Wording

WORDINGS = {"en": en.WORDING}
DEFAULT = en.WORDING

__all__ = ["DEFAULT", "WORDINGS", "Wording"]
