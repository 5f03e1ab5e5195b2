"""Where refinement draws its lines: cosines of MiniLM, and how sure the classifier has to be (SPEC section 5)."""

from __future__ import annotations

NEAR = 0.92
"""Cosine above which two texts may be the same; the guards decide whether they are."""
CHEAP = 0.85
"""Cosine above which the interval rule may decide alone."""
LEAST_COSINE = 0.5
"""Below it nothing is a candidate for a conflict: 94 % of true updates lie above (QUALITY section 2)."""
CONFIDENT = 0.8
"""Above it the older memory gives way; up to it a person decides."""
WORTH_ASKING = 0.5
"""Below it a judgement is not worth a person's time."""
