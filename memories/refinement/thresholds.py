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
SEMANTIC = 0.80
"""Cosine from which a model may be asked whether two texts say the same: 87 % of STS-B's pairs that do (score 4.5 and
more) lie above it, 48 % above NEAR; the guards leave 15 % of all pairs to be asked (docs/explanation/refinement.md)."""

RETIRED_AT_ONCE = 3
"""One write that would retire more memories is an error or an attack until a person says otherwise."""
RETIRED_WINDOW_S = 3_600
"""The time over which retirements of one agent and end user are counted together: a batch of writes, or a few."""
RETIRED_FREELY = 20
"""Within the window, that many may go whatever their share: a few lively sessions (nine memories are right a session,
QUALITY section 5) may well change that much of what little is known."""
RETIRED_SHARE = 0.1
"""Of what is known, the most that may go within the window beyond that; graphiti#1728 lost 49 % to one change."""
