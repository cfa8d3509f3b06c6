"""Reader and writer in TLS 1.2 and before: headers, limits, changes of keys, the fast path."""

from __future__ import annotations

import pytest

from lucidtls.errors import (
    BadRecordMac,
    PeerError,
    RecordError,
    RecordOverflow,
    UnexpectedMessage,
    UnsupportedVersion,
)
from lucidtls.record.reader import MAX_CIPHERTEXT_12, RecordReader
from lucidtls.record.writer import RecordWriter
from lucidtls.trace import Recorder, RecordTraced
from lucidtls.wire.records import MAX_PLAINTEXT
from tests.unit.record.older import (
    AEADS,
    ALL,
    CBC_SHA,
    ENCRYPT_THEN_MAC,
    GCM,
    MAC_THEN_ENCRYPT,
    NULL_SHA,
    STREAMS,
    TLS10,
    TLS11,
    TLS12,
    Setting,
    fragments,
    record,
    seal_aead,
    seal_block,
    seal_streams,
)

CLEAR_CCS = b"\x14\x03\x03\0\x01\x01"
VERSIONS = (TLS10, TLS11, TLS12)


def of(settings: list[Setting]) -> pytest.MarkDecorator:
    """Run a test with each of these."""
    return pytest.mark.parametrize("setting", settings, ids=str)


def everything(reader: RecordReader) -> list[tuple[int, bytes]]:
    """All records that a reader has."""
    records = []
    while (found := reader.read()) is not None:
        records.append(found)
    return records


def sealed_by_another(setting: Setting, content: bytes) -> bytes:
    """The first fragment of another implementation, with content of any length."""
    kind = setting.suite.cipher.kind
    if kind == "aead":
        return seal_aead(setting, 0, content)
    if kind == "stream":
        return seal_streams(setting, [content])[0]
    return seal_block(setting, 0, content, iv=setting.iv or bytes(setting.suite.cipher.block_length))


@of(ALL)
@pytest.mark.parametrize("size", [1, 2, 100, MAX_PLAINTEXT, MAX_PLAINTEXT + 1, 50_000])
def test_what_is_written_is_read(setting: Setting, size: int) -> None:
    """Content of any length crosses, cut into records of at most 2^14 bytes (RFC 5246 §6.2.1)."""
    data = bytes(number % 251 for number in range(size))
    writer, reader = setting.writer(), setting.reader()
    writer.write(23, data)
    writer.write(22, b"message")
    reader.feed(writer.take())
    records = everything(reader)
    assert b"".join(content for kind, content in records if kind == 23) == data
    assert records[-1] == (22, b"message")
    assert max(len(content) for _, content in records) <= MAX_PLAINTEXT
    assert writer.sequence == len(records)


@of([*MAC_THEN_ENCRYPT, *ENCRYPT_THEN_MAC, *STREAMS])
def test_application_data_is_split_where_ivs_are_chained(setting: Setting) -> None:
    """TLS 1.0's CBC sends one byte apart, per write and only of application data; nothing else does."""
    writer, reader = setting.writer(), setting.reader()
    for content_type, content in ((22, b"message"), (23, b"data"), (23, b"1"), (23, b""), (21, b"\1\0")):
        writer.write(content_type, content)
    writer.write(23, memoryview(bytes(MAX_PLAINTEXT + 2)))
    reader.feed(writer.take())
    lengths = [len(content) for _, content in everything(reader)]
    if setting.version == TLS10 and setting.suite.cipher.kind == "block":
        assert lengths == [7, 1, 3, 1, 0, 2, 1, MAX_PLAINTEXT, 1]
    else:
        assert lengths == [7, 4, 1, 0, 2, MAX_PLAINTEXT, 2]


@of(ALL)
def test_the_limit_holds_with_the_records_that_are_kept(setting: Setting) -> None:
    """However much is written when there is room for it, close_notify still has a record of its own."""
    writer = setting.writer()
    writer.max_content = 10
    limit = 7
    while (room := limit - writer.sequence - writer.reserve) > 0:
        writer.write(23, bytes(room * 10))
    writer.write(21, b"\x01\0")
    assert limit - 1 <= writer.sequence <= limit
    assert writer.record_limit == setting.suite.cipher.record_limit


@pytest.mark.parametrize("version", VERSIONS)
def test_records_carry_the_version(version: int) -> None:
    """Records carry the negotiated version, before keys and after; a ClientHello's says 0x0301."""
    writer = RecordWriter()
    writer.write(22, b"\x01hello")
    assert writer.take()[:3] == b"\x16\x03\x01"
    writer.enter_version(version)
    for content_type, content in ((22, b"\x0bcertificate"), (21, b"\x02\x28"), (20, b"\x01")):
        writer.write(content_type, content)
    writer.install_protection(Setting(NULL_SHA, version).protection())
    writer.write(22, b"\x01hello")
    written = writer.take()
    at = 0
    while at < len(written):
        assert written[at + 1 : at + 3] == version.to_bytes(2)
        at += 5 + int.from_bytes(written[at + 3 : at + 5])


