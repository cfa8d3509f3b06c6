"""The values of extensions: their types, and the readers and writers that the forms share.

A reader here gets a `Reader` on exactly the extension's body and need not finish it: whoever made it
does. Writers are plain functions from the value to the body.
"""

from __future__ import annotations

from collections.abc import Iterable
from struct import pack
from typing import Literal, NamedTuple

from lucidtls.errors import IllegalParameter
from lucidtls.wire.codec import (
    Reader,
    numbers8,
    pairs8,
    pairs16,
    tagged16,
    u8,
    u16,
    u32,
    vector8,
    vector16,
    vector24,
)

HOST_NAME = 0
OCSP = 1

# A DNS name has at most 255 bytes (RFC 1035 §2.3.4), so a longer one names nothing.
MAX_HOST_NAME = 255
_VISIBLE = bytes(range(0x21, 0x7F))


class KeyShareEntry(NamedTuple):
    """struct { NamedGroup group; opaque key_exchange<1..2^16-1>; } (RFC 9846 §4.3.8)."""

    group: int
    key_exchange: bytes


class PskIdentity(NamedTuple):
    """struct { opaque identity<1..2^16-1>; uint32 obfuscated_ticket_age; } (RFC 9846 §4.3.11)."""

    identity: bytes
    obfuscated_ticket_age: int


class OfferedPsks(NamedTuple):
    """The client's offer of keys (RFC 9846 §4.3.11).

    struct {
        PskIdentity identities<7..2^16-1>;
        PskBinderEntry binders<33..2^16-1>;
    } OfferedPsks;
    """

    identities: tuple[PskIdentity, ...]
    binders: tuple[bytes, ...]

    @property
    def binders_length(self) -> int:
        """How many bytes Truncate cuts off: the binders list with its length (RFC 9846 §4.3.11.2)."""
        return 2 + sum(1 + len(binder) for binder in self.binders)


class StatusRequest(NamedTuple):
    """struct { CertificateStatusType status_type; OCSPStatusRequest request; } (RFC 6066 §8).

    For a status type other than OCSP, `request_extensions` is the whole request, undecoded.
    """

    status_type: int = OCSP
    responder_ids: tuple[bytes, ...] = ()
    request_extensions: bytes = b""


class OIDFilter(NamedTuple):
    """struct { opaque oid<1..2^8-1>; opaque values<0..2^16-1>; }, both DER (RFC 9846 §4.3.5)."""

    oid: bytes
    values: bytes


class TicketRequest(NamedTuple):
    """struct { uint8 new_session_count; uint8 resumption_count; } (RFC 9149 §3)."""

    new_session_count: int
    resumption_count: int


# Shapes that several extensions have.


def read_marker(reader: Reader) -> Literal[True]:
    """Read nothing: the extension's presence is its value, and finishing the reader checks the emptiness."""
    return True


def write_marker(value: bool) -> bytes:
    """Return the empty body."""
    return b""


def read_opaque(reader: Reader) -> bytes:
    """Read the whole body as it is."""
    return reader.rest("data")


def write_opaque(value: bytes) -> bytes:
    """Return the body as it is."""
    return value


def read_u8(reader: Reader) -> int:
    """Read a body of one byte."""
    return reader.u8("value")


def read_u16(reader: Reader) -> int:
    """Read a body of two bytes."""
    return reader.u16("value")


def read_u32(reader: Reader) -> int:
    """Read a body of four bytes."""
    return reader.u32("value")


write_u8 = u8
write_u16 = u16
write_u32 = u32


def read_u8_list(reader: Reader) -> tuple[int, ...]:
    """Read a list <1..2^8-1> of one-byte codes."""
    return reader.numbers8("list", 1)


write_u8_list = numbers8


def read_u16_list(reader: Reader) -> tuple[int, ...]:
    """Read a list <2..2^16-2> of two-byte codes."""
    return reader.pairs16("list", 2)


write_u16_list = pairs16


# server_name (RFC 6066 §3)


def read_server_name(reader: Reader) -> str:
    """Read ServerNameList<1..2^16-1> and return its host name, "" if all names are of other types."""
    names = reader.whole16("server_name_list", 1)
    host_name = ""
    while names.position < names.end:
        name_type = names.u8("name_type")
        name = names.vector16("name", 1)
        if name_type != HOST_NAME:
            continue
        if host_name:
            # "The ServerNameList MUST NOT contain more than one name of the same name_type."
            raise IllegalParameter("server_name has two host names", clause="RFC 6066 §3")
        if len(name) > MAX_HOST_NAME or name.translate(None, _VISIBLE):
            # "represented as a byte string using ASCII encoding"
            raise IllegalParameter("server_name names no host", clause="RFC 6066 §3", name=name[:64])
        host_name = name.decode("ascii")
    return host_name


def write_server_name(name: str) -> bytes:
    """Return a ServerNameList of one host name, which must be in A-label form."""
    host_name = name.encode("ascii")
    return pack(">HBH", len(host_name) + 3, HOST_NAME, len(host_name)) + host_name


