"""The client's reading of a ServerHello before TLS 1.3: what was chosen, and whether we offered it."""

from __future__ import annotations

from hmac import compare_digest

from lucidtls.config import UNCOMPRESSED
from lucidtls.crypto.suites12 import CipherSuite12
from lucidtls.errors import IllegalParameter, NegotiationFailure
from lucidtls.handshake.exchange12 import METHODS, Terms
from lucidtls.handshake.offer import ClientHandshake
from lucidtls.handshake.resume_client12 import accept_resumption
from lucidtls.wire.codepoints import CIPHER_SUITES, name_of
from lucidtls.wire.extensions import Extensions, check_solicited, sh12
from lucidtls.wire.hello import ServerHello
from lucidtls.wire.versions import VERSION_NAMES


def accept_server_hello(hs: ClientHandshake, hello: ServerHello) -> Terms:
    """Check the ServerHello against our offer; returns what both sides have settled (RFC 5246 §7.4.1.3)."""
    extensions = hello.extensions
    suite = accept_suite(hs, hello)
    check_solicited(extensions, hs.offered)
    if hello.legacy_compression_method != 0:
        raise IllegalParameter("the server chose compression", clause="RFC 5246 §7.4.1.3")
    resumed = accept_resumption(hs, hello)
    formats = extensions.get(sh12.EC_POINT_FORMATS)
    if formats is not None and UNCOMPRESSED not in formats:
        raise IllegalParameter("the server cannot read uncompressed points", clause="RFC 8422 §5.2")
    accept_alpn(hs, extensions)
    return Terms(
        version=hello.legacy_version,
        suite=suite,
        client_random=hs.hello.random,
        server_random=hello.random,
        extended_master_secret=accept_extended_master_secret(hs, extensions),
        encrypt_then_mac=accept_encrypt_then_mac(hs, suite, extensions),
        secure_renegotiation=accept_renegotiation_info(hs, extensions),
        ticket=sh12.SESSION_TICKET in extensions,
        # "Servers return a certificate response along with their certificate" (RFC 6066 §8).
        status=sh12.STATUS_REQUEST in extensions and METHODS[suite.key_exchange].certificate,
        session_id=hello.legacy_session_id_echo,
        resumed=resumed,
    )


def accept_suite(hs: ClientHandshake, hello: ServerHello) -> CipherSuite12:
    """The suite chosen, if we offered it and the version has it.

    Export-grade and anonymous suites are among those nobody here offers unasked (FREAK, CVE-2015-0204).
    """
    version = VERSION_NAMES[hello.legacy_version]
    for suite in hs.config.algorithms.older_suites:
        if suite.code == hello.cipher_suite and version in suite.versions:
            return suite
    raise IllegalParameter(
        f"the server chose a cipher suite that we did not offer for {version}",
        cipher_suite=name_of(CIPHER_SUITES, hello.cipher_suite),
        clause="RFC 5246 §7.4.1.3",
    )


def accept_alpn(hs: ClientHandshake, extensions: Extensions) -> None:
    """Note the application protocol."""
    protocols = extensions.get(sh12.ALPN)
    if protocols is not None:
        if protocols[0] not in hs.config.alpn_protocols:
            raise IllegalParameter(
                "the server chose a protocol we did not offer", protocol=protocols[0], clause="RFC 7301 §3.1"
            )
        hs.alpn = protocols[0]
    before = hs.renegotiation
    if before is not None and hs.alpn != before.alpn:
        # The application goes on speaking what it began with (RFC 7301 §3.2: once chosen, definitive).
        raise IllegalParameter(
            "the server changes the protocol in a renegotiation", protocol=hs.alpn, clause="RFC 7301 §3.2"
        )


def accept_extended_master_secret(hs: ClientHandshake, extensions: Extensions) -> bool:
    """Whether the main secret is bound to the handshake (RFC 7627 §5.2)."""
    agreed = sh12.EXTENDED_MASTER_SECRET in extensions
    before = hs.renegotiation
    if before is not None and before.extended_master_secret and not agreed:
        raise NegotiationFailure(
            "the server drops the extended main secret in a renegotiation", clause="RFC 7627 §5.2"
        )
    if not agreed and hs.config.master_secret_mode == "require":
        raise NegotiationFailure(
            "the server does not know the extended main secret, which this client requires",
            clause="RFC 7627 §5.2",
        )
    return agreed


def accept_encrypt_then_mac(hs: ClientHandshake, suite: CipherSuite12, extensions: Extensions) -> bool:
    """Whether a CBC suite's MAC goes over the ciphertext (RFC 7366 §3)."""
    agreed = sh12.ENCRYPT_THEN_MAC in extensions
    if agreed and suite.cipher.kind != "block":
        # A server that selects another cipher "MUST NOT send an encrypt-then-MAC response" (RFC 7366 §3).
        raise IllegalParameter(
            "the server answers encrypt_then_mac with a cipher that has no use for it", clause="RFC 7366 §3"
        )
    before = hs.renegotiation
    required = hs.config.mac_mode == "require" or (before is not None and before.encrypt_then_mac)
    if not agreed and suite.cipher.kind == "block" and required:
        # "implementations MUST NOT renegotiate a downgrade from encrypt-then-MAC to MAC-then-encrypt"
        # (RFC 7366 §3.1)
        raise NegotiationFailure(
            "the server chose CBC without encrypt_then_mac, which is required here", clause="RFC 7366 §3.1"
        )
    return agreed


def accept_renegotiation_info(hs: ClientHandshake, extensions: Extensions) -> bool:
    """Check that this handshake belongs to this connection (RFC 5746 §3.4, §3.5)."""
    info = extensions.get(sh12.RENEGOTIATION_INFO)
    before = hs.renegotiation
    if info is None:
        if before is not None or hs.config.needs_secure_renegotiation:
            raise NegotiationFailure(
                "the server does not know secure renegotiation, which this client requires",
                clause="RFC 5746 §4.1" if before is None else "RFC 5746 §3.5",
            )
        return False
    expected = b"" if before is None else before.client_verify_data + before.server_verify_data
    # "The client MUST then verify that the length of the "renegotiated_connection" field is zero, and if it
    # is not, MUST abort the handshake (by sending a fatal handshake_failure alert)." (RFC 5746 §3.4)
    if not compare_digest(info, expected):
        raise NegotiationFailure(
            "the server's renegotiation_info belongs to another connection",
            clause="RFC 5746 §3.4" if before is None else "RFC 5746 §3.5",
        )
    return True
