"""How many tokens an image takes, by the rule of the model's provider. Sizes are not looked up: most are scaled to
the same few anyway, and reading them would cost the request path more than the difference is worth.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache
from types import MappingProxyType

TILES = 8
"""In high detail an image is scaled until its shorter side has 768 pixels: two by four tiles of 512 at most."""
PATCHES = 1_536
"""Of 32 pixels, the most that an image is cut into for the smaller models. Both: OpenAI's guide to vision."""

# By the beginning of a model's name, the longest that fits: (low detail, high detail); the vendors' guides to vision.
_COSTS: Mapping[str, tuple[int, int]] = MappingProxyType(
    {
        "": (85, 85 + TILES * 170),
        "gpt-4o-mini": (2_833, 2_833 + 4 * 5_667),  # of a square image: eight tiles would be 48,000
        "gpt-4.1-mini": (int(PATCHES * 1.62),) * 2,
        "gpt-4.1-nano": (int(PATCHES * 2.46),) * 2,
        "gpt-5": (70, 70 + TILES * 140),
        "gpt-5-mini": (int(PATCHES * 1.62),) * 2,
        "gpt-5-nano": (int(PATCHES * 2.46),) * 2,
        "o1": (75, 75 + TILES * 150),
        "o3": (75, 75 + TILES * 150),
        "o4-mini": (int(PATCHES * 1.72),) * 2,
        "claude-": (1_600,) * 2,  # width x height / 750, of an image that need not be scaled down
        "gemini-": (258, 16 * 258),  # tiles of 768 pixels
    }
)


@lru_cache(maxsize=1_024)
def image_tokens(model: str, *, low: bool = False) -> int:
    """Tokens of one image; a vendor in front of the name (`openai/gpt-4o`) does not matter, an unknown model counts as
    OpenAI's.
    """
    name = model.rpartition("/")[2].lower()
    known = max((prefix for prefix in _COSTS if name.startswith(prefix)), key=len)
    return _COSTS[known][0 if low else 1]