@pytest.mark.parametrize("protected", [False, True])
@pytest.mark.parametrize("version", VERSIONS)
def test_no_other_version_is_read(version: int, protected: bool) -> None:
    """A record that is marked with another version than the negotiated one is refused (RFC 5246 §6.2.1)."""
    for other in (0, 0x0002, 0x0300, *VERSIONS, 0x0304, 0x0403, 0xFEFD):
        reader = RecordReader()
        reader.enter_version(version)
        data = b"\x16" + other.to_bytes(2) + b"\0\x03abc"
        if protected:
            setting = Setting(NULL_SHA, version)
            reader.install_protection(setting.protection())
            data = record(setting, b"".join(setting.protection().seal(0, 22, b"abc")), 22)
            data = data[:1] + other.to_bytes(2) + data[3:]
        reader.feed(data)
        if other == version:
            assert reader.read() == (22, b"abc")
            continue
        with pytest.raises(UnsupportedVersion) as caught:
            reader.read()
        assert caught.value.clause == "RFC 5246 §6.2.1"


def test_change_cipher_spec_is_dropped_until_the_version_is_known() -> None:
    """What was dropped as TLS 1.3's dummy record is counted, and later ones are given out."""
    reader = RecordReader()
    reader.change_cipher_spec_allowed = True
    reader.feed(b"\x16\x03\x01\0\x01x" + CLEAR_CCS + b"\x16\x03\x03\0\x01y" + CLEAR_CCS * 2)
    assert [reader.read(), reader.read(), reader.change_cipher_specs] == [(22, b"x"), (22, b"y"), 1]
    reader.enter_version(TLS12)
    assert [reader.read(), reader.read(), reader.change_cipher_specs] == [(20, b"\x01"), (20, b"\x01"), 1]


@of(ALL)
def test_each_change_of_keys_starts_at_zero(setting: Setting) -> None:
    """ChangeCipherSpec goes out under the old keys; with new ones the sequence number is zero again."""
    other = Setting(setting.name, setting.version, setting.encrypt_then_mac)
    other.keys["key"] = setting.key[::-1]
    writer, reader = RecordWriter(), RecordReader()
    for end in (writer, reader):
        end.enter_version(setting.version)
    for row in (setting, other, setting):
        writer.write(22, b"message")
        writer.write(20, b"\x01")
        reader.feed(writer.take())
        assert everything(reader) == [(22, b"message"), (20, b"\x01")]
        writer.install_protection(row.protection())
        reader.install_protection(row.protection())
        assert writer.sequence == 0 and writer.protected and reader.protected
        writer.write(22, b"finished")
        ((_, fragment),) = fragments(data := writer.take())
        assert row.protection().open(0, 22, memoryview(fragment)) == b"finished"
        reader.feed(data)
        assert reader.read() == (22, b"finished")


def test_the_two_directions_count_apart() -> None:
    """The sequence number is "maintained separately for read and write states" (RFC 5246 §6.1)."""
    setting = Setting(GCM, TLS12)
    ends = [(setting.writer(), setting.reader()) for _ in range(2)]
    for sender, receiver, count in ((0, 1, 3), (1, 0, 1), (0, 1, 2)):
        for _ in range(count):
            ends[sender][0].write(23, b"data")
        ends[receiver][1].feed(ends[sender][0].take())
        assert len(everything(ends[receiver][1])) == count
    assert [writer.sequence for writer, _ in ends] == [5, 1]


@of(ALL)
def test_records_must_come_in_order(setting: Setting) -> None:
    """A record that is left out, repeated or moved does not open: its sequence number is another."""
    for order in ((1,), (0, 0), (0, 2)):
        writer, reader = setting.writer(), setting.reader()
        records = []
        for content in (b"zero", b"one", b"two"):
            writer.write(22, content)
            records.append(writer.take())
        reader.feed(b"".join(records[number] for number in order))
        with pytest.raises(BadRecordMac):
            everything(reader)


@of(ALL)
def test_a_full_record_is_the_longest(setting: Setting) -> None:
    """2^14 bytes of content fit; one more is refused though it authenticates (RFC 5246 §6.2.1)."""
    reader = setting.reader()
    reader.feed(record(setting, sealed_by_another(setting, bytes(MAX_PLAINTEXT))))
    assert reader.read() == (23, bytes(MAX_PLAINTEXT))
    reader = setting.reader()
    reader.feed(record(setting, sealed_by_another(setting, bytes(MAX_PLAINTEXT + 1))))
    assert reader.read_into(memoryview(bytearray(20_000))) == 0
    with pytest.raises(RecordOverflow):
        reader.read()


