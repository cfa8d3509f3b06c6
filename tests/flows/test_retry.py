"""HelloRetryRequest, cookies, and early data that has to be passed over."""

from __future__ import annotations

from datetime import timedelta

import pytest

from lucidtls.events import HandshakeCompleted
from lucidtls.wire.codec import decode
from lucidtls.wire.extensions import ch, hrr
from lucidtls.wire.hello import ClientHello
from tests.certificates import NOW
from tests.conformance.attacks.retry import KEY, elsewhere
from tests.flows.hostile import SECP256R1, TLS13, HostileClient, HostileServer, plain
from tests.flows.pair import Pair
from tests.flows.parties import client_config, server_config

REST = [
    "client > ClientHello",
    "server > ServerHello EncryptedExtensions Certificate CertificateVerify Finished",
    "client > Finished",
]


def test_a_server_asks_for_a_share_it_can_use() -> None:
    """A server that wants a group without a share answers with HelloRetryRequest (RFC 9846 §4.2.1)."""
    pair = Pair(client_config(shares=("x25519",)), server_config(groups=("secp256r1",)))
    assert pair.run() == [
        "client > ClientHello",
        "server > HelloRetryRequest selected_group=secp256r1",
        *REST,
    ]
    negotiated = pair.client.event(HandshakeCompleted).negotiated
    assert negotiated.hello_retried and negotiated.group == "secp256r1"
    assert pair.server.event(HandshakeCompleted).negotiated.hello_retried


def test_a_client_may_leave_the_choice_of_group_to_the_server() -> None:
    """An empty list of shares asks the server to choose (RFC 9846 §4.3.8)."""
    pair = Pair(client_config(shares=()))
    assert pair.run()[1] == "server > HelloRetryRequest selected_group=x25519"


def test_a_post_quantum_group_is_worth_a_round_trip() -> None:
    """A server asks for a hybrid share when the client could send one and sent only a classical one."""
    client = client_config(groups=("x25519", "X25519MLKEM768"), shares=("x25519",))
    pair = Pair(client, server_config(groups=("X25519MLKEM768", "x25519")))
    assert pair.run()[1] == "server > HelloRetryRequest selected_group=X25519MLKEM768"


def test_a_share_that_is_there_saves_the_round_trip() -> None:
    """Among groups that are equally safe, one with a share is taken before a better one without."""
    client = client_config(groups=("x25519", "secp256r1"), shares=("secp256r1",))
    pair = Pair(client, server_config(groups=("x25519", "secp256r1")))
    assert pair.run() == REST
    assert pair.client.event(HandshakeCompleted).negotiated.group == "secp256r1"


@pytest.mark.parametrize("suite", ["TLS_AES_256_GCM_SHA384", "TLS_AES_128_GCM_SHA256"])
def test_the_transcript_of_a_retried_handshake_uses_the_hash_of_the_suite(suite: str) -> None:
    """message_hash stands for the first hello, in SHA-256 or in SHA-384 (RFC 9846 §4.1)."""
    pair = Pair(client_config(shares=(), cipher_suites=(suite,)))
    pair.run()
    assert pair.log.secrets("client") == pair.log.secrets("server")


def test_the_second_hello_changes_in_nothing_but_what_was_asked() -> None:
    """Only key_share and cookie may differ between the two hellos (RFC 9846 §4.2.2)."""
    peer = HostileServer()
    first = peer.client_hello
    block = ((hrr.SUPPORTED_VERSIONS, TLS13), (hrr.KEY_SHARE, SECP256R1), (hrr.COOKIE, b"crumbs"))
    peer.send_retry(peer.retry_request(*block))
    second = peer.client_hello
    for name in ("legacy_version", "random", "legacy_session_id", "cipher_suites"):
        assert getattr(first, name) == getattr(second, name)
    changed = {
        code
        for code in first.extensions.raw.keys() | second.extensions.raw.keys()
        if first.extensions.raw.get(code) != second.extensions.raw.get(code)
    }
    assert changed == {ch.KEY_SHARE.code, ch.COOKIE.code}
    assert second.extensions.get(ch.COOKIE) == b"crumbs"
    (share,) = second.extensions.get(ch.KEY_SHARE) or ()
    assert share.group == SECP256R1


def test_a_retry_for_a_cookie_alone_keeps_the_shares() -> None:
    """Without key_share in the HelloRetryRequest the shares stay as they were (RFC 9846 §4.2.2)."""
    peer = HostileServer()
    shares = peer.client_hello.extensions.get(ch.KEY_SHARE)
    peer.send_retry(peer.retry_request((hrr.SUPPORTED_VERSIONS, TLS13), (hrr.COOKIE, b"c" * 1000)))
    assert peer.client_hello.extensions.get(ch.KEY_SHARE) == shares
    assert peer.reach("CONNECTED").victim.negotiated


def test_the_trace_keeps_the_first_hello_as_it_was_sent() -> None:
    """What was sent stays as it was in the trace, though the second hello has a cookie."""
    pair = Pair(server=server_config(cookie_key=KEY, hello_retry="always"))
    pair.run()
    sent = [e for e in pair.log.of("client") if getattr(e, "name", "") == "ClientHello"]
    first = getattr(sent[0], "message", None)
    assert isinstance(first, ClientHello) and ch.COOKIE not in first.extensions
    assert decode(ClientHello, getattr(sent[0], "body", b"")).extensions.raw == first.extensions.raw


