"""What a side wants: frozen, validated when built, and shared by any number of connections.

A config says what was asked; `Negotiated` (in `lucidtls.events`) says what happened. Neither is ever
rewritten. Clock and randomness enter here and nowhere else, so a test or a lesson can fix both.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import cached_property
from typing import Any, Literal

from lucidtls import policies
from lucidtls.crypto.groups import Group
from lucidtls.crypto.randomness import Random
from lucidtls.crypto.signatures import SignatureScheme
from lucidtls.crypto.suites import CipherSuite
from lucidtls.errors import ConfigurationError
from lucidtls.events import CredentialWanted, PeerVerifier
from lucidtls.policies import DEFAULT_2026, Names, Policy
from lucidtls.record.writer import KEY_UPDATE_LENGTH, PaddingPolicy
from lucidtls.trace import Tracer
from lucidtls.trust.credentials import Ask, Credential
from lucidtls.trust.stores import SystemTrust, TrustStore, load_trust
from lucidtls.trust.verify import ChainVerifier
from lucidtls.wire.extensions import Extensions, OIDFilter, ch
from lucidtls.wire.records import MAX_PLAINTEXT

TLS13 = 0x0304
Clock = Callable[[], datetime]
KeyLog = Callable[[str], None]
ClientAuthentication = Literal["none", "request", "require"]

MAX_CERTIFICATE_MESSAGE = 102_400
"""Bytes of a Certificate message accepted by default: ten times what public chains need."""

MAX_LISTS = 32_768
"""Bytes of protocol and authority names, with a length before each: a hello's extensions share 65,535."""

MAX_SKIPPED_EARLY_DATA = 32_768
"""Bytes of early data a server passes over when it cannot read them (RFC 9846 §4.3.10): the 16 KiB that
servers commonly allow, and as much again for what sealing them in small records costs."""


def system_clock() -> datetime:
    """The present moment, in UTC."""
    return datetime.now(UTC)


@dataclass(frozen=True, slots=True)
class Algorithms:
    """A config's algorithms as rows, in order of preference: its own choices, or else its policy's."""

    cipher_suites: tuple[CipherSuite, ...]
    groups: tuple[Group, ...]
    shares: tuple[Group, ...]
    signature_schemes: tuple[SignatureScheme, ...]
    certificate_signature_schemes: tuple[SignatureScheme, ...]
    suite_codes: tuple[int, ...]
    scheme_codes: tuple[int, ...]
    certificate_scheme_codes: tuple[int, ...]


