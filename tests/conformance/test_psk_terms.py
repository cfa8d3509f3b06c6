"""What a server passes over: sessions and early data under other terms than those they were made for.

Nobody is blamed for these: a full handshake follows, or the early data is skipped (RFC 9846 §4.3.10, §4.7.1).
"""

from __future__ import annotations

from typing import Any

import pytest

from lucidtls.connection import ClientConnection
from lucidtls.events import EarlyData
from lucidtls.sessions.replay import MemoryReplayGuard
from lucidtls.wire.extensions import ch, ee, sh
from lucidtls.wire.messages13 import Certificate, EncryptedExtensions
from tests.certificates import NOW
from tests.flows.hostile import encoded, plain, without_extension
from tests.flows.resuming import (
    EARLY,
    OTHER_EARLY,
    OTHER_TICKET,
    TICKET,
    ResumingClient,
    ResumingServer,
    resuming_config,
    with_psks,
)

THEN = NOW.timestamp()

OTHER_SESSIONS: dict[str, dict[str, Any]] = {
    "another version": {"version": 0x0303},
    "another scope": {"scope": "elsewhere"},
    "another name": {"server_name": "other.example.org"},
    "no name": {"server_name": None},
    "another hash": {"cipher_suite": 0x1302},
    "an unknown suite": {"cipher_suite": 0x13FF},
    "a suite of TLS 1.2": {"cipher_suite": 0xC02B},
    "expired": {"issued_at": THEN - 3601, "authenticated_at": THEN - 3601},
    "of this very second's end": {"issued_at": THEN - 3600, "authenticated_at": THEN - 3600},
    "older than 7 days": {"authenticated_at": THEN - 604_800},
    "from the future": {"issued_at": THEN + 3600, "authenticated_at": THEN + 3600},
}

OTHER_EARLY_TERMS: dict[str, dict[str, Any]] = {
    "another protocol": {"alpn": b"h2"},
    "another suite of the hash": {"cipher_suite": 0x1303},
    "a ticket without early data": {"max_early_data": 0},
    "issued before the client thinks": {"issued_at": THEN - 11},
    "issued after the client thinks": {"age_add": 11_000},
}


def resumed(peer: ResumingClient) -> bool:
    """Whether the server took the session; otherwise it has shown its certificate."""
    assert peer.server_hello is not None, peer.error
    selected = peer.server_hello.extensions.get(sh.PRE_SHARED_KEY)
    assert (selected is None) is any(isinstance(message, Certificate) for message in peer.messages)
    return selected is not None


def took_early_data(peer: ResumingClient) -> bool:
    """Whether the server said that it reads early data, and does."""
    (said,) = [message for message in peer.messages if isinstance(message, EncryptedExtensions)]
    taken = ee.EARLY_DATA in said.extensions
    assert taken is (peer.state == "WAIT_EOED")
    return taken


def finish(peer: ResumingClient) -> None:
    """The handshake comes to its end all the same."""
    assert peer.reach("CONNECTED").error is None


def offer(state: dict[str, Any] | None = None, **settings: Any) -> ResumingClient:
    """Offer the session and early data to a server that has such a state of it."""
    peer = ResumingClient(resuming_config(state=state, **settings))
    peer.send_hello()
    return peer


def test_the_session_as_it_is_is_taken() -> None:
    """The same offer with nothing changed is resumed with its early data: the tests below test something."""
    peer = offer()
    assert resumed(peer) and took_early_data(peer)
    peer.send_data(b"early")
    assert peer.events == [EarlyData(b"early")]
    finish(peer)


@pytest.mark.parametrize("why", OTHER_SESSIONS)
def test_a_session_of_other_terms_is_passed_over(why: str) -> None:
    """A full handshake follows, and the early data that was offered is skipped."""
    peer = offer(OTHER_SESSIONS[why])
    assert not resumed(peer) and not took_early_data(peer)
    finish(peer)


@pytest.mark.parametrize("why", OTHER_EARLY_TERMS)
def test_early_data_of_other_terms_is_passed_over(why: str) -> None:
    """The session is resumed, and its early data skipped."""
    peer = offer(OTHER_EARLY_TERMS[why])
    assert resumed(peer) and not took_early_data(peer)
    finish(peer)


