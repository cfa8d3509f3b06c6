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
from lucidtls.crypto.dh12 import SMALLEST_BITS, check_parameters
from lucidtls.crypto.ffdh import Field
from lucidtls.crypto.groups import Group
from lucidtls.crypto.hashes import SHA1
from lucidtls.crypto.randomness import Random
from lucidtls.crypto.rsa import implicit_rejection
from lucidtls.crypto.signatures import SignatureScheme
from lucidtls.crypto.suites import CipherSuite
from lucidtls.crypto.suites12 import CipherSuite12
from lucidtls.errors import ConfigurationError, PeerError
from lucidtls.events import MAX_PSK, CredentialWanted, PeerVerifier, PreSharedKey
from lucidtls.policies import DEFAULT_2026, Mode, Names, Policy
from lucidtls.record.writer import KEY_UPDATE_LENGTH, PaddingPolicy
from lucidtls.sessions.options import ClientSessionOptions, ServerSessionOptions, SessionOptions
from lucidtls.sessions.scope import scope_digest, settings_of
from lucidtls.trace import Tracer
from lucidtls.trust.credentials import Ask, Credential
from lucidtls.trust.stores import SystemTrust, TrustStore, load_trust
from lucidtls.trust.verify import ChainVerifier
from lucidtls.wire.extensions import Extensions, OIDFilter, StatusRequest, TicketRequest, ch
from lucidtls.wire.records import MAX_PLAINTEXT
from lucidtls.wire.versions import TLS12, TLS13, VERSION_NAMES

UNCOMPRESSED = 0
"""The one ECPointFormat that is left (RFC 8422 §5.1.2)."""

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
    """A config's algorithms as rows, in order of preference: its own choices, or else its policy's.

    `versions` are code points, highest first. `cipher_suites` are those of TLS 1.3, `older_suites` and
    `older_groups` are for TLS 1.2 and before; `suite_codes` are both, as they go into a ClientHello.
    """

    versions: tuple[int, ...]
    cipher_suites: tuple[CipherSuite, ...]
    older_suites: tuple[CipherSuite12, ...]
    groups: tuple[Group, ...]
    older_groups: tuple[Group, ...]
    shares: tuple[Group, ...]
    signature_schemes: tuple[SignatureScheme, ...]
    certificate_signature_schemes: tuple[SignatureScheme, ...]
    suite_codes: tuple[int, ...]
    scheme_codes: tuple[int, ...]
    tls13_scheme_codes: tuple[int, ...]
    certificate_scheme_codes: tuple[int, ...]