# application_layer_protocol_negotiation (RFC 7301 §3.1)


def read_protocol_names(reader: Reader) -> tuple[bytes, ...]:
    """Read ProtocolNameList<2..2^16-1> of ProtocolName<1..2^8-1>."""
    names = reader.whole16("protocol_name_list", 2)
    protocols = []
    while names.position < names.end:
        protocols.append(names.vector8("protocol_name", 1))
    return tuple(protocols)


def write_protocol_names(names: Iterable[bytes]) -> bytes:
    """Return a ProtocolNameList."""
    return vector16(b"".join([vector8(name) for name in names]))


def read_chosen_protocol(reader: Reader) -> tuple[bytes, ...]:
    """Read the server's answer, a list of one.

    "The "ProtocolNameList" MUST contain exactly one "ProtocolName"." (RFC 7301 §3.1)
    """
    names = read_protocol_names(reader)
    if len(names) != 1:
        raise reader.refuse("the server must choose exactly one protocol", chosen=names)
    return names


# supported_versions (RFC 9846 §4.3.1)


def read_versions(reader: Reader) -> tuple[int, ...]:
    """Read versions<2..254>."""
    return reader.pairs8("versions", 2, 254)


write_versions = pairs8


# key_share (RFC 9846 §4.3.8)


def read_key_share_entry(reader: Reader) -> KeyShareEntry:
    """Read one KeyShareEntry."""
    return KeyShareEntry(reader.u16("group"), reader.vector16("key_exchange", 1))


def read_key_shares(reader: Reader) -> tuple[KeyShareEntry, ...]:
    """Read client_shares<0..2^16-1>, which "MAY be empty if the client is requesting a HelloRetryRequest"."""
    shares = reader.whole16("client_shares")
    data = shares.data
    return tuple(
        [
            KeyShareEntry(group, data[start:end])
            for group, start, end in shares.tagged16("group", "key_exchange", 1)
        ]
    )


def write_key_share_entry(share: KeyShareEntry) -> bytes:
    """Return one KeyShareEntry."""
    return tagged16(share.group, share.key_exchange)


def write_key_shares(shares: Iterable[KeyShareEntry]) -> bytes:
    """Return a KeyShareClientHello."""
    return vector16(b"".join([tagged16(share.group, share.key_exchange) for share in shares]))


# pre_shared_key (RFC 9846 §4.3.11)


def read_offered_psks(reader: Reader) -> OfferedPsks:
    """Read OfferedPsks; there must be one binder, 32 bytes or longer, for each identity."""
    listed = reader.reader16("identities", 7)
    identities = []
    while listed.position < listed.end:
        identity = listed.vector16("identity", 1)
        identities.append(PskIdentity(identity, listed.u32("obfuscated_ticket_age")))
    listed.finish()
    listed = reader.reader16("binders", 33)
    binders = []
    while listed.position < listed.end:
        binders.append(listed.vector8("binder", 32))
    listed.finish()
    if len(binders) != len(identities):
        # "binders: A series of HMAC values, one for each value in the identities list"
        raise IllegalParameter(
            "not one binder for each identity",
            clause="RFC 9846 §4.3.11",
            identities=len(identities),
            binders=len(binders),
        )
    return OfferedPsks(tuple(identities), tuple(binders))


def write_offered_psks(psks: OfferedPsks) -> bytes:
    """Return OfferedPsks; the binders are the last `psks.binders_length` bytes."""
    identities = b"".join(
        [vector16(row.identity) + u32(row.obfuscated_ticket_age) for row in psks.identities]
    )
    return vector16(identities) + vector16(b"".join([vector8(binder) for binder in psks.binders]))


# cookie (RFC 9846 §4.3.2)


def read_cookie(reader: Reader) -> bytes:
    """Read cookie<1..2^16-1>."""
    return reader.vector16("cookie", 1)


write_cookie = vector16


# certificate_authorities (RFC 9846 §4.3.4) and oid_filters (§4.3.5)


def read_authorities(reader: Reader) -> tuple[bytes, ...]:
    """Read authorities<3..2^16-1> of DistinguishedName<1..2^16-1>, DER."""
    return read_opaques(reader, "authorities", 3)


def read_opaques(reader: Reader, field: str, minimum: int) -> tuple[bytes, ...]:
    """Read a list of opaque<1..2^16-1>."""
    entries = reader.reader16(field, minimum)
    items = []
    while entries.position < entries.end:
        items.append(entries.vector16("entry", 1))
    entries.finish()
    return tuple(items)


def write_opaques(items: Iterable[bytes]) -> bytes:
    """Return a list of opaque<1..2^16-1>."""
    return vector16(b"".join([vector16(item) for item in items]))


