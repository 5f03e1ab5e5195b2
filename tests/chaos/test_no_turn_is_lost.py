"""A turn whose end its caller saw is in the vault, once and at its place, whatever dies under load."""

from __future__ import annotations

from random import Random

import pytest

from tests.chaos.conftest import ROUNDS, SEED
from tests.chaos.faults import FAULTS, ORDER_MAY_SUFFER
from tests.chaos.installation import PATIENCE_S, Installation
from tests.chaos.ledger import balance
from tests.chaos.traffic import Traffic
from tests.flow.conftest import wait_for

TURNS_BEFORE_MAX = 200
"""A fault strikes after 1 to so many more turns."""
TURNS_AFTER = 20
"""A fault is over when so many turns have finished after it."""
DRAINED_WITHIN_S = 120

pytestmark = [pytest.mark.chaos, pytest.mark.timeout(900)]


@pytest.mark.parametrize("name", FAULTS)
def test_every_turn_that_finished_is_recorded_once(name: str, installation: Installation, traffic: Traffic) -> None:
    fault, strikes = FAULTS[name]
    random = Random(f"{SEED} {name}")
    [(before,)] = installation.ask_vault("SELECT count(*) FROM agents_checkpoint WHERE NOT is_imported")
    for _ in range(strikes):
        traffic.await_more(random.randint(1, TURNS_BEFORE_MAX), seconds=PATIENCE_S)
        fault(installation, traffic, random)
        traffic.await_more(TURNS_AFTER, seconds=PATIENCE_S)
        wait_for(installation.is_ready, seconds=PATIENCE_S, what="all parts")
    traffic.end()
    wait_for(lambda: not installation.waiting_turns(), seconds=DRAINED_WITHIN_S, what="a drain with nothing to do")
    ledger = ROUNDS[name] = balance(installation, traffic.finished, before)
    assert (ledger.lost, ledger.twice, ledger.astray, ledger.gaps) == (0, 0, 0, 0), ledger.examples
    assert ledger.out_of_order == 0 or name in ORDER_MAY_SUFFER, ledger.examples
    assert installation.dead_letters() == 0