@dataclass(frozen=True, kw_only=True)
class _Config(SessionOptions):
    """What both sides have in common.

    Algorithms are given by IANA name or code point, most preferred first; None means the policy's.
    `signature_schemes` are those accepted from the peer; what we sign with is the credential's affair
    (`Credential.load(schemes=...)`) and the peer's choice.

    `versions` are names such as "TLS 1.2". Of them those are used for which there is a cipher suite. Weak
    suites and withdrawn versions need a policy that allows them, `lucidtls.dangerous.LEGACY_2026`. Before TLS
    1.3 `extended_master_secret` (RFC 7627) and `encrypt_then_mac` (RFC 7366) are "require", "allow" or "off".
    """

    policy: Policy = DEFAULT_2026
    versions: Sequence[str] | None = None
    cipher_suites: Names | None = None
    groups: Names | None = None
    signature_schemes: Names | None = None
    certificate_signature_schemes: Names | None = None
    extended_master_secret: Mode | None = None
    encrypt_then_mac: Mode | None = None
    minimum_dh_bits: int = 2048
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
        least_dh: object = self.minimum_dh_bits
        if not isinstance(least_dh, int) or least_dh < SMALLEST_BITS:
            raise ConfigurationError(f"minimum_dh_bits is a number of bits, {SMALLEST_BITS} or more")
        for mode in (self.master_secret_mode, self.mac_mode):
            if mode not in ("require", "allow", "off"):
                raise ConfigurationError(
                    'extended_master_secret and encrypt_then_mac are "require", "allow" or "off", '
                    f"not {mode!r}"
                )
        if isinstance(self.alpn, str):
            raise ConfigurationError('alpn is a sequence of protocol names, such as ("h2", "http/1.1")')
        if not all(0 < len(name) < 256 for name in self.alpn_protocols):
            raise ConfigurationError("an ALPN protocol name has 1 to 255 bytes (RFC 7301 §3.1)")
        listed = (*self.alpn_protocols, *self.certificate_authorities)
        if sum(2 + len(entry) for entry in listed) > MAX_LISTS:
            raise ConfigurationError("alpn and certificate_authorities are too long for one hello")
        self.check_session_options()
        _ = self.algorithms, self.credential_list

    @cached_property
    def algorithms(self) -> Algorithms:
        """The algorithms as rows. What this build lacks is left out of a policy, and refused by name."""
        policy = self.policy
        versions, suites, older_suites = self._versions_and_suites()
        in_handshake = _in_handshake if TLS13 not in versions or older_suites else _in_tls13
        schemes = _choose(
            policies.signature_schemes, self.signature_schemes, policy.signature_schemes, in_handshake
        )
        certificate_schemes = _choose(
            policies.signature_schemes,
            self.certificate_signature_schemes,
            policy.certificate_signature_schemes,
        )
        groups = _choose(policies.groups, self.groups, policy.groups)
        return Algorithms(
            versions=versions,
            cipher_suites=suites,
            older_suites=older_suites,
            groups=groups,
            older_groups=tuple(group for group in groups if group.kind in ("ecdhe", "ffdhe")),
            shares=self._share_groups(),
            signature_schemes=schemes,
            certificate_signature_schemes=certificate_schemes,
            suite_codes=_codes(suites) + _codes(older_suites),
            scheme_codes=_codes(schemes),
            tls13_scheme_codes=_codes(scheme for scheme in schemes if scheme.tls13),
            certificate_scheme_codes=_codes(certificate_schemes),
        )

    def _versions_and_suites(
        self,
    ) -> tuple[tuple[int, ...], tuple[CipherSuite, ...], tuple[CipherSuite12, ...]]:
        """The versions that have a cipher suite, highest first, and the suites that have a version."""
        wanted = policies.versions(self.versions if self.versions is not None else self.policy.versions)
        names = {VERSION_NAMES[version] for version in wanted}
        chosen = _choose(policies.cipher_suites, self.cipher_suites, self.policy.cipher_suites, self._usable)
        rows: list[policies.AnySuite] = [row for row in chosen if not names.isdisjoint(row.versions)]
        versions = tuple(
            code for code in wanted if any(VERSION_NAMES[code] in suite.versions for suite in rows)
        )
        if not versions:
            raise ConfigurationError("no cipher suite fits the versions wanted")
        if self.versions is not None and len(versions) < len(wanted):
            missing = ", ".join(VERSION_NAMES[code] for code in wanted if code not in versions)
            raise ConfigurationError(f"there is no cipher suite for {missing}")
        if not self.policy.legacy:
            self._refuse_weak(versions, rows)
        return (
            versions,
            tuple(row for row in rows if isinstance(row, CipherSuite)),
            tuple(row for row in rows if isinstance(row, CipherSuite12)),
        )

    def _usable(self, row: CipherSuite | CipherSuite12) -> bool:
        """Whether this side has what a suite needs besides its algorithms."""
        return isinstance(row, CipherSuite) or "PSK" not in row.key_exchange or self._knows_psk()

    def _knows_psk(self) -> bool:
        return False

    def _refuse_weak(self, versions: Sequence[int], rows: Sequence[CipherSuite | CipherSuite12]) -> None:
        names = self.policy.signature_schemes if self.signature_schemes is None else self.signature_schemes
        for scheme in policies.signature_schemes(tuple(names)):
            if scheme.hash is SHA1:
                raise ConfigurationError(
                    f"{scheme.name} can be forged (RFC 9155): it needs policy=lucidtls.dangerous.LEGACY_2026"
                )
        for version in versions:
            if version < TLS12:
                raise ConfigurationError(
                    f"{VERSION_NAMES[version]} is withdrawn (RFC 8996): "
                    "it needs policy=lucidtls.dangerous.LEGACY_2026"
                )
        for row in rows:
            weaknesses = row.weaknesses if isinstance(row, CipherSuite12) else ()
            if weaknesses:
                raise ConfigurationError(
                    f"{row.name} is weak ({', '.join(weaknesses)}): "
                    "it needs policy=lucidtls.dangerous.LEGACY_2026"
                )

    @property
    def master_secret_mode(self) -> Mode:
        """What to do about extended_master_secret before TLS 1.3 (RFC 7627)."""
        return self.extended_master_secret or self.policy.extended_master_secret

    @property
    def mac_mode(self) -> Mode:
        """What to do about encrypt_then_mac with CBC suites (RFC 7366)."""
        return self.encrypt_then_mac or self.policy.encrypt_then_mac

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
    def session_scope(self) -> str:
        """What sessions are bound to: a digest of the settings that decide whom this side trusts, and how.

        Processes with the same settings share it. A verifier of the application's own cannot be compared: its
        verdict is asked for again on each resumption (`judges_resumption`).
        """
        return scope_digest(
            type(self).__name__,
            self.session_scope_name,
            self.policy.name,
            *settings_of(self.policy.certificates),
            self._trust_words(),
            *(credential.chain[0] for credential in self._own_identity()),
        )

    def _trust_words(self) -> bytes:
        if getattr(self.verifier, "accepts_anybody", False) is True:
            return b"anybody"
        if self.verifier is not None:
            return b"own verifier"
        return b"system" if self.trust is None else self.trust_store.digest()

    def _own_identity(self) -> tuple[Credential, ...]:
        return ()

    @property
    def judges_resumption(self) -> bool:
        """Whether the peer's chain is judged again when a session is resumed."""
        own = self.verifier is not None and getattr(self.verifier, "accepts_anybody", False) is not True
        return self.verify_on_resumption or own

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
        if self.verifier is not None:
            return self.verifier
        return ChainVerifier(self.trust_store, self.policy.certificates)


