"""Certificates, signatures and Finished before TLS 1.3, which both sides check alike (RFC 5246 §7.4).

Two things differ between the versions. TLS 1.2 names the signature scheme beside each signature, chosen from
the peer's list; before, the key decides: RSA signs MD5 and SHA-1 side by side, ECDSA signs SHA-1. And a
signature covers the messages themselves, where TLS 1.3 signs their hash behind a context.
"""

from __future__ import annotations

from collections.abc import Collection
from typing import Final, Literal

from lucidtls.config import ClientConfig, ServerConfig
from lucidtls.crypto.groups import Group
from lucidtls.crypto.signatures import (
    SIGNATURE_SCHEMES,
    SIGNATURE_SCHEMES_10,
    PublicKey,
    SignatureScheme,
    describe_key,
    key_kind_of,
    scheme_row,
)
from lucidtls.errors import BadSignature, DecodeError, IllegalParameter, InternalError
from lucidtls.events import SignatureWanted
from lucidtls.handshake.channel import Channel
from lucidtls.handshake.exchange12 import Keys, Terms
from lucidtls.handshake.schedule12 import check_verify_data, verify_data
from lucidtls.handshake.states import WAIT_CHANGE_CIPHER_SPEC, waiting_for
from lucidtls.trust.credentials import Credential, is_private_key
from lucidtls.wire.codepoints import SIGNATURE_SCHEMES as SCHEME_NAMES
from lucidtls.wire.codepoints import name_of
from lucidtls.wire.messages12 import Certificate, Finished
from lucidtls.wire.versions import TLS12

KEY_KINDS: Final = {
    "RSA": ("rsa", "rsa_pss"),
    "ECDSA": ("ec", "ed25519", "ed448"),
}
"""The keys that certificates for a suite may have. EdDSA goes with the ECDSA suites (RFC 8422 §5.10)."""

SHA1_SCHEMES: Final = (0x0201, 0x0203)
"""What a peer takes that lists no schemes: RSA and ECDSA with SHA-1 (RFC 5246 §7.4.1.4.1)."""

RSA_SIGN: Final = 1
ECDSA_SIGN: Final = 64
"""ClientCertificateType (RFC 5246 §7.4.4, RFC 8422 §5.5); EdDSA counts as ecdsa_sign."""

CERTIFICATE_TYPES: Final = {
    "rsa": RSA_SIGN,
    "rsa_pss": RSA_SIGN,
    "ec": ECDSA_SIGN,
    "ed25519": ECDSA_SIGN,
    "ed448": ECDSA_SIGN,
}


def accept_older_chain(message: Certificate) -> tuple[bytes, ...]:
    """Return a server's certificates (DER, leaf first); an empty list is refused (RFC 5246 §7.4.2)."""
    if not message.certificate_list:
        raise DecodeError("the server sent no certificate", clause="RFC 5246 §7.4.2")
    return message.certificate_list


def check_key(key: PublicKey, authentication: str, groups: Collection[Group]) -> None:
    """Check that a certificate's key is of the suite's kind, and on a curve that was offered.

    The suite names the kind (RFC 5246 §7.4.2); and "the server MUST" choose a certificate whose key is on a
    curve the client can use (RFC 8422 §5.3).
    """
    curve = getattr(getattr(key, "curve", None), "name", None)
    fits = key_kind_of(key) in KEY_KINDS[authentication]
    if not fits or (curve is not None and curve not in {group.name for group in groups}):
        raise IllegalParameter(
            "the certificate's key does not fit the cipher suite, or lies on a curve we did not offer",
            key=describe_key(key),
            wanted=authentication,
            clause="RFC 5246 §7.4.2",
        )


def verify_older_signature(
    version: int,
    key: PublicKey,
    scheme: int | None,
    signature: bytes,
    content: bytes,
    offered: Collection[int],
    *,
    clause: str,
) -> str:
    """Check a signature before TLS 1.3; returns the scheme's name.

    `scheme` is None before TLS 1.2; `clause` is that of the message with the signature. Raises
    IllegalParameter for a scheme that was not offered or does not fit the key, and BadSignature.
    """
    row = _scheme_for(version, key, scheme, offered)
    row.verify12(key, signature, content, clause)
    return row.name


def _scheme_for(
    version: int, key: PublicKey, scheme: int | None, offered: Collection[int]
) -> SignatureScheme:
    if version < TLS12:
        row = SIGNATURE_SCHEMES_10.get(key_kind_of(key))
    else:
        row = SIGNATURE_SCHEMES.get(scheme or 0) if scheme in offered else None
    if row is None or (version >= TLS12 and not row.tls12):
        raise IllegalParameter(
            "the handshake is signed with a scheme that was not offered, or by a key that has none here",
            scheme=name_of(SCHEME_NAMES, scheme) if scheme is not None else None,
            key=describe_key(key),
            clause="RFC 5246 §7.4.1.4.1",
        )
    return row


def own_scheme(
    config: ClientConfig | ServerConfig, version: int, credential: Credential, peers: Collection[int]
) -> int | None:
    """The scheme to sign with: the credential's first that the peer accepts, or its key's before TLS 1.2.

    "Servers MUST NOT include MD5 and SHA-1 in ServerKeyExchange messages", nor clients in CertificateVerify
    (RFC 9155 §4, §5), unless the config takes SHA-1 from others too.
    """
    if version < TLS12:
        return credential.legacy_scheme
    own = config.algorithms.scheme_codes
    return next(
        (
            code
            for code in credential.schemes12
            if code in peers and (code not in SHA1_SCHEMES or code in own)
        ),
        None,
    )


async def sign_older(credential: Credential, scheme: int, content: bytes) -> bytes:
    """Have `content` signed; a signature made elsewhere is verified before it leaves (RFC 9846 §C.3)."""
    signature = bytes(await SignatureWanted(scheme, content, credential))
    if not is_private_key(credential.key):
        try:
            scheme_row(scheme).verify12(credential.public_key, signature, content)
        except BadSignature:
            raise InternalError("the signer's signature does not fit the certificate's key") from None
    return signature


Side = Literal["client", "server"]


def send_older_finished(channel: Channel, terms: Terms, keys: Keys, side: Side) -> bytes:
    """Change our keys and send Finished, the first message under them; returns its contents."""
    own = _finished_data(channel, terms, keys, side)
    channel.send_change_cipher_spec()
    channel.enter_older_send_keys(keys.client if side == "client" else keys.server, terms.suite)
    channel.send(Finished(own))
    channel.flush()
    return own


async def take_older_finished(channel: Channel, terms: Terms, keys: Keys, side: Side) -> bytes:
    """Take the peer's change of keys and its Finished, and compare; returns the contents.

    From here on it is known that both sides saw the same handshake and have the same keys.
    """
    await WAIT_CHANGE_CIPHER_SPEC
    channel.enter_older_receive_keys(keys.client if side == "client" else keys.server, terms.suite)
    expected = _finished_data(channel, terms, keys, side)
    message: Finished = await waiting_for(Finished)
    check_verify_data(expected, message.verify_data)
    channel.require_record_boundary("our Finished" if side == "client" else "the application data")
    return expected


def _finished_data(channel: Channel, terms: Terms, keys: Keys, side: Side) -> bytes:
    data = verify_data(terms.hash, keys.main_secret, side, channel.transcript.digest())
    channel.trace_computation("PRF", (("main secret", keys.main_secret),), data, f"{side} Finished")
    return data
