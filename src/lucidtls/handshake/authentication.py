"""Certificate, CertificateVerify and Finished: the messages in which a side proves who it is (RFC 9846 §4.5).

Both roles make and check them in the same way; only names, contexts and secrets differ.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from typing import Final

from lucidtls.config import ClientConfig, ServerConfig
from lucidtls.crypto.signatures import SIGNATURE_SCHEMES
from lucidtls.errors import BadSignature, DecodeError, IllegalParameter, InternalError
from lucidtls.events import ACCEPTED, SignatureWanted, VerificationWanted
from lucidtls.handshake.channel import Channel
from lucidtls.trust.certificate import leaf_public_key
from lucidtls.trust.credentials import Credential, is_private_key
from lucidtls.trust.names import ReferenceName
from lucidtls.trust.verify import VerificationRequest, VerifiedChain
from lucidtls.wire.codepoints import SIGNATURE_SCHEMES as SCHEME_NAMES
from lucidtls.wire.codepoints import name_of
from lucidtls.wire.extensions import Extensions, check_solicited, ct
from lucidtls.wire.messages13 import Certificate, CertificateEntry, CertificateVerify

SERVER_CONTEXT: Final = b"TLS 1.3, server CertificateVerify"
CLIENT_CONTEXT: Final = b"TLS 1.3, client CertificateVerify"

_NO_EXTENSIONS: Final = Extensions.build("Certificate", ())


@dataclass(slots=True)
class PeerIdentity:
    """Proof that the peer holds the key of a certificate, or of a session in which it did, and its chain."""

    chain: tuple[bytes, ...]
    verified: VerifiedChain | None
    signature_scheme: str | None
    ocsp_response: bytes | None = None


def signed_content(context: bytes, transcript_hash: bytes) -> bytes:
    """What a CertificateVerify signs: 64 spaces, context, a zero byte, the hash (RFC 9846 §4.5.2)."""
    return b" " * 64 + context + b"\0" + transcript_hash


def send_certificate(
    channel: Channel, credential: Credential, request_context: bytes = b"", *, staple: bool = False
) -> None:
    """Send a chain, leaf first; with `staple`, the leaf's OCSP response goes along (RFC 9846 §4.5.1.1)."""
    entries = tuple(CertificateEntry(der, _NO_EXTENSIONS) for der in credential.chain)
    if staple and credential.ocsp_response is not None:
        entries[0].extensions = Extensions.build(
            "Certificate", ((ct.STATUS_REQUEST, credential.ocsp_response),)
        )
    channel.send(Certificate(request_context, entries))


async def send_certificate_verify(
    channel: Channel, credential: Credential, scheme: int, context: bytes
) -> None:
    """Sign the transcript up to our Certificate and send the signature."""
    content = signed_content(context, channel.transcript.digest())
    signature = await SignatureWanted(scheme, content, credential)
    check_own_signature(credential, scheme, signature, content)
    channel.send(CertificateVerify(scheme, signature))


def check_own_signature(credential: Credential, scheme: int, signature: bytes, content: bytes) -> None:
    """Verify a signature that was made elsewhere, before the peer does; raises InternalError.

    It tells a signer with the wrong key here and now, and no faulty signature leaves the house
    (RFC 9846 Appendix C.3). The library's own signatures are checked by the library.
    """
    if is_private_key(credential.key):
        return
    try:
        SIGNATURE_SCHEMES[scheme].verify(credential.public_key, bytes(signature), content)
    except BadSignature:
        raise InternalError("the signer's signature does not fit the certificate's key") from None


def accept_chain(message: Certificate, requested: Collection[int]) -> tuple[bytes, ...]:
    """Check a Certificate message's form and return its certificates (DER, leaf first; may be empty).

    `requested` are the extensions that may be answered in its entries.
    """
    if message.context:
        # "Otherwise (in the case of server authentication), this field SHALL be zero length."; a request in
        # the main handshake has an empty context too (RFC 9846 §4.4.2).
        raise IllegalParameter(
            "the Certificate answers a request that was never made", clause="RFC 9846 §4.5.1"
        )
    for entry in message.entries:
        check_solicited(entry.extensions, requested)
    return tuple(entry.data for entry in message.entries)


def verify_signature(
    leaf: bytes, message: CertificateVerify, offered: Collection[int], context: bytes, transcript_hash: bytes
) -> str:
    """Check a CertificateVerify against the leaf's public key; returns the scheme's name.

    `transcript_hash` covers everything up to the Certificate. Raises IllegalParameter for a scheme that was
    not offered or does not fit the key, BadSignature, or CertificateRejected for an unreadable key.
    """
    scheme = SIGNATURE_SCHEMES.get(message.scheme)
    if scheme is None or message.scheme not in offered or not scheme.tls13:
        raise IllegalParameter(
            "the handshake is signed with a scheme that was not offered",
            scheme=name_of(SCHEME_NAMES, message.scheme),
            clause="RFC 9846 §4.5.2",
        )
    scheme.verify(leaf_public_key(leaf), message.signature, signed_content(context, transcript_hash))
    return scheme.name


async def judge_chain(
    config: ClientConfig | ServerConfig,
    chain: tuple[bytes, ...],
    *,
    role: str,
    server_name: ReferenceName | None,
    key_usage: str = "digital_signature",
    ocsp_response: bytes | None = None,
) -> VerifiedChain | None:
    """Ask whether the peer's chain is trusted here; raises CertificateRejected.

    `key_usage` is what the leaf's key was used for.
    """
    request = VerificationRequest(
        chain=chain,
        server_name=server_name,
        role=role,
        at=config.clock(),
        key_usage=key_usage,
        stapled_ocsp=ocsp_response,
    )
    verdict: object = await VerificationWanted(request)
    if verdict is ACCEPTED:
        return None
    if not isinstance(verdict, VerifiedChain):
        # A verifier that forgets to return must not be one that accepts.
        raise InternalError(f"a verifier returned {verdict!r}: neither a VerifiedChain nor ACCEPTED")
    return verdict


def require_certificates(chain: tuple[bytes, ...]) -> None:
    """Refuse an empty chain from a server.

    "If the server supplies an empty Certificate message, the client MUST abort the handshake with a
    "decode_error" alert." (RFC 9846 §4.5.1.3)
    """
    if not chain:
        raise DecodeError("the server sent no certificate", clause="RFC 9846 §4.5.1")