@of(ALL)
def test_a_fragment_over_the_limit_is_not_waited_for(setting: Setting) -> None:
    """TLSCiphertext.length "MUST NOT exceed 2^14 + 2048" (RFC 5246 §6.2.3): the header alone tells."""
    start = b"\x17" + setting.version.to_bytes(2)
    reader = setting.reader()
    reader.feed(start + (MAX_CIPHERTEXT_12 + 1).to_bytes(2))
    with pytest.raises(RecordOverflow) as caught:
        reader.read()
    assert caught.value.clause == "RFC 5246 §6.2.3"
    reader = setting.reader()
    reader.feed(start + MAX_CIPHERTEXT_12.to_bytes(2))
    assert reader.read() is None
    reader.feed(bytes(MAX_CIPHERTEXT_12))
    with pytest.raises(BadRecordMac):
        reader.read()


def test_a_record_in_the_clear_over_the_limit_is_not_waited_for() -> None:
    """TLSPlaintext.length "MUST NOT exceed 2^14" (RFC 5246 §6.2.1)."""
    reader = RecordReader()
    reader.enter_version(TLS11)
    reader.feed(b"\x16\x03\x02\x40\0" + bytes(MAX_PLAINTEXT) + b"\x16\x03\x02\x40\x01")
    assert reader.read() == (22, bytes(MAX_PLAINTEXT))
    with pytest.raises(RecordOverflow) as caught:
        reader.read()
    assert caught.value.clause == "RFC 5246 §6.2.1"


@pytest.mark.parametrize("content_type", [0, 19, 23, 24, 25, 26, 128, 255])
def test_types_of_no_use_are_refused(content_type: int) -> None:
    """An unexpected record type is answered with unexpected_message (RFC 5246 §6); data wants keys."""
    setting = Setting(NULL_SHA, TLS12)
    clear, sealed = RecordReader(), setting.reader()
    clear.enter_version(TLS12)
    for reader in (clear, sealed):
        reader.feed(record(setting, b"".join(setting.protection().seal(0, content_type, b"x")), content_type))
        if content_type == 23 and reader is sealed:
            assert reader.read() == (23, b"x")
            continue
        with pytest.raises(UnexpectedMessage) as caught:
            reader.read()
        assert caught.value.clause == "RFC 5246 §6"


@of(ALL)
def test_a_record_that_does_not_open_says_nothing_but_that(setting: Setting) -> None:
    """Bad padding, bad MAC, any length: one error with one text (RFC 5246 §7.2.2)."""
    texts = set()
    good = b"".join(setting.protection().seal(0, 23, bytes(100)))
    bad = [good[:length] for length in range(0, len(good), 5)]
    bad += [good[:-1] + bytes((good[-1] ^ 1,)), good[:-17] + bytes((good[-17] ^ 1,)) + good[-16:]]
    if setting.suite.cipher.kind == "block":
        iv = setting.iv or bytes(setting.suite.cipher.block_length)
        for extra in (1, 6):
            bad.append(seal_block(setting, 0, bytes(99), iv=iv, spoil_padding=True, extra_blocks=extra))
        if not setting.encrypt_then_mac:
            bad.append(seal_block(setting, 0, bytes(99), iv=iv, spoil_mac=True))
            bad.append(seal_block(setting, 0, bytes(99), iv=iv, spoil_mac=True, extra_blocks=3))
    for fragment in bad:
        reader = setting.reader()
        reader.feed(record(setting, fragment))
        with pytest.raises(PeerError) as caught:
            reader.read()
        assert type(caught.value) is BadRecordMac and isinstance(caught.value, RecordError)
        texts.add(str(caught.value))
    assert len(texts) == 1


@of(ALL)
def test_empty_application_data_is_given_out(setting: Setting) -> None:
    """ "Zero-length fragments of Application data MAY be sent" (RFC 5246 §6.2.1)."""
    writer, reader = setting.writer(), setting.reader()
    for content in (b"", b"data", b""):
        writer.write(23, content)
    reader.feed(writer.take())
    assert reader.read_into(memoryview(bytearray(100))) == 0
    contents = [content for _, content in everything(reader)]
    assert b"".join(contents) == b"data" and contents[0] == contents[-1] == b""


@of(AEADS)
def test_the_fast_path_fills_the_target(setting: Setting) -> None:
    """Whole records of application data are opened side by side, and what else there is stays for `read`."""
    writer, reader = setting.writer(), setting.reader()
    for content_type, content in ((23, b"one"), (23, b"two"), (23, bytes(50)), (21, b"\x01\0"), (23, b"end")):
        writer.write(content_type, content)
    data = writer.take()
    reader.feed(data[:-1])
    target = bytearray(20)
    assert reader.read_into(memoryview(target)) == 6
    assert target == b"onetwo" + bytes(14)
    assert reader.read() == (23, bytes(50))
    assert reader.read_into(memoryview(target)) == 0
    assert reader.read() == (21, b"\x01\0")
    assert reader.read_into(memoryview(target)) == 0
    reader.feed(data[-1:])
    assert reader.read_into(memoryview(target)) == 3
    assert reader.read() is None and reader.buffered == 0