@dataclass(frozen=True, kw_only=True)
class ClientConfig(ClientSessionOptions, _Config):
    """How a client wants its connections.

    - `trust`: anchors, as anything `load_trust` takes (path, PEM, DER, certificates, `TrustStore`); those of
      the system by default. `verifier`: another judge, or `ASK` to be handed `VerificationWanted` events.
    - `credentials`: for servers that ask the client to authenticate.
    - `alpn`: application protocols, most wanted first.
    - `groups`: offered for key exchange; `shares`: those of them that get a key share in the first message.
    - `compatibility_mode`: look like TLS 1.2 to middleboxes (RFC 9846 §E.4).
    - `padding`: given content type and length, how many bytes of padding to add.
    - `key_log`: called with one line of the RFC 9850 format per secret. Whoever has these reads everything.
    - `status_request`: ask for an OCSP response with the certificate; it is then in
      `Negotiated.ocsp_response` and in the `VerificationRequest` (RFC 6066 §8).
    - `psk`: a `PreSharedKey`, or a function from the server's hint (bytes or None) to one, or `ASK`. In TLS
      1.3 it is asked before the first message, and there is no hint; before, its suites come with the policy,
      or are named.

    Before TLS 1.3:

    - `secure_renegotiation`: insist on a server that knows RFC 5746. `renegotiation`: "refuse" or "accept"
      what such a server asks for, and then only from the very same certificate.
    - `fallback_scsv`: this is a retry with a lower version after a failure (RFC 7507).
    - `minimum_dh_bits`: the smallest Diffie-Hellman modulus accepted from a server.
    """

    shares: Names | None = None
    compatibility_mode: bool = True
    status_request: bool = False
    psk: PreSharedKey | Callable[[bytes | None], PreSharedKey | None] | Ask | None = field(
        default=None, repr=False
    )
    secure_renegotiation: bool | None = None
    renegotiation: Literal["refuse", "accept"] = "refuse"
    fallback_scsv: bool = False

    def __post_init__(self) -> None:
        """Check what a client needs; raises ConfigurationError."""
        super().__post_init__()
        if self.renegotiation not in ("refuse", "accept"):
            raise ConfigurationError('renegotiation is "refuse" or "accept"')
        anonymous = any(suite.authentication == "anon" for suite in self.algorithms.older_suites)
        if anonymous and not self.chain_verifier_accepts_anybody:
            raise ConfigurationError(
                "anonymous cipher suites say nothing about who the server is: "
                "they need verifier=lucidtls.dangerous.NoVerification()"
            )

    def _knows_psk(self) -> bool:
        return self.psk is not None

    def _own_identity(self) -> tuple[Credential, ...]:
        # A session says who the client was: without these credentials, nobody goes on with it.
        return self.credential_list

    @property
    def chain_verifier_accepts_anybody(self) -> bool:
        """Whether verification is switched off."""
        return getattr(self.verifier, "accepts_anybody", False) is True

    @property
    def needs_secure_renegotiation(self) -> bool:
        """Whether a server without RFC 5746 is refused."""
        if self.secure_renegotiation is None:
            return self.policy.secure_renegotiation
        return self.secure_renegotiation

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
        items: list[tuple[Any, Any]] = []
        if algorithms.versions[0] == TLS13:
            items.append((ch.SUPPORTED_VERSIONS, algorithms.versions))
            # Servers give tickets only to clients that say how they would use them (RFC 9846 §4.3.9).
            items.append((ch.PSK_KEY_EXCHANGE_MODES, self.psk_mode_codes))
            if self.ticket_requests is not None:
                items.append((ch.TICKET_REQUEST, TicketRequest(*self.ticket_requests)))
        if groups := self._offered_groups():
            items.append((ch.SUPPORTED_GROUPS, groups))
        if algorithms.versions[0] >= TLS12:
            items.append((ch.SIGNATURE_ALGORITHMS, algorithms.scheme_codes))
            if algorithms.certificate_scheme_codes != algorithms.scheme_codes:
                items.append((ch.SIGNATURE_ALGORITHMS_CERT, algorithms.certificate_scheme_codes))
        if self.alpn_protocols:
            items.append((ch.ALPN, self.alpn_protocols))
        if self.certificate_authorities and TLS13 in algorithms.versions:
            items.append((ch.CERTIFICATE_AUTHORITIES, tuple(self.certificate_authorities)))
        if self.status_request:
            items.append((ch.STATUS_REQUEST, StatusRequest()))
        if algorithms.older_suites:
            items += self._older_extensions()
        return Extensions.build("ClientHello", items)

    def _offered_groups(self) -> tuple[int, ...]:
        algorithms = self.algorithms
        if TLS13 in algorithms.versions:
            return tuple(group.code for group in algorithms.groups)
        kinds = {_group_kind(suite) for suite in algorithms.older_suites}
        return tuple(group.code for group in algorithms.older_groups if group.kind in kinds)

    def _older_extensions(self) -> list[tuple[Any, Any]]:
        """What a ClientHello says for TLS 1.2 and before."""
        suites = self.algorithms.older_suites
        items: list[tuple[Any, Any]] = []
        if any(_group_kind(suite) == "ecdhe" for suite in suites):
            items.append((ch.EC_POINT_FORMATS, (UNCOMPRESSED,)))
        if self.master_secret_mode != "off":
            items.append((ch.EXTENDED_MASTER_SECRET, True))
        if self.mac_mode != "off" and any(suite.cipher.kind == "block" for suite in suites):
            items.append((ch.ENCRYPT_THEN_MAC, True))
        items.append((ch.SESSION_TICKET, b""))
        items.append((ch.RENEGOTIATION_INFO, b""))
        return items


