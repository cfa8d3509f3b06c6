"""Damaged handshake messages and records, sealed as if nothing were wrong, in every state of both roles."""

from __future__ import annotations

from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lucidtls.errors import DecodeError, IllegalParameter, PeerError
from lucidtls.events import HandshakeCompleted
from lucidtls.wire.codec import HandshakeMessage, decode
from lucidtls.wire.codepoints import ContentType
from lucidtls.wire.hello import ServerHello
from tests.flows.hostile import Peer, plain
from tests.fuzz.mutation import STATES, check_end, damaged, examples, honest_messages, reach, relabelled
from tests.wire.samples12 import MESSAGES_12

SEEDS = st.integers(0, 2**32)
every_state = pytest.mark.parametrize(
    ("role", "state"), STATES, ids=[f"{role}-{state}" for role, state in STATES]
)


def pieces(source: Random, data: bytes) -> list[bytes]:
    """The data cut at a few places, or not at all."""
    cuts = sorted(source.randint(0, len(data)) for _ in range(source.choice((0, 0, 1, 3))))
    return [data[start:end] for start, end in zip([0, *cuts], [*cuts, len(data)], strict=True)]


@every_state
@examples(120)
@given(seed=SEEDS)
def test_a_damaged_message_is_refused_or_taken_but_never_crashes(role: str, state: str, seed: int) -> None:
    """Whatever a peer says, the answer is a TLS error or none, with one alert and bounded memory."""
    source = Random(seed)
    peer = reach(role, state)
    honest = honest_messages(peer)
    message = relabelled(source, source.choice(honest))
    for part in pieces(source, message):
        peer.deliver(peer.record(ContentType.HANDSHAKE, part))
    check_end(peer)
    if state == "WAIT_FINISHED" and message not in honest:
        assert not any(isinstance(event, HandshakeCompleted) for event in peer.events)


@every_state
@examples(60)
@given(seed=SEEDS)
def test_damaged_records_are_refused_or_taken_but_never_crash(role: str, state: str, seed: int) -> None:
    """Damage on the wire, to headers, lengths and ciphertext, ends a connection in good order."""
    source = Random(seed)
    peer = reach(role, state)
    records = b"".join(peer.record(ContentType.HANDSHAKE, message) for message in honest_messages(peer))
    if source.random() < 0.3:
        records += plain(source.randrange(256), source.randbytes(source.randrange(50)))
    for part in pieces(source, damaged(source, records)):
        peer.deliver(part)
    peer.end()
    check_end(peer)


@every_state
@examples(60)
@given(seed=SEEDS)
def test_any_content_in_a_sealed_record_is_refused_or_taken(role: str, state: str, seed: int) -> None:
    """Any content under any type, sealed with the right keys, ends in good order."""
    source = Random(seed)
    peer = reach(role, state)
    for _ in range(source.choice((1, 2, 5))):
        content_type = source.choice((20, 21, 22, 22, 22, 23, 24, source.randrange(256)))
        content = source.choice((b"", b"\x01\0", b"\x02\x28", bytes((source.choice((4, 11, 20, 24)), 0, 0))))
        content += source.randbytes(source.choice((0, 1, 2, 4, 300)))
        peer.deliver(peer.record(content_type, content))
    check_end(peer)


@pytest.mark.parametrize("role", ["client", "server"])
@examples(300)
@given(data=st.binary(max_size=300))
def test_noise_is_refused(role: str, data: bytes) -> None:
    """Bytes of any kind at the beginning of a connection end it, or leave it waiting for more."""
    peer: Peer = reach(role, "WAIT_SH" if role == "client" else "START")
    check_end(peer.deliver(data) if data else peer)


@pytest.mark.parametrize("role", ["client", "server"])
@examples(200)
@given(body=st.binary(max_size=300), message_type=st.sampled_from([1, 2]))
def test_noise_in_a_hello_is_refused(role: str, body: bytes, message_type: int) -> None:
    """A hello of random bytes is refused with decode_error, or another error of TLS."""
    peer: Peer = reach(role, "WAIT_SH" if role == "client" else "START")
    raw = bytes((message_type, 0)) + len(body).to_bytes(2) + body
    check_end(peer.deliver(plain(22, raw)))
    assert peer.error is not None


EXTENSION_BODIES = st.dictionaries(
    st.integers(0, 0xFFFF) | st.integers(0, 60), st.binary(max_size=40), max_size=12
)


@examples(200)
@given(block=EXTENSION_BODIES)
def test_a_hello_with_any_extensions_is_answered_or_refused(block: dict[int, bytes]) -> None:
    """Unknown extensions are passed over, and known ones are read with care."""
    peer = reach("server", "START")
    hello = peer.client_hello()  # type: ignore[attr-defined]
    hello.extensions.raw |= {code: body for code, body in block.items() if code != 41}
    check_end(peer.send(hello))


@pytest.mark.parametrize("name", sorted(MESSAGES_12))
@examples(60)
@given(seed=SEEDS)
def test_a_damaged_message_of_tls_1_2_decodes_to_itself_or_is_refused(name: str, seed: int) -> None:
    """Before TLS 1.3, too, what is no message is refused with a clause, and no other error comes out."""
    source = Random(seed)
    form, message = MESSAGES_12[name]
    body = damaged(source, message.body())
    try:
        decoded = decode(form, body)
    except PeerError as error:
        assert error.clause.startswith("RFC ") and isinstance(error, DecodeError | IllegalParameter)
    else:
        assert same(decoded, body)


@examples(200)
@given(seed=SEEDS)
def test_a_message_read_by_the_form_of_another_shape_is_taken_or_refused(seed: int) -> None:
    """A peer that sends the shape of another key exchange or version cannot break the reader."""
    source = Random(seed)
    _, message = MESSAGES_12[source.choice(sorted(MESSAGES_12))]
    body = message.body() if source.random() < 0.5 else damaged(source, message.body())
    for form, _ in MESSAGES_12.values():
        try:
            decoded = decode(form, body)
        except PeerError as error:
            assert isinstance(error, DecodeError | IllegalParameter)
        else:
            assert same(decoded, body)


def same(message: HandshakeMessage, body: bytes) -> bool:
    """Whether a message is written as it was read; only an empty block of extensions may have gone."""
    return message.body() == body or (isinstance(message, ServerHello) and message.body() + b"\0\0" == body)