@of(AEADS)
def test_the_fast_path_takes_a_full_record(setting: Setting) -> None:
    """A record of 2^14 bytes is opened in place, whatever its explicit nonce."""
    reader = setting.reader()
    reader.feed(record(setting, seal_aead(setting, 0, b"\x42" * MAX_PLAINTEXT)))
    target = bytearray(MAX_PLAINTEXT)
    assert reader.read_into(memoryview(target)) == MAX_PLAINTEXT
    assert target == b"\x42" * MAX_PLAINTEXT


@of(AEADS)
def test_the_fast_path_leaves_nothing_of_a_forgery(setting: Setting) -> None:
    """What does not authenticate is wiped from the target, and `read` says why; so with a wrong version."""
    good = record(setting, seal_aead(setting, 0, b"good"))
    forged = bytearray(good + record(setting, seal_aead(setting, 1, b"secret secret secret")))
    forged[-1] ^= 1
    reader, target = setting.reader(), bytearray(b"\xff" * 40)
    reader.feed(forged)
    assert reader.read_into(memoryview(target)) == 4
    assert target == b"good" + bytes(20) + b"\xff" * 16
    with pytest.raises(BadRecordMac):
        reader.read()
    reader = setting.reader()
    reader.feed(b"\x17\x03\x02" + good[3:])
    assert reader.read_into(memoryview(target)) == 0
    with pytest.raises(UnsupportedVersion):
        reader.read()


@of(AEADS)
@pytest.mark.parametrize("length", [0, 1, 7, 8, 15, 16, 23, 24])
def test_the_fast_path_leaves_what_is_too_short(setting: Setting, length: int) -> None:
    """A fragment without room for content is left for `read`."""
    reader = setting.reader()
    reader.feed(record(setting, bytes(length)))
    assert reader.read_into(memoryview(bytearray(100))) == 0
    with pytest.raises(BadRecordMac):
        reader.read()


def test_the_fast_path_is_for_aeads() -> None:
    """A record that must be looked at as a whole is left for `read`, and so is one before keys."""
    setting, target = Setting(CBC_SHA, TLS12), memoryview(bytearray(100))
    writer, reader, clear = setting.writer(), setting.reader(), RecordReader()
    writer.write(23, b"data")
    reader.feed(writer.take())
    assert reader.read_into(target) == 0 and reader.read() == (23, b"data")
    clear.enter_version(TLS12)
    clear.feed(b"\x17\x03\x03\0\x01x")
    assert clear.read_into(target) == 0


def test_dropped_keys_are_gone() -> None:
    """After the end nothing is protected and nothing buffered remains."""
    setting = Setting(GCM, TLS12)
    writer, reader = setting.writer(), setting.reader()
    reader.feed(b"\x17\x03\x03")
    for end in (writer, reader):
        assert end.protected
        end.drop_keys()
        assert not end.protected
    assert reader.buffered == 0 and writer.record_limit == 0


@pytest.mark.parametrize("size", [10, 985, 995, 1007, 1008, 1024, 20_000])
def test_pieces_join_to_the_same_bytes(size: int) -> None:
    """Large records come as pieces that need not be joined, and joined they are what take gives."""
    for setting in (Setting(GCM, TLS12), Setting(CBC_SHA, TLS12)):
        one, two = setting.writer(), setting.writer()
        for writer in (one, two):
            writer.write(23, bytes(size))
        assert b"".join(one.chunks()) == two.take()


def test_records_are_traced_with_their_content() -> None:
    """The tracer sees type and length of the content, in both directions."""
    tape = Recorder()
    setting = Setting(CBC_SHA, TLS10)
    writer, reader = RecordWriter(trace=tape), RecordReader(tape)
    for end in (writer, reader):
        end.enter_version(TLS10)
    writer.write(20, b"\x01")
    reader.feed(writer.take())
    reader.read()
    writer.install_protection(setting.protection())
    reader.install_protection(setting.protection())
    writer.write(23, b"data")
    reader.feed(writer.take())
    everything(reader)
    assert [
        (entry.direction, entry.content_type, entry.length, entry.protected)
        for entry in tape.entries
        if isinstance(entry, RecordTraced)
    ] == [
        ("sent", 20, 1, False), ("received", 20, 1, False), ("sent", 23, 1, True), ("sent", 23, 3, True),
        ("received", 23, 1, True), ("received", 23, 3, True),
    ]  # fmt: skip
