"""Key exchange before TLS 1.3: what the hellos settled, and the steps to keys that both sides take alike.

Every way to agree on a premaster secret is one row here:

    RSA        the client encrypts it with the key in the server's certificate
    DHE, ECDHE both sides send a share; the server signs its own
    PSK        both sides were given it beforehand; alone, or beside one of the others
    DH_anon, ECDH_anon  shares that nobody signs: private, and with whom nobody knows

From the premaster secret on all is the same (`schedule12`).
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Final, Literal

from lucidtls.crypto.hashes import HashAlgorithm
from lucidtls.crypto.randomness import Random
from lucidtls.crypto.suites12 import CipherSuite12
from lucidtls.handshake.channel import Channel
from lucidtls.handshake.schedule12 import (
    KeyBlock,
    extended_main_secret,
    key_block,
    main_secret,
    prf_hash,
)
from lucidtls.record.protection import Protection, protection_for
from lucidtls.wire.codec import vector16
from lucidtls.wire.messages12 import (
    CertificateRequestForm,
    CertificateVerifyForm,
    ClientKeyExchangeForm,
    ServerKeyExchangeForm,
    certificate_request_form,
    certificate_verify_form,
    client_key_exchange_form,
    server_key_exchange_form,
)
from lucidtls.wire.versions import TLS12

Parameters = Literal["dh", "ecdh"]
Inputs = tuple[tuple[str, bytes], ...]


@dataclass(frozen=True, slots=True)
class Method:
    """One key exchange: which messages it takes, and what is in them.

    `certificate`: the server shows one. `signed`: it signs its share. `parameters`: the kind of shares.
    `psk`: a pre-shared key takes part. `encrypted`: the client encrypts the premaster secret.
    """

    name: str
    certificate: bool
    signed: bool
    parameters: Parameters | None
    psk: bool
    encrypted: bool
    source: str


METHODS: Final = {
    method.name: method
    for method in (
        Method("RSA", True, False, None, False, True, "RFC 5246 §7.4.7.1"),
        Method("DHE", True, True, "dh", False, False, "RFC 5246 §7.4.3"),
        Method("ECDHE", True, True, "ecdh", False, False, "RFC 8422 §2.1"),
        Method("PSK", False, False, None, True, False, "RFC 4279 §2"),
        Method("DHE_PSK", False, False, "dh", True, False, "RFC 4279 §3"),
        Method("ECDHE_PSK", False, False, "ecdh", True, False, "RFC 5489 §2"),
        Method("RSA_PSK", True, False, None, True, True, "RFC 4279 §4"),
        Method("DH_anon", False, False, "dh", False, False, "RFC 5246 §7.4.3"),
        Method("ECDH_anon", False, False, "ecdh", False, False, "RFC 8422 §2.3"),
    )
}


@dataclass(slots=True)
class Terms:
    """What the two hellos settled. `method` is the key exchange, `hash` that of PRF and transcript.

    `session_id` is what the server calls the session; `resumed`, that it is one of before.
    """

    version: int
    suite: CipherSuite12
    client_random: bytes
    server_random: bytes
    extended_master_secret: bool
    encrypt_then_mac: bool
    secure_renegotiation: bool
    ticket: bool = False
    status: bool = False
    session_id: bytes = b""
    resumed: bool = False
    method: Method = field(init=False)
    hash: HashAlgorithm = field(init=False)

    def __post_init__(self) -> None:
        self.method = METHODS[self.suite.key_exchange]
        self.hash = prf_hash(self.version, self.suite)

    @property
    def resumable(self) -> bool:
        """Whether such a session may go on in another connection.

        Without the extended main secret its secret may belong to two sessions (RFC 7627 §1). And a session
        does not say whose pre-shared key it was made with, nor with whom an anonymous one was.
        """
        return self.extended_master_secret and self.method.certificate and not self.method.psk

    @property
    def server_key_exchange(self) -> ServerKeyExchangeForm:
        """How a ServerKeyExchange looks."""
        method = self.method
        with_scheme = method.signed and self.version >= TLS12
        return server_key_exchange_form(method.psk, method.parameters, method.signed, with_scheme)

    @property
    def client_key_exchange(self) -> ClientKeyExchangeForm:
        """How a ClientKeyExchange looks."""
        method = self.method
        return client_key_exchange_form(method.psk, "rsa" if method.encrypted else method.parameters)

    @property
    def certificate_request(self) -> CertificateRequestForm:
        """How a CertificateRequest looks."""
        return certificate_request_form(self.version >= TLS12)

    @property
    def certificate_verify(self) -> CertificateVerifyForm:
        """How a CertificateVerify looks."""
        return certificate_verify_form(self.version >= TLS12)


@dataclass(slots=True)
class Keys:
    """What a handshake before TLS 1.3 makes: the main secret, and protection for both directions."""

    main_secret: bytes = field(repr=False)
    client: Protection = field(repr=False)
    server: Protection = field(repr=False)


def with_psk(other_secret: bytes | None, psk: bytes | bytearray) -> bytes:
    """The premaster secret of the PSK key exchanges (RFC 4279 §2): two secrets with a length before each.

    Plain PSK has as many zeros as the key is long in place of the other secret.
    """
    return vector16(other_secret if other_secret is not None else bytes(len(psk))) + vector16(bytes(psk))


def agree_on_keys(channel: Channel, terms: Terms, premaster: bytes, random: Random) -> Keys:
    """Turn the premaster secret into keys. The transcript must end with the ClientKeyExchange."""
    client, server = terms.client_random, terms.server_random
    channel.trace_computation("premaster secret", (), premaster, terms.suite.key_exchange)
    if terms.extended_master_secret:
        session_hash = terms.hash.digest(channel.transcript.messages())
        secret = extended_main_secret(terms.hash, premaster, session_hash)
        inputs: Inputs = (("premaster secret", premaster), ("session hash", session_hash))
    else:
        secret = main_secret(terms.hash, premaster, client, server)
        inputs = (("premaster secret", premaster), ("client random", client), ("server random", server))
    channel.trace_computation("PRF", inputs, secret, "main secret")
    return keys_of_session(channel, terms, secret, random)


def keys_of_session(channel: Channel, terms: Terms, secret: bytes, random: Random) -> Keys:
    """Make keys from a session's main secret and the randoms of this connection (RFC 5246 §6.3)."""
    client, server = terms.client_random, terms.server_random
    channel.log_secret("CLIENT_RANDOM", secret)
    block = key_block(terms.version, terms.suite, secret, client, server)
    if channel.trace is not None:
        inputs: Inputs = (("main secret", secret), ("server random", server), ("client random", client))
        channel.trace_computation("PRF", inputs, block.whole, "key block")
        _trace_keys(channel, block)
    return Keys(
        main_secret=secret,
        client=_protection(terms, block, "client", random),
        server=_protection(terms, block, "server", random),
    )


def _protection(
    terms: Terms, block: KeyBlock, side: Literal["client", "server"], random: Random
) -> Protection:
    keys = block.client if side == "client" else block.server
    return protection_for(
        terms.suite,
        terms.version,
        keys.key,
        keys.mac_key,
        keys.iv,
        encrypt_then_mac=terms.encrypt_then_mac,
        random=random,
    )


def _trace_keys(channel: Channel, block: KeyBlock) -> None:
    """Show the pieces of the key block, by the names that RFC 5246 §6.3 gives them."""
    for side, keys in (("client", block.client), ("server", block.server)):
        for name, value in (("MAC_key", keys.mac_key), ("key", keys.key), ("IV", keys.iv)):
            if value:
                channel.trace_computation("cut", (("key block", block.whole),), value, f"{side}_write_{name}")


def signed_parameters(terms: Terms, parameters: bytes) -> bytes:
    """What the server's signature covers: both randoms and the parameters (RFC 5246 §7.4.3)."""
    return terms.client_random + terms.server_random + parameters
