"""Every refusal that the ledger lists: the right error, clause and alert, and an end for good."""

from __future__ import annotations

import pytest

from lucidtls.alerts import ALERTS, FATAL
from lucidtls.wire.codepoints import ContentType
from tests.conformance.refusal import Refusal, all_refusals


@pytest.mark.parametrize("row", all_refusals(), ids=lambda row: row.name)
def test_a_peer_that_breaks_the_protocol_is_refused(row: Refusal) -> None:
    """A broken rule of TLS ends the connection with the alert that the RFC names, sealed if keys exist."""
    peer = row.attack()
    error = peer.failure
    assert type(error) is row.error, error
    assert error.clause == row.clause
    assert peer.alert == row.alert
    alerts = [content for kind, content in peer.heard if kind == ContentType.ALERT]
    assert sum(content[0] == FATAL for content in alerts) == 1
    content_type, content = peer.heard[-1]
    assert content_type == ContentType.ALERT, "something was sent after the alert"
    assert content[0] == FATAL and content[1] in ALERTS
    assert peer.victim.closed and peer.state == "FAILED"
    assert error.state and error.state not in ("FAILED", "CLOSED")


@pytest.mark.parametrize("row", all_refusals()[::7], ids=lambda row: row.name)
def test_nothing_happens_after_a_refusal(row: Refusal) -> None:
    """After a fatal alert nothing is sent or received any more (RFC 9846 §6.2)."""
    victim = row.attack().victim
    victim.receive_data(b"\x17\x03\x03\x00\x20" + bytes(32))
    assert victim.next_event() is None
    victim.close()
    assert victim.data_to_send() == b""
    assert victim.closed