@dataclass(frozen=True, kw_only=True)
class ServerConfig(ServerSessionOptions, _Config):
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
    - `find_psk`: a function from a client's identity to its key, as bytes or a `PreSharedKey`, or None for an
      unknown one; or `ASK`. For all versions; clients that know a key need no certificate from us.

    Before TLS 1.3:

    - `psk_identity_hint` is sent to clients.
    - `dh_parameters`: (p, g) for DHE with clients that do not name groups of RFC 7919; by default the first
      of ours among those.
    """

    choose_credential: Callable[[CredentialWanted], Credential | None] | Ask | None = None
    client_authentication: ClientAuthentication = "none"
    oid_filters: Sequence[OIDFilter] = ()
    prefer_client_order: bool = False
    require_known_name: bool = False
    hello_retry: Literal["auto", "always"] = "auto"
    cookie_key: bytes | None = field(default=None, repr=False)
    max_skipped_early_data: int = MAX_SKIPPED_EARLY_DATA
    find_psk: Callable[[bytes], bytes | PreSharedKey | None] | Ask | None = field(default=None, repr=False)
    psk_identity_hint: bytes | None = None
    dh_parameters: tuple[int, int] | None = None

    def _knows_psk(self) -> bool:
        return self.find_psk is not None

    def __post_init__(self) -> None:
        """Check what a server needs; raises ConfigurationError."""
        super().__post_init__()
        if not self.credential_list and self.choose_credential is None and not self._needs_no_certificate():
            raise ConfigurationError("a server needs at least one credential, or choose_credential")
        encrypted = any(suite.key_exchange.startswith("RSA") for suite in self.algorithms.older_suites)
        if encrypted and not implicit_rejection():
            raise ConfigurationError(
                "RSA key exchange needs a cryptography library that hides bad padding (OpenSSL 3.2 or later)"
            )
        _ = self.own_field
        if self.psk_identity_hint is not None and len(self.psk_identity_hint) > MAX_PSK:
            raise ConfigurationError(f"psk_identity_hint has {MAX_PSK} bytes at most")
        if self.client_authentication not in ("none", "request", "require"):
            raise ConfigurationError('client_authentication is "none", "request" or "require"')
        shared = self.ticket_keys is not None or self.session_cache is not None
        if self.max_early_data and shared and self.replay_guard is None:
            # Tickets outlive this process, and a guard in memory does not (RFC 9846 §8.2).
            raise ConfigurationError(
                "max_early_data with ticket_keys or a session_cache of your own needs a replay_guard that "
                "lasts as long"
            )
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

    @cached_property
    def own_field(self) -> Field | None:
        """The field of `dh_parameters`, held against what a client of ours would take from a server."""
        if self.dh_parameters is None:
            return None
        prime, generator = self.dh_parameters
        if prime < 1 or generator < 1:
            raise ConfigurationError("dh_parameters are two positive numbers, p and g")
        p, g = (number.to_bytes(-(-number.bit_length() // 8)) for number in (prime, generator))
        try:
            return check_parameters(p, g, b"\2", self.minimum_dh_bits).field
        except PeerError as error:
            raise ConfigurationError(f"dh_parameters would be refused: {error.message}") from None

    def _needs_no_certificate(self) -> bool:
        """Whether clients can do without a certificate: with a pre-shared key, or as no suite uses one."""
        algorithms = self.algorithms
        return self.find_psk is not None or (
            not algorithms.cipher_suites
            and all(suite.authentication in ("PSK", "anon") for suite in algorithms.older_suites)
        )


def _codes(rows: Iterable[Any]) -> tuple[int, ...]:
    return tuple(row.code for row in rows)


def _group_kind(suite: CipherSuite12) -> str | None:
    """The kind of group that a suite's key exchange takes place in."""
    if suite.key_exchange.startswith("ECDH"):
        return "ecdhe"
    return "ffdhe" if suite.key_exchange.startswith("DH") else None


def _in_tls13(scheme: SignatureScheme) -> bool:
    return scheme.tls13


def _in_handshake(scheme: SignatureScheme) -> bool:
    return scheme.tls13 or scheme.tls12


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
