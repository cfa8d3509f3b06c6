"""Bodies of extensions that do not parse, or say what may not be said, in every message that carries them."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

from lucidtls.errors import DecodeError, IllegalParameter, PeerError
from lucidtls.wire.messages13 import Certificate, CertificateEntry
from tests.conformance.attacks.after import ticket
from tests.conformance.refusal import refused
from tests.flows.hostile import HostileClient, HostileServer, Peer, extensions, with_extension
from tests.flows.parties import leaf


def in_client_hello(code: int, body: bytes) -> Peer:
    """Send a ClientHello with this extension, last of all."""
    peer = HostileClient()
    hello = peer.client_hello()
    hello.extensions = with_extension(hello.extensions, code, body)
    return peer.send_hello(hello)


def in_certificate_request(code: int, body: bytes) -> Peer:
    """Send a CertificateRequest with this extension."""
    peer = HostileServer.at("WAIT_CERT_CR")
    return peer.send(peer.certificate_request((13, b"\0\x02\x04\x03"), (code, body)))


def in_certificate(code: int, body: bytes) -> Peer:
    """Send a certificate with this extension."""
    peer = HostileServer.at("WAIT_CERT_CR")
    block = extensions("Certificate", (code, body))
    return peer.send(Certificate(b"", (CertificateEntry(leaf().der, block),)))


def in_encrypted_extensions(code: int, body: bytes) -> Peer:
    """Send EncryptedExtensions with this extension."""
    peer = HostileServer.at("WAIT_EE")
    return peer.send(peer.encrypted_extensions((code, body)))


def in_ticket(code: int, body: bytes) -> Peer:
    """Send a ticket with this extension."""
    return HostileServer.at("CONNECTED").send_post(ticket((code, body)))


Place = Callable[[int, bytes], Peer]
CH, CR, CT, EE, NST = (
    in_client_hello,
    in_certificate_request,
    in_certificate,
    in_encrypted_extensions,
    in_ticket,
)

_DECODE = DecodeError
_ILLEGAL = IllegalParameter

# place, name, code, body in hex, error, clause
_ROWS: tuple[tuple[Place, str, int, str, type[PeerError], str], ...] = (
    (CH, "server_name_empty_list", 0, "0000", _DECODE, "RFC 6066 §3"),
    (CH, "server_name_empty", 0, "", _DECODE, "RFC 6066 §3"),
    (CH, "server_name_of_no_bytes", 0, "0003 00 0000", _DECODE, "RFC 6066 §3"),
    (CH, "server_name_twice", 0, "0008 00 0001 61 00 0001 62", _ILLEGAL, "RFC 6066 §3"),
    (CH, "server_name_with_a_null", 0, "0006 00 0003 610062", _ILLEGAL, "RFC 6066 §3"),
    (CH, "server_name_not_ascii", 0, "0005 00 0002 c3a4", _ILLEGAL, "RFC 6066 §3"),
    (CH, "server_name_with_a_space", 0, "0006 00 0003 612062", _ILLEGAL, "RFC 6066 §3"),
    (CH, "server_name_of_300_bytes", 0, "012f 00 012c" + "61" * 300, _ILLEGAL, "RFC 6066 §3"),
    (CH, "server_name_left_over", 0, "0004 00 0001 61 00", _DECODE, "RFC 6066 §3"),
    (CH, "max_fragment_length_0", 1, "00", _ILLEGAL, "RFC 6066 §4"),
    (CH, "max_fragment_length_5", 1, "05", _ILLEGAL, "RFC 6066 §4"),
    (CH, "max_fragment_length_empty", 1, "", _DECODE, "RFC 6066 §4"),
    (EE, "max_fragment_length_0", 1, "00", _ILLEGAL, "RFC 6066 §4"),
    (CH, "status_request_cut", 5, "01 0000 00", _DECODE, "RFC 6066 §8"),
    (CH, "supported_groups_empty", 10, "0000", _DECODE, "RFC 9846 §4.3.7"),
    (CH, "supported_groups_odd", 10, "0003 001d00", _DECODE, "RFC 9846 §4.3.7"),
    (CH, "supported_groups_cut", 10, "0004 001d", _DECODE, "RFC 9846 §4.3.7"),
    (CH, "supported_groups_left_over", 10, "0002 001d 00", _DECODE, "RFC 9846 §4.3.7"),
    (CH, "ec_point_formats_empty", 11, "00", _DECODE, "RFC 8422 §5.1.2"),
    (CH, "signature_algorithms_empty", 13, "0000", _DECODE, "RFC 9846 §4.3.3"),
    (CH, "signature_algorithms_odd", 13, "0003 040308", _DECODE, "RFC 9846 §4.3.3"),
    (CH, "signature_algorithms_cert_odd", 50, "0001 04", _DECODE, "RFC 9846 §4.3.3"),
    (CH, "alpn_empty", 16, "0000", _DECODE, "RFC 7301 §3.1"),
    (CH, "alpn_empty_name", 16, "0004 00 02 6832", _DECODE, "RFC 7301 §3.1"),
    (CH, "alpn_cut", 16, "0003 03 6832", _DECODE, "RFC 7301 §3.1"),
    (CH, "signed_certificate_timestamp_with_a_body", 18, "00", _DECODE, "RFC 6962 §3.3.1"),
    (CH, "padding_that_is_not_zero", 21, "000001", _ILLEGAL, "RFC 7685 §3"),
    (CH, "encrypt_then_mac_with_a_body", 22, "00", _DECODE, "RFC 7366 §2"),
    (CH, "extended_master_secret_with_a_body", 23, "00", _DECODE, "RFC 7627 §5.1"),
    (CH, "compress_certificate_odd", 27, "03 000200", _DECODE, "RFC 8879 §3"),
    (CH, "record_size_limit_of_63", 28, "003f", _ILLEGAL, "RFC 8449 §4"),
    (CH, "record_size_limit_of_one_byte", 28, "40", _DECODE, "RFC 8449 §4"),
    (CH, "psk_without_identities", 41, "0000 0021 20" + "00" * 32, _DECODE, "RFC 9846 §4.3.11"),
    (CH, "psk_with_an_empty_identity", 41, "0007 0000 00000000 00", _DECODE, "RFC 9846 §4.3.11"),
    (
        CH,
        "psk_with_a_short_binder",
        41,
        "0007 0001 61 00000000 0021 1f" + "00" * 32,
        _DECODE,
        "RFC 9846 §4.3.11",
    ),
    (CH, "psk_without_binders", 41, "0007 0001 61 00000000", _DECODE, "RFC 9846 §4.3.11"),
    (
        CH,
        "psk_with_two_binders",
        41,
        "0007 0001 61 00000000 0042" + ("20" + "00" * 32) * 2,
        _ILLEGAL,
        "RFC 9846 §4.3.11",
    ),
    (
        CH,
        "psk_with_an_age_cut_short",
        41,
        "0007 0002 6161 000000" + "0021 20" + "00" * 32,
        _DECODE,
        "RFC 9846 §4.3.11",
    ),
    (CH, "early_data_with_a_body", 42, "00000000", _DECODE, "RFC 9846 §4.3.10"),
    (CH, "supported_versions_empty", 43, "00", _DECODE, "RFC 9846 §4.3.1"),
    (CH, "supported_versions_odd", 43, "03 030403", _DECODE, "RFC 9846 §4.3.1"),
    (CH, "supported_versions_of_one", 43, "0304", _DECODE, "RFC 9846 §4.3.1"),
    (CH, "supported_versions_of_no_bytes", 43, "", _DECODE, "RFC 9846 §4.3.1"),
    (CH, "cookie_empty", 44, "0000", _DECODE, "RFC 9846 §4.3.2"),
    (CH, "psk_key_exchange_modes_empty", 45, "00", _DECODE, "RFC 9846 §4.3.9"),
    (CH, "certificate_authorities_empty", 47, "0000", _DECODE, "RFC 9846 §4.3.4"),
    (CH, "certificate_authorities_with_an_empty_name", 47, "0004 0000 0000", _DECODE, "RFC 9846 §4.3.4"),
    (CH, "post_handshake_auth_with_a_body", 49, "00", _DECODE, "RFC 9846 §4.3.6"),
    (CH, "key_share_cut", 51, "0005 001d 0020 00", _DECODE, "RFC 9846 §4.3.8"),
    (CH, "key_share_empty_entry", 51, "0004 001d 0000", _DECODE, "RFC 9846 §4.3.8"),
    (CH, "key_share_cut_in_its_head", 51, "0003 001d 00", _DECODE, "RFC 9846 §4.3.8"),
    (CH, "key_share_left_over", 51, "0000 00", _DECODE, "RFC 9846 §4.3.8"),
    (CH, "key_share_of_one_byte", 51, "00", _DECODE, "RFC 9846 §4.3.8"),
    (CH, "renegotiation_info_left_over", 0xFF01, "00 00", _DECODE, "RFC 5746 §3.2"),
    (CH, "ticket_request_cut", 58, "01", _DECODE, "RFC 9149 §3"),
    (CR, "oid_filters_twice", 48, "0008 01 61 0000 01 61 0000", _ILLEGAL, "RFC 9846 §4.3.5"),
    (CR, "oid_filters_empty_oid", 48, "0003 00 0000", _DECODE, "RFC 9846 §4.3.5"),
    (CR, "status_request_with_a_body", 5, "01", _DECODE, "RFC 9846 §4.5.1.1"),
    (CR, "certificate_authorities_cut", 47, "0005 0004 616161", _DECODE, "RFC 9846 §4.3.4"),
    (CT, "status_of_another_type", 5, "02 000001 61", _ILLEGAL, "RFC 9846 §4.5.1.1"),
    (CT, "status_without_a_response", 5, "01 000000", _DECODE, "RFC 9846 §4.5.1.1"),
    (CT, "status_cut", 5, "01 000002 61", _DECODE, "RFC 9846 §4.5.1.1"),
    (CT, "timestamps_empty", 18, "0000", _DECODE, "RFC 6962 §3.3"),
    (EE, "record_size_limit_of_63", 28, "003f", _ILLEGAL, "RFC 8449 §4"),
    (EE, "supported_groups_odd", 10, "0001 00", _DECODE, "RFC 9846 §4.3.7"),
    (NST, "early_data_of_five_bytes", 42, "0000000000", _DECODE, "RFC 9846 §4.3.10"),
)

for _place, _name, _code, _body, _error, _clause in _ROWS:
    refused(f"{_place.__name__}_{_name}", _error, _clause, partial(_place, _code, bytes.fromhex(_body)))