def test_each_side_sends_one_dummy_record_in_a_retried_handshake() -> None:
    """The server's follows its HelloRetryRequest, the client's precedes its second hello (RFC 9846 §E.4)."""
    pair = Pair(client_config(shares=()))
    dummy, sent = b"\x14\x03\x03\x00\x01\x01", {"client": b"", "server": b""}
    for _ in range(4):
        for sender, receiver in ((pair.client, pair.server), (pair.server, pair.client)):
            data = sender.connection.data_to_send()
            sent[sender.name] += data
            if data:
                receiver.receive(data)
    assert pair.client.event(HandshakeCompleted) and pair.server.event(HandshakeCompleted)
    assert sent["client"].count(dummy) == sent["server"].count(dummy) == 1
    first = 5 + int.from_bytes(sent["server"][3:5])
    assert sent["server"][first:].startswith(dummy)


# Cookies


def test_a_server_can_ask_every_client_for_a_second_hello() -> None:
    """A cookie proves that a client is where it says it is (RFC 9846 §4.3.2)."""
    pair = Pair(server=server_config(cookie_key=KEY, hello_retry="always"))
    assert pair.run() == ["client > ClientHello", "server > HelloRetryRequest cookie", *REST]


def test_a_cookie_can_go_with_a_group() -> None:
    """One HelloRetryRequest may carry both key_share and cookie (RFC 9846 §4.2.4)."""
    pair = Pair(client_config(shares=("x25519",)), server_config(groups=("secp256r1",), cookie_key=KEY))
    assert pair.run()[1] == "server > HelloRetryRequest selected_group=secp256r1 cookie"


def test_another_server_with_the_same_key_goes_on() -> None:
    """A stateless server needs nothing of the first hello but what the cookie holds (RFC 9846 §4.3.2)."""
    peer = elsewhere(lambda cookie: cookie)
    peer.reach("CONNECTED")
    negotiated = peer.victim.negotiated
    assert negotiated is not None and negotiated.hello_retried and negotiated.group == "secp256r1"


@pytest.mark.parametrize("seconds", [0, 1, 59, 60])
def test_a_cookie_is_good_for_a_minute(seconds: int) -> None:
    """A second hello may take a minute to arrive; cookies are not good for ever."""
    peer = elsewhere(lambda cookie: cookie, clock=lambda: NOW + timedelta(seconds=seconds))
    assert peer.error is None and peer.state == "WAIT_FINISHED"


def test_servers_whose_clocks_differ_a_little_share_cookies() -> None:
    """A cookie from a server whose clock is a second ahead is not refused."""
    peer = elsewhere(lambda cookie: cookie, clock=lambda: NOW - timedelta(seconds=1))
    assert peer.error is None


def test_a_stateless_server_drops_a_dummy_record_before_the_second_hello() -> None:
    """To a stateless server the dummy seems to come first, and must be ignored (RFC 9846 §4.3.2)."""
    peer = HostileClient(server_config(cookie_key=KEY))
    peer.deliver(plain(20, b"\x01"))
    assert peer.error is None
    peer.reach("CONNECTED")


def test_a_server_that_goes_on_from_a_cookie_sends_no_dummy_record() -> None:
    """The dummy follows the server's first message, which was the HelloRetryRequest (RFC 9846 §E.4)."""
    peer = elsewhere(lambda cookie: cookie)
    assert 20 not in [content_type for content_type, _ in peer.heard]


# Early data that nobody here can read (RFC 9846 §4.3.10)


def offering_early_data(groups: tuple[str, ...], limit: int = 2**16) -> HostileClient:
    """A client that has sent early_data in its first hello."""
    peer = HostileClient(server_config(groups=groups, max_skipped_early_data=limit))
    return peer.send_hello(peer.client_hello((ch.EARLY_DATA, True)))


@pytest.mark.parametrize("size", [17, 300, 2**14 + 17, 2**14 + 256])
def test_early_data_is_passed_over(size: int) -> None:
    """A server that ignores early_data discards records that it cannot open (RFC 9846 §4.3.10)."""
    peer = offering_early_data(("x25519",))
    assert peer.deliver(plain(23, bytes(size)) * 3).error is None
    assert peer.reach("CONNECTED").error is None


@pytest.mark.parametrize("size", [17, 300, 2**14 + 17, 2**14 + 256])
def test_early_data_is_passed_over_between_the_hellos(size: int) -> None:
    """After a HelloRetryRequest records of type application_data are skipped (RFC 9846 §4.3.10)."""
    peer = offering_early_data(("secp256r1",))
    assert peer.state == "WAIT_CH2"
    assert peer.deliver(plain(23, bytes(size)) * 3).error is None
    assert peer.reach("CONNECTED").error is None


def test_a_dummy_record_may_stand_among_early_data() -> None:
    """A client that offers early data sends its dummy right after the hello (RFC 9846 §E.4)."""
    peer = offering_early_data(("x25519",))
    peer.deliver(plain(20, b"\x01") + plain(23, bytes(50)) + plain(20, b"\x01"))
    assert peer.reach("CONNECTED").error is None


def test_a_server_does_not_say_that_it_accepts_early_data() -> None:
    """A server that ignores early_data leaves it out of EncryptedExtensions (RFC 9846 §4.3.10)."""
    peer = offering_early_data(("x25519",))
    (encrypted,) = [m for m in peer.messages if type(m).__name__ == "EncryptedExtensions"]
    assert ch.EARLY_DATA.code not in encrypted.extensions


def test_a_whole_record_of_early_data_is_passed_over_by_default() -> None:
    """The default limit lets one full record of early data by."""
    peer = HostileClient()
    peer.send_hello(peer.client_hello((ch.EARLY_DATA, True)))
    peer.deliver(plain(23, bytes(2**14 + 17)))
    assert peer.reach("CONNECTED").error is None