def test_rejected_early_data_is_skipped_record_by_record() -> None:
    """Records that cannot be read are passed over; the Finished is found (RFC 9846 §4.3.10)."""
    peer = offer(OTHER_EARLY_TERMS["another protocol"])
    peer.deliver(b"".join(plain(23, bytes(60)) for _ in range(5)))
    assert peer.events == []
    finish(peer)


def test_a_client_ends_early_data_only_if_it_was_taken() -> None:
    """EndOfEarlyData follows the server's Finished, and is left out after a refusal (RFC 9846 §4.6)."""
    for items, sent in (((), [20]), (((ee.EARLY_DATA, True),), [5, 20])):
        peer = ResumingServer()
        assert isinstance(peer.victim, ClientConnection)
        peer.victim.send_early_data(b"early")
        peer.send_server_hello().send(peer.encrypted_extensions(*items)).send_finished()
        assert peer.state == "CONNECTED"
        after_finished = [raw[0] for raw in peer.transcript][3:]
        assert after_finished == [20, *sent]
        kinds = [kind for kind, content in peer.heard if content == b"early"]
        assert kinds == [23]


def test_a_psk_alone_needs_no_groups() -> None:
    """With psk_ke a hello can do without groups, shares and signature algorithms (RFC 9846 §4.3.9, §9.2)."""
    peer = ResumingClient(resuming_config(psk_modes=("psk_ke",)))
    hello = peer.resuming_hello(modes=(0,))
    offered = hello.extensions.get(ch.PRE_SHARED_KEY)
    assert offered is not None
    codes = (ch.KEY_SHARE.code, ch.SUPPORTED_GROUPS.code, ch.SIGNATURE_ALGORITHMS.code)
    hello.extensions = without_extension(hello.extensions, *codes)
    peer.send_hello(peer.bind(with_psks(hello, offered), (EARLY,)))
    assert resumed(peer) and took_early_data(peer)
    finish(peer)


def test_early_data_goes_with_the_first_identity() -> None:
    """A server that takes the second PSK takes no early data: that was sealed with the first (§4.3.10)."""
    peer = ResumingClient()
    hello = peer.resuming_hello(identities=(b"unknown", TICKET), keys=(OTHER_EARLY, EARLY))
    peer.send_hello(hello)
    assert resumed(peer) and not took_early_data(peer)
    finish(peer)


def test_the_first_known_identity_is_taken() -> None:
    """Of two known identities the first is selected, and only its binder is looked at."""
    peer = ResumingClient()
    hello = peer.resuming_hello(identities=(TICKET, OTHER_TICKET), keys=(EARLY, EARLY))
    peer.send_hello(hello)
    assert resumed(peer) and took_early_data(peer)
    finish(peer)


def test_early_data_needs_a_psk() -> None:
    """An early_data extension without a PSK is skipped like any early data that cannot be read."""
    peer = ResumingClient()
    peer.send_hello(peer.client_hello((ch.EARLY_DATA, True)))
    assert not resumed(peer) and not took_early_data(peer)
    finish(peer)


def test_no_early_data_for_a_server_that_has_none() -> None:
    """A server that takes no early data any more resumes, and skips it."""
    peer = offer(max_early_data=0)
    assert resumed(peer) and not took_early_data(peer)
    finish(peer)


def test_a_replayed_hello_brings_no_early_data() -> None:
    """The guard has seen the binder before: the second connection skips the early data (RFC 9846 §8.2)."""
    config = resuming_config(replay_guard=MemoryReplayGuard())
    first, second = ResumingClient(config), ResumingClient(config)
    hello, again = first.resuming_hello(), second.resuming_hello()
    assert encoded(hello) == encoded(again)
    first.send_hello(hello)
    second.send_hello(again)
    assert resumed(first) and took_early_data(first)
    assert resumed(second) and not took_early_data(second)


def test_the_guard_is_asked_last() -> None:
    """Nothing is noted of a hello that is refused for another reason (RFC 9846 §8.2)."""
    asked: list[bytes] = []

    class Asked:
        def first_use(self, key: bytes, lifetime: float, now: float) -> bool:
            asked.append(key)
            return True

    for terms in (*OTHER_SESSIONS.values(), *OTHER_EARLY_TERMS.values()):
        offer(terms, replay_guard=Asked())
    assert asked == []
    offer(replay_guard=Asked())
    assert len(asked) == 1