def read_oid_filters(reader: Reader) -> tuple[OIDFilter, ...]:
    """Read filters<0..2^16-1>."""
    listed = reader.reader16("filters")
    filters: dict[bytes, OIDFilter] = {}
    while listed.position < listed.end:
        oid = listed.vector8("certificate_extension_oid", 1)
        if oid in filters:
            # "Any given OID MUST NOT appear more than once in the filters list."
            raise IllegalParameter("oid_filters has an OID twice", clause="RFC 9846 §4.3.5", oid=oid)
        filters[oid] = OIDFilter(oid, listed.vector16("certificate_extension_values"))
    listed.finish()
    return tuple(filters.values())


def write_oid_filters(filters: Iterable[OIDFilter]) -> bytes:
    """Return an OIDFilterExtension."""
    return vector16(b"".join([vector8(row.oid) + vector16(row.values) for row in filters]))


# status_request (RFC 6066 §8, RFC 9846 §4.5.1.1) and signed_certificate_timestamp (RFC 6962 §3.3)


def read_status_request(reader: Reader) -> StatusRequest:
    """Read a CertificateStatusRequest; one of an unknown type is kept, not refused."""
    status_type = reader.u8("status_type")
    if status_type != OCSP:
        return StatusRequest(status_type, (), reader.rest("request"))
    responder_ids = read_opaques(reader, "responder_id_list", 0)
    return StatusRequest(OCSP, responder_ids, reader.vector16("request_extensions"))


def write_status_request(request: StatusRequest) -> bytes:
    """Return a CertificateStatusRequest."""
    if request.status_type != OCSP:
        return u8(request.status_type) + request.request_extensions
    responder_ids = write_opaques(request.responder_ids) if request.responder_ids else b"\0\0"
    return b"\x01" + responder_ids + vector16(request.request_extensions)


def read_certificate_status(reader: Reader) -> bytes:
    """Read a CertificateStatus and return its OCSPResponse<1..2^24-1>, DER."""
    status_type = reader.u8("status_type")
    if status_type != OCSP:
        raise IllegalParameter(
            "a certificate status of a type that was not asked for",
            clause="RFC 9846 §4.5.1.1",
            status_type=status_type,
        )
    return reader.vector24("response", 1)


def write_certificate_status(response: bytes) -> bytes:
    """Return a CertificateStatus with an OCSP response."""
    return u8(OCSP) + vector24(response)


def read_timestamps(reader: Reader) -> tuple[bytes, ...]:
    """Read SignedCertificateTimestampList: sct_list<1..2^16-1> of SerializedSCT<1..2^16-1>.

    It stands beside a certificate in TLS 1.3, in the ServerHello before (RFC 6962 §3.3.1).
    """
    return read_opaques(reader, "sct_list", 1)


# Limits and the rest.


def read_record_size_limit(reader: Reader) -> int:
    """Read RecordSizeLimit, 64 or more; the upper bound depends on the version and is not checked here."""
    limit = reader.u16("record_size_limit")
    if limit < 64:
        # "An endpoint MUST treat receipt of a smaller value as a fatal error and generate an
        # "illegal_parameter" alert."
        raise IllegalParameter("record_size_limit is under 64", clause="RFC 8449 §4", limit=limit)
    return limit


def read_max_fragment_length(reader: Reader) -> int:
    """Read MaxFragmentLength: 1 to 4 for 2^9 to 2^12 bytes."""
    code = reader.u8("max_fragment_length")
    if not 1 <= code <= 4:
        # "If a server receives a maximum fragment length negotiation request for a value other than
        # the allowed values, it MUST abort the handshake with an "illegal_parameter" alert."
        raise IllegalParameter("max_fragment_length is none of 1 to 4", clause="RFC 6066 §4", value=code)
    return code


def read_padding(reader: Reader) -> int:
    """Read zeros and return how many."""
    padding = reader.rest("padding")
    if padding.count(0) != len(padding):
        # "The client MUST fill the padding extension completely with zero bytes"
        raise IllegalParameter("padding has a byte that is not zero", clause="RFC 7685 §3")
    return len(padding)


def write_padding(length: int) -> bytes:
    """Return that many zeros."""
    return bytes(length)


def read_renegotiated_connection(reader: Reader) -> bytes:
    """Read renegotiated_connection<0..255>: the verify_data of one Finished, or of both (RFC 5746 §3.2)."""
    return reader.vector8("renegotiated_connection")


write_renegotiated_connection = vector8


def read_compression_algorithms(reader: Reader) -> tuple[int, ...]:
    """Read algorithms<2..2^8-2> (RFC 8879 §3)."""
    return reader.pairs8("algorithms", 2, 254)


write_compression_algorithms = pairs8


def read_ticket_request(reader: Reader) -> TicketRequest:
    """Read ClientTicketRequest."""
    return TicketRequest(reader.u8("new_session_count"), reader.u8("resumption_count"))


def write_ticket_request(request: TicketRequest) -> bytes:
    """Return a ClientTicketRequest."""
    return u8(request.new_session_count) + u8(request.resumption_count)
