"""Messages that are cut anywhere, carry a byte too many, or are random: only PeerErrors come out."""

from __future__ import annotations

import re
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lucidtls.errors import DecodeError, PeerError
from lucidtls.wire.codec import HandshakeMessage, MessageForm, Reader, decode
from lucidtls.wire.extensions import FORMS, ExtensionForm, Extensions
from lucidtls.wire.hello import ClientHello, ServerHello
from lucidtls.wire.messages13 import EndOfEarlyData, Finished
from tests.wire.samples import FORM_VALUES, MESSAGES, OPAQUE, form_id

CLAUSE = re.compile(r"RFC \d+ §\d+(\.\d+)*")
ALL_FORMS = [form for forms in FORMS.values() for form in forms.values()]


def without_extensions(message: HandshakeMessage) -> int | None:
    """Return the length at which a hello may end because extensions are optional."""
    if not isinstance(message, (ClientHello, ServerHello)):
        return None
    return len(message.body()) - (len(message.extensions.body()) if message.extensions.raw else 0)


@pytest.mark.parametrize("name", [name for name in MESSAGES if name not in ("Finished", "EndOfEarlyData")])
def test_a_message_cut_anywhere_is_refused(name: str) -> None:
    """A handshake message that ends early is a decode_error, wherever it ends."""
    form, message = MESSAGES[name]
    body = message.body()
    legal = without_extensions(message)
    for length in range(len(body)):
        if length == legal:
            assert decode(form, body[:length]).body() == body[:length]
            continue
        with pytest.raises(DecodeError) as caught:
            decode(form, body[:length])
        assert CLAUSE.fullmatch(caught.value.clause)


@pytest.mark.parametrize("name", [name for name in MESSAGES if name != "Finished"])
def test_a_message_with_one_byte_too_many_is_refused(name: str) -> None:
    """A byte after the end of a handshake message is a decode_error."""
    form, message = MESSAGES[name]
    for extra in (b"\x00", b"\x01", b"\xff"):
        with pytest.raises(DecodeError) as caught:
            decode(form, message.body() + extra)
        assert CLAUSE.fullmatch(caught.value.clause)


def test_a_finished_is_as_long_as_it_is() -> None:
    """The length of verify_data follows from the hash, which decoding does not know (RFC 9846 §4.5.3)."""
    assert decode(Finished, bytes(48)).verify_data == bytes(48)
    assert decode(EndOfEarlyData, b"") == EndOfEarlyData()


@pytest.mark.parametrize(("form", "value"), FORM_VALUES, ids=form_id)
def test_an_extension_cut_anywhere_is_refused(form: ExtensionForm[Any], value: object) -> None:
    """An extension whose body ends early is a decode_error that names the section of its structure."""
    body = form.write(value)
    for length in range(len(body)) if form not in OPAQUE else ():
        with pytest.raises(DecodeError) as caught:
            read_one(form, body[:length])
        assert caught.value.clause == form.source
        assert str(caught.value).startswith(form.where) or form.where in str(caught.value)


@pytest.mark.parametrize(("form", "value"), FORM_VALUES, ids=form_id)
def test_an_extension_with_one_byte_too_many_is_refused(form: ExtensionForm[Any], value: object) -> None:
    """Data left over in an extension is a decode_error (RFC 9846 §4.3)."""
    if form in OPAQUE:
        assert read_one(form, form.write(value) + b"\0") != value
        return
    for extra in (b"\x00", b"\x01", b"\xff"):
        with pytest.raises(DecodeError) as caught:
            read_one(form, form.write(value) + extra)
        assert caught.value.clause == form.source


def read_one(form: ExtensionForm[Any], body: bytes) -> object:
    """Read a block with one extension."""
    block = Extensions.build(form.message, [(form.code, body)]).body()
    return Extensions.read(Reader(block, form.message), form.message).get(form)


@pytest.mark.parametrize("name", MESSAGES)
def test_a_message_with_one_byte_changed_raises_peer_errors_only(name: str) -> None:
    """A changed byte makes another message, or one that is refused with a clause."""
    form, message = MESSAGES[name]
    body = message.body()
    for index in range(len(body)):
        for value in (0x00, 0x01, 0x7F, 0xFF, body[index] ^ 0x80):
            decode_or_refuse(form, body[:index] + bytes((value,)) + body[index + 1 :])


def decode_or_refuse(form: MessageForm[HandshakeMessage], body: bytes) -> None:
    """Decode: what decodes encodes to the same bytes, what does not is refused with a clause."""
    try:
        decoded = decode(form, body)
    except PeerError as error:
        assert CLAUSE.fullmatch(error.clause)
        assert str(error)
        return
    if decoded.body() != body:
        # The one form with two spellings: no extensions, and a block of none.
        assert body == decoded.body() + b"\0\0"
        assert isinstance(decoded, ClientHello | ServerHello)


@given(st.sampled_from(sorted(MESSAGES)), st.binary(max_size=300))
def test_random_bytes_raise_peer_errors_only(name: str, body: bytes) -> None:
    """Noise in place of a handshake message is refused with an alert and a clause."""
    decode_or_refuse(MESSAGES[name][0], body)


@given(st.sampled_from(ALL_FORMS), st.binary(max_size=100))
def test_random_extensions_raise_peer_errors_only(form: ExtensionForm[Any], body: bytes) -> None:
    """Noise in place of an extension is refused, or it is a value that encodes to the same bytes."""
    try:
        value = read_one(form, body)
    except PeerError as error:
        assert CLAUSE.fullmatch(error.clause)
        return
    assert form.write(value) == body or form.name == "server_name"


@given(st.data(), st.sampled_from(sorted(MESSAGES)))
def test_mutilated_messages_raise_peer_errors_only(data: st.DataObject, name: str) -> None:
    """A message with a piece cut out, doubled or replaced never breaks the decoder."""
    form, message = MESSAGES[name]
    body = message.body()
    start = data.draw(st.integers(0, len(body)))
    end = data.draw(st.integers(start, min(len(body), start + 20)))
    piece = data.draw(st.one_of(st.just(b""), st.just(body[start:end] * 2), st.binary(max_size=12)))
    decode_or_refuse(form, body[:start] + piece + body[end:])


OPERATIONS = ("u8", "u16", "u24", "u32", "vector8", "vector16", "vector24", "numbers8", "pairs8", "pairs16")


@given(
    st.binary(max_size=64),
    st.lists(st.sampled_from((*OPERATIONS, "take", "nested", "rest", "tagged")), max_size=12),
)
def test_a_reader_never_reads_past_its_end(data: bytes, operations: list[str]) -> None:
    """Whatever fields are asked of whatever bytes, a reader stays in its bounds or raises DecodeError."""
    reader = Reader(data + b"beyond", "Fuzz", end=len(data))
    try:
        for operation in operations:
            reader = operate(reader, operation)
            assert 0 <= reader.position <= reader.end <= len(data)
        reader.finish()
    except DecodeError as error:
        assert "Fuzz" in str(error)
    else:
        assert reader.remaining == 0


def operate(reader: Reader, operation: str) -> Reader:
    """Apply one operation and return the reader to go on with."""
    match operation:
        case "take":
            assert len(reader.take(3, "field")) == 3
        case "nested":
            for nested in (reader.reader8("a"), reader.reader16("b"), reader.reader24("c")):
                assert nested.end <= reader.end
                return nested.whole16("d")
        case "rest":
            reader.rest("field")
        case "tagged":
            assert all(start <= end <= reader.end for _, start, end in reader.tagged16("tag", "content"))
        case _:
            getattr(reader, operation)("field")
    return reader
