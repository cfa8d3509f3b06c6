"""Speed beside the standard library's `ssl`: bounds that only a real regression breaks.

`make bench` prints the measured ratios beside the budgets. The bounds here are looser, because a shared
machine can disturb one rival more than the other.
"""

from __future__ import annotations

import pytest

from benchmarks import budgets


@pytest.mark.budget
def test_a_full_handshake_costs_about_what_it_costs_in_c() -> None:
    """A TLS 1.3 handshake is mostly asymmetric cryptography: Python takes at most 1.5 times C's time."""
    assert budgets.handshake(60).ratio < 1.5


@pytest.mark.budget
def test_an_older_handshake_costs_about_what_it_costs_in_c() -> None:
    """A TLS 1.2 handshake has one flight more and less to hash: at most 1.5 times C's time, too."""
    assert budgets.older_handshake(60).ratio < 1.5


@pytest.mark.budget
def test_bulk_data_costs_no_more_than_in_c() -> None:
    """Sealing and opening 16 KiB records is the cipher's work; the Python around it may not double it."""
    assert budgets.bulk(60).ratio < 1.5


@pytest.mark.budget
def test_a_default_config_is_cheap() -> None:
    """Trust anchors are parsed once and shared, so a default client config costs a fraction of ssl's."""
    assert budgets.default_config(60).ratio < 0.2
