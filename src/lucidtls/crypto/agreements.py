"""The ways two sides come to a shared secret: curves, finite fields, KEMs, and two of them together.

Each way is an `Agreement`. It is handed shares of the right length only (`groups.Group` sees to that)
and raises IllegalParameter for a share that is wrong in any other way.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from typing import Any, Final, Protocol

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from lucidtls.crypto.ffdh import GENERATOR, FiniteField, ffdh_exchange, power_function
from lucidtls.crypto.randomness import Random, system_random
from lucidtls.errors import ConfigurationError, IllegalParameter

Finish = Callable[[bytes], bytes]
"""Turns the server's share into the shared secret."""


class Agreement(Protocol):
    """One way to agree on a secret; share lengths in bytes."""

    @property
    def client_share_length(self) -> int:
        """The length of what the client sends."""
        ...

    @property
    def server_share_length(self) -> int:
        """The length of what the server answers."""
        ...

    def available(self) -> bool:
        """Tell whether the libraries here can do it; asked once per process."""
        ...

    def generate(self, random: Random) -> tuple[bytes, Finish]:
        """Make the client's share and what finishes the exchange."""
        ...

    def respond(self, client_share: bytes, random: Random) -> tuple[bytes, bytes]:
        """Make the server's share and the shared secret."""
        ...


@cache
def _probe(generate: Callable[[], object]) -> bool:
    """Tell whether pyca can make a key, by making one: a build may lack an algorithm it has names for."""
    try:
        generate()
    except UnsupportedAlgorithm:
        return False
    return True


class _RawPublicKey(Protocol):
    def public_bytes_raw(self) -> bytes: ...


class _MontgomeryKey(Protocol):
    def public_key(self) -> _RawPublicKey: ...

    def exchange(self, peer_public_key: Any, /) -> bytes: ...


@dataclass(frozen=True, slots=True, eq=False)
class MontgomeryAgreement:
    """X25519 or X448 (RFC 7748 §6). The private key is `length` random bytes, used as they are."""

    name: str
    length: int
    generate_key: Callable[[], _MontgomeryKey]
    private_key: Callable[[bytes], _MontgomeryKey]
    public_key: Callable[[bytes], object]

    @property
    def client_share_length(self) -> int:
        """Both sides send one u-coordinate."""
        return self.length

    server_share_length = client_share_length

    def available(self) -> bool:
        """Tell whether pyca can do this curve (a FIPS build cannot)."""
        return _probe(self.generate_key)

    def generate(self, random: Random) -> tuple[bytes, Finish]:
        """Make a key pair."""
        key = self._new_key(random)
        return key.public_key().public_bytes_raw(), lambda share: self._exchange(key, share)

    def respond(self, client_share: bytes, random: Random) -> tuple[bytes, bytes]:
        """Make a key pair and exchange at once."""
        key = self._new_key(random)
        return key.public_key().public_bytes_raw(), self._exchange(key, client_share)

    def _new_key(self, random: Random) -> _MontgomeryKey:
        return self.generate_key() if random is system_random else self.private_key(random(self.length))

    def _exchange(self, key: _MontgomeryKey, share: bytes) -> bytes:
        # "Implementations MUST check whether the computed Diffie-Hellman shared secret is the all-zero value
        # and abort if so" (RFC 9846 §7.4.2). pyca checks and raises; it has no other reason to.
        try:
            return key.exchange(self.public_key(share))
        except ValueError as error:
            raise IllegalParameter(
                "the peer's share gives the all-zero secret", algorithm=self.name, clause="RFC 9846 §7.4.2"
            ) from error


_ECDH: Final = ec.ECDH()


@dataclass(frozen=True, slots=True, eq=False)
class CurveAgreement:
    """ECDH over a NIST curve with uncompressed points. The secret is the x-coordinate at full length."""

    name: str
    curve: ec.EllipticCurve
    coordinate_length: int

    @property
    def client_share_length(self) -> int:
        """Both sides send 0x04 || X || Y."""
        return 1 + 2 * self.coordinate_length

    server_share_length = client_share_length

    def available(self) -> bool:
        """Tell whether pyca can do this curve."""
        return _can_use_curve(self.curve)

    def generate(self, random: Random) -> tuple[bytes, Finish]:
        """Make a key pair."""
        key = self._new_key(random)
        return _point(key), lambda share: self._exchange(key, share)

    def respond(self, client_share: bytes, random: Random) -> tuple[bytes, bytes]:
        """Make a key pair and exchange at once."""
        key = self._new_key(random)
        return _point(key), self._exchange(key, client_share)

    def _new_key(self, random: Random) -> ec.EllipticCurvePrivateKey:
        """Make a key; from injected randomness by FIPS 186-5 A.2.1, with 64 bits more than the order has."""
        if random is system_random:
            return ec.generate_private_key(self.curve)
        candidate = int.from_bytes(random(self.coordinate_length + 8), "big")
        return ec.derive_private_key(candidate % (self.curve.group_order - 1) + 1, self.curve)

    def _exchange(self, key: ec.EllipticCurvePrivateKey, share: bytes) -> bytes:
        if share[0] != 4:
            raise IllegalParameter(
                "the peer's point is not in uncompressed form",
                algorithm=self.name,
                form=share[0],
                clause="RFC 9846 §4.3.8.2",
            )
        # "peers MUST validate each other's public value Q by ensuring that the point is a valid point on
        # the elliptic curve" (RFC 9846 §4.3.8.2): reading it does, range and equation both.
        try:
            peer = ec.EllipticCurvePublicKey.from_encoded_point(self.curve, share)
        except ValueError as error:
            raise IllegalParameter(
                "the peer's point is not on the curve", algorithm=self.name, clause="RFC 9846 §4.3.8.2"
            ) from error
        return key.exchange(_ECDH, peer)


