"""What one side of an interop connection is asked to do, and what it says happened.

The same words serve our engine and every peer, so that a test is written once. All algorithm names are
IANA's; each peer module translates to its own spelling.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import Enum
from hashlib import sha256
from pathlib import Path
from typing import Any

from tests.interop.suites import KEY_EXCHANGES, OLDER_VERSIONS, SUITES, TLS_12

AES_128_GCM = "TLS_AES_128_GCM_SHA256"
AES_256_GCM = "TLS_AES_256_GCM_SHA384"
CHACHA20 = "TLS_CHACHA20_POLY1305_SHA256"
AES_128_CCM = "TLS_AES_128_CCM_SHA256"
AES_128_CCM_8 = "TLS_AES_128_CCM_8_SHA256"

COMMON_SUITES = (AES_128_GCM, AES_256_GCM, CHACHA20)
ALL_SUITES = (*COMMON_SUITES, AES_128_CCM, AES_128_CCM_8)

NIST_CURVES = ("secp256r1", "secp384r1", "secp521r1")
FFDHE = ("ffdhe2048", "ffdhe3072", "ffdhe4096", "ffdhe6144", "ffdhe8192")
CLASSICAL_GROUPS = ("x25519", *NIST_CURVES, "x448", *FFDHE)
HYBRID_GROUPS = ("X25519MLKEM768", "SecP256r1MLKEM768", "SecP384r1MLKEM1024")
PURE_ML_KEM = ("MLKEM768", "MLKEM1024")
SLOW_GROUPS = frozenset(
    {"ffdhe3072", "ffdhe4096", "ffdhe6144", "ffdhe8192"}
)  # 5 to 100 ms for each exponentiation

RSAE_SCHEMES = ("rsa_pss_rsae_sha256", "rsa_pss_rsae_sha384", "rsa_pss_rsae_sha512")
PSS_SCHEMES = ("rsa_pss_pss_sha256", "rsa_pss_pss_sha384", "rsa_pss_pss_sha512")
ECDSA_SCHEMES = ("ecdsa_secp256r1_sha256", "ecdsa_secp384r1_sha384", "ecdsa_secp521r1_sha512")
EDDSA_SCHEMES = ("ed25519", "ed448")
PKCS1_SCHEMES = ("rsa_pkcs1_sha256", "rsa_pkcs1_sha384", "rsa_pkcs1_sha512")
SHA1_SCHEMES = ("rsa_pkcs1_sha1", "ecdsa_sha1")
ML_DSA_SCHEMES = ("mldsa44", "mldsa65", "mldsa87")
OLDER_SCHEMES = (*RSAE_SCHEMES, *PSS_SCHEMES, *PKCS1_SCHEMES, *ECDSA_SCHEMES, *EDDSA_SCHEMES, *SHA1_SCHEMES)
LEGACY_KEYS = ("rsa2048", "p256", "p384", "p521")
CLASSICAL_SCHEMES = (*RSAE_SCHEMES, *PSS_SCHEMES, *ECDSA_SCHEMES, *EDDSA_SCHEMES)

SERVER = "server"  # the peer's role
CLIENT = "client"

EMS = "extended_master_secret"
ETM = "encrypt_then_mac"

WRONG_NAME = "wrong name"
STRANGER = "unknown issuer"

PATTERN_LENGTH = 251  # prime, so that a record lost, doubled or out of place shifts the pattern


def pattern(length: int) -> bytes:
    """Return the test data that every side can make for itself: 0, 1, ... 250, 0, 1, ..."""
    whole = bytes(range(PATTERN_LENGTH))
    return (whole * (length // PATTERN_LENGTH + 1))[:length]


def digest_of(data: bytes) -> str:
    """Return the SHA-256 of `data` in hexadecimal."""
    return sha256(data).hexdigest()


class ClientAuthentication(Enum):
    """What a server asks of its clients."""

    NONE = "none"
    REQUEST = "request"
    REQUIRE = "require"


@dataclass(frozen=True, slots=True)
class Identity:
    """A certificate chain and its key as files, for peers that only read files."""

    name: str
    chain: Path  # PEM, leaf first
    key: Path  # PEM, PKCS #8 without a password
    leaf_digest: str


@dataclass(frozen=True, slots=True)
class SharedKey:
    """A pre-shared key of RFC 4279. The identity is text and the hint too, because command lines are."""

    identity: str
    key: bytes
    hint: str | None = None


SHARED_KEY = SharedKey("interop-client", bytes(range(32)))

PSK_13, TICKET_12, ID_12 = "TLS 1.3, PSK", "TLS 1.2, ticket", "TLS 1.2, session id"  # ways to resume


@dataclass(frozen=True, slots=True)
class Exporter:
    """Keying material to be exported, without a context."""

    label: str
    length: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """How one side is set up. None means the side's own default."""

    trust: Path
    identity: Identity | None = None
    server_name: str | None = None
    alpn: tuple[str, ...] = ()
    suites: tuple[str, ...] | None = None
    groups: tuple[str, ...] | None = None
    shares: tuple[str, ...] | None = None  # ours only: groups in the first ClientHello's key_share
    schemes: tuple[str, ...] | None = None  # accepted from the peer
    signs_with: tuple[str, ...] | None = None  # ours only: schemes of our own signature
    client_authentication: ClientAuthentication = ClientAuthentication.NONE
    versions: tuple[str, ...] = ("TLS 1.3",)
    psk: SharedKey | None = None
    dh_parameters: Path | None = None  # PEM
    extended_master_secret: bool = True
    encrypt_then_mac: bool = True
    anonymous: bool = False  # a client that takes a server without a certificate
    tickets: bool = True  # False keeps sessions at the server (TLS 1.2 and before)
    session: str | None = (
        None  # a client's connections of this name resume one another; our servers share keys
    )
    fresh_keys: bool = True  # False: the keys of TLS 1.3 come from a pre-shared key alone (psk_ke)
    exporter: Exporter | None = None
    early_data: bytes = b""  # what a client sends that resumes
    max_early_data: int = 0  # what a server takes
    late_authentication: bool = False  # a client allows it, a server of ours is ready to ask
    extra: Mapping[str, Any] = field(default_factory=dict)  # ours only: further fields of the config