@dataclass(frozen=True, kw_only=True)
class _Config:
    """What both sides have in common.

    Algorithms are given by IANA name or code point, most preferred first; None means the policy's.
    `signature_schemes` are those accepted from the peer; what we sign with is the credential's affair
    (`Credential.load(schemes=...)`) and the peer's choice.
    """

    policy: Policy = DEFAULT_2026
    cipher_suites: Names | None = None
    groups: Names | None = None
    signature_schemes: Names | None = None
    certificate_signature_schemes: Names | None = None
    trust: Any = None
    verifier: PeerVerifier | Ask | None = None
    credentials: Credential | Sequence[Credential] = ()
    alpn: Sequence[str] = ()
    certificate_authorities: Sequence[bytes] = ()
    padding: PaddingPolicy | None = None
    max_record_size: int = MAX_PLAINTEXT
    max_certificate_message: int = MAX_CERTIFICATE_MESSAGE
    rekey_after_records: int | None = None
    key_log: KeyLog | None = field(default=None, repr=False)
    tracer: Tracer | None = field(default=None, repr=False)
    clock: Clock = field(default=system_clock, repr=False)
    random: Random = field(default=os.urandom, repr=False)

    def __post_init__(self) -> None:
        """Check everything that can be checked without a connection; raises ConfigurationError."""
        if not 1 <= self.max_record_size <= MAX_PLAINTEXT:
            raise ConfigurationError(
                f"max_record_size is 1 to {MAX_PLAINTEXT} bytes, not {self.max_record_size}"
            )
        least = 1 - (-KEY_UPDATE_LENGTH // self.max_record_size)
        if self.rekey_after_records is not None and self.rekey_after_records < least:
            raise ConfigurationError(f"rekey_after_records must leave room for a KeyUpdate: at least {least}")
        if isinstance(self.alpn, str):
            raise ConfigurationError('alpn is a sequence of protocol names, such as ("h2", "http/1.1")')
        if not all(0 < len(name) < 256 for name in self.alpn_protocols):
            raise ConfigurationError("an ALPN protocol name has 1 to 255 bytes (RFC 7301 §3.1)")
        listed = (*self.alpn_protocols, *self.certificate_authorities)
        if sum(2 + len(entry) for entry in listed) > MAX_LISTS:
            raise ConfigurationError("alpn and certificate_authorities are too long for one hello")
        _ = self.algorithms, self.credential_list

    @cached_property
    def algorithms(self) -> Algorithms:
        """The algorithms as rows. What this build lacks is left out of a policy, and refused by name."""
        policy = self.policy
        suites = _choose(policies.cipher_suites, self.cipher_suites, policy.cipher_suites)
        schemes = _choose(
            policies.signature_schemes, self.signature_schemes, policy.signature_schemes, _in_handshake
        )
        certificate_schemes = _choose(
            policies.signature_schemes,
            self.certificate_signature_schemes,
            policy.certificate_signature_schemes,
        )
        return Algorithms(
            cipher_suites=suites,
            groups=_choose(policies.groups, self.groups, policy.groups),
            shares=self._share_groups(),
            signature_schemes=schemes,
            certificate_signature_schemes=certificate_schemes,
            suite_codes=tuple(suite.code for suite in suites),
            scheme_codes=tuple(scheme.code for scheme in schemes),
            certificate_scheme_codes=tuple(scheme.code for scheme in certificate_schemes),
        )

    def _share_groups(self) -> tuple[Group, ...]:
        return ()

    @cached_property
    def alpn_protocols(self) -> tuple[bytes, ...]:
        """The ALPN protocols as they go on the wire."""
        try:
            return tuple(name.encode("ascii") for name in self.alpn)
        except UnicodeEncodeError as error:
            raise ConfigurationError(f"ALPN protocol names are ASCII here: {error.object!r}") from None

    @cached_property
    def credential_list(self) -> tuple[Credential, ...]:
        """The credentials, in order of preference."""
        if isinstance(self.credentials, Credential):
            return (self.credentials,)
        return tuple(self.credentials)

    @cached_property
    def trust_store(self) -> TrustStore:
        """The trust anchors; by default those of the system."""
        return SystemTrust() if self.trust is None else load_trust(self.trust)

    @cached_property
    def chain_verifier(self) -> PeerVerifier | Ask:
        """Who judges the peer's chain: the verifier given, or ours on the trust anchors given."""
        return self.verifier if self.verifier is not None else ChainVerifier(self.trust_store)


@dataclass(frozen=True, kw_only=True)
class ClientConfig(_Config):
    """How a client wants its connections.

    - `trust`: anchors, as anything `load_trust` takes (path, PEM, DER, certificates, `TrustStore`); those of
      the system by default. `verifier`: another judge, or `ASK` to be handed `VerificationWanted` events.
    - `credentials`: for servers that ask the client to authenticate.
    - `alpn`: application protocols, most wanted first.
    - `groups`: offered for key exchange; `shares`: those of them that get a key share in the first message.
    - `compatibility_mode`: look like TLS 1.2 to middleboxes (RFC 9846 §E.4).
    - `padding`: given content type and length, how many bytes of padding to add.
    - `key_log`: called with one line of the RFC 9850 format per secret. Whoever has these reads everything.
    """

    shares: Names | None = None
    compatibility_mode: bool = True

    def _share_groups(self) -> tuple[Group, ...]:
        groups = _choose(policies.groups, self.groups, self.policy.groups)
        if self.shares is None:
            wanted = policies.groups(self.policy.shares)
            return tuple(group for group in groups if group in wanted) or groups[:1]
        shares = tuple(_choose(policies.groups, self.shares, ())) if self.shares else ()
        for group in shares:
            if group not in groups:
                raise ConfigurationError(f"a share for {group.name} needs {group.name} among the groups")
        # Shares "MUST appear in the same order" as the groups (RFC 9846 §4.3.8).
        return tuple(group for group in groups if group in shares)

    @cached_property
    def hello_extensions(self) -> Extensions:
        """The part of a ClientHello's extensions that is the same in every connection (RFC 9846 §9.2)."""
        algorithms = self.algorithms
        items: list[tuple[Any, Any]] = [
            (ch.SUPPORTED_VERSIONS, (TLS13,)),
            (ch.SUPPORTED_GROUPS, tuple(group.code for group in algorithms.groups)),
            (ch.SIGNATURE_ALGORITHMS, algorithms.scheme_codes),
        ]
        if algorithms.certificate_scheme_codes != algorithms.scheme_codes:
            items.append((ch.SIGNATURE_ALGORITHMS_CERT, algorithms.certificate_scheme_codes))
        if self.alpn_protocols:
            items.append((ch.ALPN, self.alpn_protocols))
        if self.certificate_authorities:
            items.append((ch.CERTIFICATE_AUTHORITIES, tuple(self.certificate_authorities)))
        return Extensions.build("ClientHello", items)


@dataclass(frozen=True, kw_only=True)
class ServerConfig(_Config):
    """How a server wants its connections.

    - `credentials`: in order of preference; chosen by server name, signature algorithms, certificate
      authorities and key type. `choose_credential`: your own choice, as a function of a `CredentialWanted`,
      or `ASK` to be handed the event.
    - `client_authentication`: "none", "request" (may be refused) or "require". `trust` or `verifier` must
      then say whose certificates are accepted.
    - `prefer_client_order`: take the client's order of cipher suites and groups instead of ours.
    - `require_known_name`: refuse server names no credential is for, with unrecognized_name.
    - `hello_retry`: "always" asks every client for a second ClientHello, with a cookie.
    - `cookie_key`: 32 bytes or more; makes HelloRetryRequest stateless: any server with the same key can
      go on with the second ClientHello.
    """

    choose_credential: Callable[[CredentialWanted], Credential | None] | Ask | None = None
    client_authentication: ClientAuthentication = "none"
    oid_filters: Sequence[OIDFilter] = ()
    prefer_client_order: bool = False
    require_known_name: bool = False
    hello_retry: Literal["auto", "always"] = "auto"
    cookie_key: bytes | None = field(default=None, repr=False)
    max_skipped_early_data: int = MAX_SKIPPED_EARLY_DATA

    def __post_init__(self) -> None:
        """Check what a server needs; raises ConfigurationError."""
        super().__post_init__()
        if not self.credential_list and self.choose_credential is None:
            raise ConfigurationError("a server needs at least one credential, or choose_credential")
        if self.client_authentication not in ("none", "request", "require"):
            raise ConfigurationError('client_authentication is "none", "request" or "require"')
        judged = self.trust is not None or self.verifier is not None
        if self.client_authentication != "none" and not judged:
            raise ConfigurationError("say whose client certificates are accepted: trust=... or verifier=...")
        if self.client_authentication == "none" and judged:
            raise ConfigurationError(
                "trust and verifier judge client certificates, and client_authentication says to ask for none"
            )
        if self.cookie_key is not None and len(self.cookie_key) < 32:
            raise ConfigurationError("cookie_key has at least 32 bytes")
        if self.hello_retry == "always" and self.cookie_key is None:
            raise ConfigurationError('hello_retry="always" needs a cookie_key')


def _in_handshake(scheme: SignatureScheme) -> bool:
    return scheme.tls13


def _choose(
    resolve: Callable[[Names], Iterable[Any]],
    asked: Names | None,
    default: Names,
    usable: Callable[[Any], bool] = lambda row: True,
) -> tuple[Any, ...]:
    """Resolve names; drop what a default names and this build lacks, refuse it when it was asked for."""
    rows = tuple(resolve(tuple(asked) if asked is not None else default))
    if asked is not None:
        for row in rows:
            if not row.available() or not usable(row):
                raise ConfigurationError(f"{row.name} cannot be used here")
    chosen = tuple(row for row in rows if row.available() and usable(row))
    if not chosen:
        raise ConfigurationError("an empty list of algorithms leaves nothing to negotiate")
    return chosen
