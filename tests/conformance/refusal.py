"""The ledger's rows: an attack, and what the RFC says must come of it.

    @refusal(IllegalParameter, "RFC 9846 §4.2.3")
    def server_picks_a_suite_that_was_not_offered() -> Peer: ...

`test_refusals` runs each row and looks at error, clause and alert. `test_ledger` runs them all and checks
that every place in the engine that refuses a peer was reached by at least one.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from importlib import import_module
from typing import Any, TypeVar

from lucidtls.errors import PeerError
from tests.flows.hostile import Peer

Attack = Callable[[], Peer]
A = TypeVar("A", bound=Callable[..., Any])

MODULES = (
    "records",
    "hello_client",
    "hello_server",
    "authentication",
    "retry",
    "psk",
    "after",
    "forms",
    "older_hello",
    "older_exchange",
    "older_authentication",
    "older_order",
    "older_offer",
    "older_records",
    "older_again",
    "older_resumption",
)


@dataclass(frozen=True)
class Refusal:
    """One row: the error's class, the text that was broken, the alert that must be sent."""

    name: str
    error: type[PeerError]
    clause: str
    alert: str
    attack: Attack


REFUSALS: list[Refusal] = []


def refused(name: str, error: type[PeerError], clause: str, attack: Attack, alert: str | None = None) -> None:
    """Add a row; the alert is that of the error's class unless it is said."""
    REFUSALS.append(Refusal(name, error, clause, alert or error.alert.name, attack))


def refusal(error: type[PeerError], clause: str, alert: str | None = None) -> Callable[[A], A]:
    """Add a row whose attack is the decorated function."""

    def add(attack: A) -> A:
        refused(attack.__name__, error, clause, attack, alert)
        return attack

    return add


def all_refusals() -> list[Refusal]:
    """Every row, from all modules."""
    for name in MODULES:
        import_module(f"tests.conformance.attacks.{name}")
    names = [row.name for row in REFUSALS]
    assert len(names) == len(set(names)), sorted(name for name in names if names.count(name) > 1)
    return REFUSALS