@dataclass(frozen=True, slots=True, kw_only=True)
class Facts:
    """What one side says was negotiated. None where it does not tell."""

    version: str | None = None
    suite: str | None = None
    group: str | None = None
    scheme: str | None = None
    alpn: str | None = None
    server_name: str | None = None
    hello_retried: bool | None = None
    peer_leaf: str | None = None  # SHA-256 of the DER
    key_exchange: str | None = None
    extended_master_secret: bool | None = None
    encrypt_then_mac: bool | None = None
    resumed: bool | None = None
    early_data: str | None = None  # "accepted" or "rejected"
    exported: str | None = None  # hexadecimal
    bindings: Mapping[str, str] = field(default_factory=dict)  # channel bindings in hexadecimal


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """How one connection ended for a peer."""

    facts: Facts = field(default_factory=Facts)
    error: str | None = None
    received: int | None = None
    digest: str | None = None  # SHA-256 of what it received after the header
    closed: str | None = None  # "close_notify", "truncated", or None where the peer does not tell
    output: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Older:
    """What a peer can do in one role in the versions before TLS 1.3."""

    suites: tuple[str, ...]
    curves: tuple[str, ...]
    schemes: tuple[str, ...]  # in TLS 1.2's ServerKeyExchange
    client_schemes: tuple[str, ...] = ()  # in TLS 1.2's CertificateVerify
    legacy_keys: tuple[str, ...] = LEGACY_KEYS  # kinds of certificate in TLS 1.0 and 1.1
    any_curve: bool = True  # in TLS 1.2 ecdsa_secp384r1_sha384 is ECDSA with SHA-384 on any curve
    versions: tuple[str, ...] = OLDER_VERSIONS
    finite_fields: tuple[str, ...] = ()  # negotiated by name, as RFC 7919 has it
    old_psk_hashes: bool = False  # SHA-256 and SHA-384 suites with a pre-shared key before TLS 1.2 too
    wants_dh_parameters: bool = False  # has finite fields of its own only from a file
    breaks_after: tuple[str, ...] = ()  # key exchanges whose handshakes succeed, and the program then fails
    encrypt_then_mac: bool = False
    switches: tuple[str, ...] = ()  # what it can be told to leave out: EMS, ETM
    lacks: tuple[tuple[str, str], ...] = ()  # what it cannot do, and why

    def runs(self, suite: str, version: str) -> bool:
        """Whether it negotiates a suite in a version."""
        row = SUITES[suite]
        if version not in self.versions or version not in row.versions:
            return False
        return version == TLS_12 or self.old_psk_hashes or row.hash in {"SHA", "MD5"}

    def exchanges(self) -> tuple[str, ...]:
        """Return its key exchanges, in the order of the report."""
        found = {SUITES[suite].exchange for suite in self.suites}
        return tuple(exchange for exchange in KEY_EXCHANGES if exchange in found)


@dataclass(frozen=True, slots=True, kw_only=True)
class Lasting:
    """What a peer can do in one role that goes beyond one handshake, or comes after it."""

    resumes: tuple[str, ...] = ()
    external_psk: bool = False  # TLS 1.3
    without_fresh_keys: bool = False  # psk_ke
    early_data: bool = False
    exports: tuple[str, ...] = ()  # versions in which it tells exported keying material
    bindings: tuple[tuple[str, str], ...] = ()  # version and kind of the channel bindings that it tells
    late_authentication: bool = False
    lacks: tuple[tuple[str, str], ...] = ()  # what it cannot do, and why


@dataclass(frozen=True, slots=True, kw_only=True)
class Capabilities:
    """What a peer can do in one role."""

    suites: tuple[str, ...] = COMMON_SUITES
    groups: tuple[str, ...] = ()
    schemes: tuple[str, ...] = ()  # in CertificateVerify
    client_schemes: tuple[str, ...] = ()  # of the client's certificates, made or accepted by this peer
    alpn: bool = True
    server_name: bool = True
    chooses_groups: bool = True  # can be told which groups to use
    key_update: bool = False  # can be told to send KeyUpdate
    alerts_about: tuple[str, ...] = (WRONG_NAME, STRANGER)  # refusing for other reasons it says nothing
    cookie_alone: bool = True  # accepts a HelloRetryRequest that asks for nothing but its cookie back
    hybrids_first: bool = False  # whatever the order it was told
    update_before_closing: bool = True  # still says close_notify when it owes a KeyUpdate
    bulk: bool = True  # takes and gives as much data as one likes
    trims_secrets: bool = False  # drops the leading zero octets of finite-field shared secrets
    closings: tuple[str, ...] = (CLIENT, SERVER)  # who can be first to send close_notify
    older: Older | None = None
    lasting: Lasting = Lasting()