def _point(key: ec.EllipticCurvePrivateKey) -> bytes:
    return key.public_key().public_bytes(Encoding.X962, PublicFormat.UncompressedPoint)


@cache
def _can_use_curve(curve: ec.EllipticCurve) -> bool:
    try:
        ec.generate_private_key(curve)
    except UnsupportedAlgorithm:
        return False
    return True


@dataclass(frozen=True, slots=True, eq=False)
class FiniteFieldAgreement:
    """Diffie-Hellman in a finite field of RFC 7919; public values and secrets padded to the modulus."""

    field: FiniteField

    @property
    def client_share_length(self) -> int:
        """Both sides send Y = g^X mod p."""
        return self.field.length

    server_share_length = client_share_length

    def available(self) -> bool:
        """Tell whether there is a constant-time modular exponentiation."""
        return power_function() is not None

    def generate(self, random: Random) -> tuple[bytes, Finish]:
        """Draw an exponent and make its public value."""
        exponent = self.field.choose_exponent(random)
        public = ffdh_exchange(self.field, GENERATOR, exponent)
        return public, lambda share: ffdh_exchange(self.field, self._public_value(share), exponent)

    def respond(self, client_share: bytes, random: Random) -> tuple[bytes, bytes]:
        """Draw an exponent and exchange at once; the peer's value is checked before any work."""
        value = self._public_value(client_share)
        exponent = self.field.choose_exponent(random)
        secret = ffdh_exchange(self.field, value, exponent)
        return ffdh_exchange(self.field, GENERATOR, exponent), secret

    def _public_value(self, share: bytes) -> int:
        value = int.from_bytes(share, "big")
        # "Peers MUST validate each other's public key Y by ensuring that 1 < Y < p-1."
        if not 1 < value < self.field.prime - 1:
            raise IllegalParameter(
                "the peer's public value is outside 1 < Y < p-1",
                algorithm=self.field.name,
                clause="RFC 9846 §4.3.8.1",
            )
        return value


class _EncapsulationKey(Protocol):
    def public_bytes_raw(self) -> bytes: ...

    def encapsulate(self) -> tuple[bytes, bytes]: ...


class _DecapsulationKey(Protocol):
    def public_key(self) -> _EncapsulationKey: ...

    def decapsulate(self, ciphertext: bytes, /) -> bytes: ...


_SEED_LENGTH: Final = 64
"""d and z of ML-KEM.KeyGen_internal, 32 bytes each (FIPS 203 §6.1)."""


@dataclass(frozen=True, slots=True, eq=False)
class EncapsulationAgreement:
    """ML-KEM (FIPS 203): the client sends an encapsulation key, the server a ciphertext.

    Encapsulation draws its randomness inside the library, so a server's answer is fresh even under an
    injected `Random`. The key functions are None where the library has no such parameter set.
    """

    name: str
    client_share_length: int
    server_share_length: int
    generate_key: Callable[[], _DecapsulationKey] | None
    key_from_seed: Callable[[bytes], _DecapsulationKey] | None
    public_key: Callable[[bytes], _EncapsulationKey] | None

    def available(self) -> bool:
        """Tell whether pyca can do this parameter set."""
        return self.generate_key is not None and _probe(self.generate_key)

    def generate(self, random: Random) -> tuple[bytes, Finish]:
        """Make a key pair from 64 random bytes; what finishes is decapsulation."""
        if self.generate_key is None or self.key_from_seed is None:
            raise ConfigurationError(f"cryptography has no {self.name}")
        key = self.generate_key() if random is system_random else self.key_from_seed(random(_SEED_LENGTH))
        return key.public_key().public_bytes_raw(), key.decapsulate

    def respond(self, client_share: bytes, random: Random) -> tuple[bytes, bytes]:
        """Check the client's key (FIPS 203 §7.2: every coefficient below q) and encapsulate to it."""
        if self.public_key is None:
            raise ConfigurationError(f"cryptography has no {self.name}")
        try:
            key = self.public_key(client_share)
        except ValueError as error:
            raise IllegalParameter(
                "the client's ML-KEM key has a coefficient out of range",
                algorithm=self.name,
                clause="FIPS 203 §7.2",
            ) from error
        secret, ciphertext = key.encapsulate()
        return ciphertext, secret


@dataclass(frozen=True, slots=True, eq=False)
class HybridAgreement:
    """Two agreements side by side: shares and secrets are concatenated, all in the same order."""

    first: Agreement
    second: Agreement

    @property
    def client_share_length(self) -> int:
        """The two lengths together."""
        return self.first.client_share_length + self.second.client_share_length

    @property
    def server_share_length(self) -> int:
        """The two lengths together."""
        return self.first.server_share_length + self.second.server_share_length

    def available(self) -> bool:
        """Both or nothing."""
        return self.first.available() and self.second.available()

    def generate(self, random: Random) -> tuple[bytes, Finish]:
        """Make both shares."""
        first_share, first_finish = self.first.generate(random)
        second_share, second_finish = self.second.generate(random)
        split = self.first.server_share_length

        def finish(share: bytes) -> bytes:
            return first_finish(share[:split]) + second_finish(share[split:])

        return first_share + second_share, finish

    def respond(self, client_share: bytes, random: Random) -> tuple[bytes, bytes]:
        """Answer both shares."""
        split = self.first.client_share_length
        first_share, first_secret = self.first.respond(client_share[:split], random)
        second_share, second_secret = self.second.respond(client_share[split:], random)
        return first_share + second_share, first_secret + second_secret
