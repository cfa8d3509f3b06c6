"""Which connections a test makes in the versions before TLS 1.3.

Where one process takes many connections: every cipher suite with every signature, the groups taking turns.
Where every connection costs a process: every suite once, signatures and groups taking turns, and each of
those at least once too. Each trial is for one version and one key exchange, because that is how the report
counts.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from itertools import product

from tests.interop.pki import key_kind_of
from tests.interop.settings import SLOW_GROUPS, Older
from tests.interop.suites import SIGNED_EXCHANGES, SUITES, TLS_12

CURVES_OF_KEYS = {"p256": "secp256r1", "p384": "secp384r1", "p521": "secp521r1"}
OTHER_CURVES = (("ecdsa_secp256r1_sha256", "p384"), ("ecdsa_secp384r1_sha384", "p256"))

OWN_PARAMETERS = "own parameters"  # in the place of a group: the server's prime, whatever it is

Signer = tuple[str | None, str | None]  # signature scheme, where there is one to name; kind of key


@dataclass(frozen=True, slots=True)
class Trial:
    """What one connection must negotiate."""

    version: str
    suite: str
    scheme: str | None = None
    key: str | None = None  # kind of the server's certificate
    group: str | None = None

    def __str__(self) -> str:
        return " ".join(filter(None, (self.version, self.suite, self.scheme, self.key, self.group)))

    @property
    def exchange(self) -> str:
        """The key exchange."""
        return SUITES[self.suite].exchange

    @property
    def groups(self) -> tuple[str, ...] | None:
        """What a client must offer: the curve of the server's key as well (RFC 8422 §5.1.1)."""
        if self.group is None:
            return None
        if self.group == OWN_PARAMETERS:
            return ("x25519",)  # and none of the fields of RFC 7919, for they would be chosen
        of_key = CURVES_OF_KEYS.get(self.key or "", self.group)
        return tuple(dict.fromkeys((self.group, of_key)))


def fits(exchange: str, kind: str) -> bool:
    """Whether a kind of key authenticates a key exchange."""
    return kind.startswith("rsa") == exchange.endswith("RSA")


def signers(older: Older, version: str, exchange: str) -> tuple[Signer, ...]:
    """Return what a server can sign with, or decrypt with, or authenticate with at all."""
    if exchange in {"RSA", "RSA_PSK"}:
        return ((None, "rsa2048"),)
    if exchange not in SIGNED_EXCHANGES:
        return ((None, None),)
    if version != TLS_12:
        return tuple((None, kind) for kind in older.legacy_keys if fits(exchange, kind))
    found = [(scheme, key_kind_of(scheme)) for scheme in older.schemes]
    if older.any_curve:
        found += OTHER_CURVES
    return tuple(signer for signer in found if fits(exchange, signer[1]))


def groups(older: Older, suite: str) -> tuple[str | None, ...]:
    """Return the groups that take turns with a suite: those with fast arithmetic, and a prime of nobody's."""
    row = SUITES[suite]
    if row.elliptic_curve:
        return older.curves
    if not row.finite_field:
        return (None,)
    return (OWN_PARAMETERS, *(group for group in older.finite_fields if group not in SLOW_GROUPS))


def slow_groups(older: Older, suite: str) -> tuple[str, ...]:
    """Return the groups that get one connection each."""
    return tuple(
        group for group in older.finite_fields if SUITES[suite].finite_field and group in SLOW_GROUPS
    )


def suites_of(older: Older, version: str, exchange: str) -> tuple[str, ...]:
    """Return the suites of a key exchange in a version."""
    return tuple(
        suite for suite in older.suites if SUITES[suite].exchange == exchange and older.runs(suite, version)
    )


@cache
def full(older: Older, version: str, exchange: str) -> tuple[Trial, ...]:
    """Return every suite with every signature."""
    suites, signing = suites_of(older, version, exchange), signers(older, version, exchange)
    return _in_turn(older, version, list(product(suites, signing)))


@cache
def each_once(older: Older, version: str, exchange: str) -> tuple[Trial, ...]:
    """Return every suite, every signature and every group, each at least once."""
    suites, signing = suites_of(older, version, exchange), signers(older, version, exchange)
    number = max(len(suites), len(signing)) if suites and signing else 0
    turns = [(suites[turn % len(suites)], signing[turn % len(signing)]) for turn in range(number)]
    return _in_turn(older, version, turns)


def _in_turn(older: Older, version: str, pairs: list[tuple[str, Signer]]) -> tuple[Trial, ...]:
    """Return a trial for each pair, with groups that take turns; more when there are more groups."""
    if not pairs:
        return ()
    fast, slow = groups(older, pairs[0][0]), slow_groups(older, pairs[0][0])
    number = max(len(pairs), len(fast))
    chosen = [(*pairs[turn % len(pairs)], fast[turn % len(fast)]) for turn in range(number)]
    chosen += [(*pairs[turn % len(pairs)], group) for turn, group in enumerate(slow)]
    return tuple(Trial(version, suite, scheme, key, group) for suite, (scheme, key), group in chosen)


def possible(older: Older, version: str, exchange: str) -> int:
    """Return how many combinations of suite, signature and group there are."""
    return len(signers(older, version, exchange)) * sum(
        len(groups(older, suite) + slow_groups(older, suite)) for suite in suites_of(older, version, exchange)
    )


def exchanges(older: Older) -> Iterator[tuple[str, str]]:
    """Yield the versions and key exchanges that a peer has."""
    for version in older.versions:
        for exchange in older.exchanges():
            if full(older, version, exchange):
                yield version, exchange
