"""What is written is read back, byte for byte and value for value."""

from __future__ import annotations

from typing import Any

import pytest

from lucidtls.wire.codec import Reader, decode, handshake_message
from lucidtls.wire.codepoints import MESSAGE_NAMES
from lucidtls.wire.extensions import FORMS, ExtensionForm, Extensions, KeyShareEntry, ch
from lucidtls.wire.hello import ClientHello
from lucidtls.wire.messages13 import HANDSHAKE_MESSAGES_13
from tests.wire.samples import FORM_VALUES, MESSAGES, MESSAGES_13, VALUES, form_id
from tests.wire.samples12 import MESSAGES_12


@pytest.mark.parametrize("name", MESSAGES)
def test_every_message_round_trips(name: str) -> None:
    """Each handshake message decodes to the values it was built from and encodes to the same bytes."""
    form, message = MESSAGES[name]
    body = message.body()
    decoded = decode(form, body)
    assert decoded == message
    assert decoded.body() == body
    if isinstance(extensions := getattr(message, "extensions", None), Extensions):
        assert getattr(decoded, "extensions").codes == extensions.codes  # noqa: B009


@pytest.mark.parametrize(("form", "value"), FORM_VALUES, ids=form_id)
def test_every_extension_round_trips(form: ExtensionForm[Any], value: object) -> None:
    """Each extension decodes, in each message that may carry it, to the value it was encoded from."""
    body = form.write(value)
    reader = Reader(body, form.where, form.source)
    assert form.read(reader) == value
    reader.finish()
    block = Extensions.build(form.message, [(form, value)])
    read = Extensions.read(Reader(block.body(), form.message), form.message)
    assert read == block
    assert read.get(form) == block.get(form) == value


def test_no_form_is_without_a_sample() -> None:
    """Every extension that the table knows takes part in these tests."""
    assert set(VALUES) == {form for forms in FORMS.values() for form in forms.values()}


def test_every_handshake_type_of_tls_1_3_is_sampled() -> None:
    """TLS 1.3 has ten handshake messages on the wire (RFC 9846 §4), and each has its class."""
    assert set(HANDSHAKE_MESSAGES_13) == {1, 2, 4, 5, 8, 11, 13, 15, 20, 24}
    sampled: set[object] = {type(message) for message in MESSAGES_13.values()}
    assert sampled == set(HANDSHAKE_MESSAGES_13.values())


def test_every_handshake_type_of_tls_1_2_is_sampled() -> None:
    """TLS 1.2 has twelve handshake messages, RFC 5246 §7.4 and the two that extensions brought."""
    sampled = {form.handshake_type for form, _ in MESSAGES_12.values()} | {ClientHello.handshake_type}
    assert sampled == {0, 1, 2, 4, 11, 12, 13, 14, 15, 16, 20, 22}
    for form, message in MESSAGES.values():
        assert form.handshake_type == message.handshake_type
        assert MESSAGE_NAMES[form.handshake_type] == type(message).__name__


def test_a_handshake_header_is_type_and_three_bytes_of_length() -> None:
    """A handshake message is one byte of type, three of length and the body (RFC 9846 §4)."""
    assert handshake_message(20, b"ab") == b"\x14\x00\x00\x02ab"


def test_grease_is_ordinary() -> None:
    """GREASE values in every list of a ClientHello are kept as they came (RFC 8701 §3.1)."""
    hello = ClientHello(
        0x0303,
        bytes(32),
        b"",
        (0x0A0A, 0x1301),
        b"\0",
        Extensions.build(
            "ClientHello",
            [
                (0x1A1A, b""),
                (ch.SUPPORTED_GROUPS, (0x2A2A, 29)),
                (ch.KEY_SHARE, (KeyShareEntry(0x2A2A, b"\0"), KeyShareEntry(29, bytes(32)))),
                (ch.SUPPORTED_VERSIONS, (0x3A3A, 0x0304)),
                (ch.SIGNATURE_ALGORITHMS, (0x4A4A, 0x0403)),
                (ch.PSK_KEY_EXCHANGE_MODES, (0x0B, 1)),
                (ch.ALPN, (b"\x5a\x5a", b"h2")),
                (0xFAFA, b"\0"),
            ],
        ),
    )
    decoded = decode(ClientHello, hello.body())
    assert decoded.cipher_suites[0] == 0x0A0A
    assert decoded.extensions.codes[0] == 0x1A1A
    assert decoded.extensions.raw[0xFAFA] == b"\0"
    assert decoded.extensions.get(ch.SUPPORTED_GROUPS) == (0x2A2A, 29)
    assert decoded.extensions.get(ch.PSK_KEY_EXCHANGE_MODES) == (0x0B, 1)
    assert decoded.body() == hello.body()
