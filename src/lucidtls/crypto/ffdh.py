"""Finite-field Diffie-Hellman, behind one function: in the groups of RFC 7919, and in a server's own.

pyca/cryptography does it in half the time of `gmpy2.powmod_sec` (constant time too; extra `ffdhe`), and will
drop it: then the extra takes over. Python's own `pow` is no choice: its time depends on the exponent.

In a field that OpenSSL does not know by name gmpy2 comes first: there pyca tests with every key whether the
prime is a safe one, 0.3 s for 2048 bits, and takes no other.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from typing import Final, Protocol

from lucidtls.crypto.primes import MODP_OFFSETS, ffdhe_prime, load_gmpy2, load_pyca_dh, modp_prime
from lucidtls.crypto.randomness import Random
from lucidtls.errors import ConfigurationError

GENERATOR: Final = 2
"""The generator of every group of RFC 7919 Appendix A."""


class Field(Protocol):
    """A prime and a generator; `length` of public values and padded secrets in bytes.

    `standard` tells that the library below knows the field by name, and so that its prime is safe.
    """

    @property
    def name(self) -> str:
        """What to call it in errors and traces."""
        ...

    @property
    def bits(self) -> int:
        """The length of the prime in bits."""
        ...

    @property
    def length(self) -> int:
        """The length of the prime in bytes."""
        ...

    @property
    def prime(self) -> int:
        """The modulus p."""
        ...

    @property
    def generator(self) -> int:
        """The generator g."""
        ...

    @property
    def standard(self) -> bool:
        """Whether OpenSSL knows it."""
        ...

    def choose_exponent(self, random: Random) -> int:
        """Draw a secret exponent."""
        ...


@dataclass(frozen=True, slots=True, eq=False)
class FiniteField:
    """One group of RFC 7919 Appendix A; sizes in bits.

    `offset` is the X of its definition, `exponent_bits` how long secret exponents are.
    """

    name: str
    bits: int
    offset: int
    exponent_bits: int

    @property
    def length(self) -> int:
        """The length of a public value and of the shared secret in bytes."""
        return self.bits // 8

    @property
    def prime(self) -> int:
        """The modulus p, computed when first asked for."""
        return ffdhe_prime(self.bits, self.offset)

    @property
    def generator(self) -> int:
        """The generator is 2."""
        return GENERATOR

    @property
    def standard(self) -> bool:
        """OpenSSL knows these groups."""
        return True

    def choose_exponent(self, random: Random) -> int:
        """Draw a secret exponent of exactly `exponent_bits` bits (RFC 7919 §5.2)."""
        return _draw(self.exponent_bits, random)


def _draw(bits: int, random: Random) -> int:
    """Draw a number of exactly so many bits."""
    top = 1 << (bits - 1)
    return int.from_bytes(random((bits + 7) // 8), "big") % top | top


@dataclass(frozen=True, slots=True, eq=False)
class ForeignField:
    """A field that a server chose itself, as TLS 1.2 and before allow.

    The caller has checked prime and generator (`dh12.check_parameters`). Exponents are as long as the prime,
    unless that is known to be a safe one: then they are as long as in the group of RFC 7919 of that size.
    """

    prime: int
    generator: int
    safe_prime: bool = False

    @property
    def name(self) -> str:
        """The name of the group, or its size."""
        return known_field(self.prime, self.generator) or f"a field of {self.bits} bits"

    @property
    def bits(self) -> int:
        """The length of the prime in bits."""
        return self.prime.bit_length()

    @property
    def length(self) -> int:
        """The length of a public value and of the padded secret in bytes."""
        return (self.bits + 7) // 8

    @property
    def standard(self) -> bool:
        """OpenSSL knows the groups of RFC 7919 and RFC 3526, but not the two of RFC 2409."""
        return self.bits >= 1536 and known_field(self.prime, self.generator) is not None

    def choose_exponent(self, random: Random) -> int:
        """Draw a secret exponent, one bit shorter than the prime at most."""
        short = next((field.exponent_bits for field in FIELDS if field.bits >= self.bits), None)
        return _draw(short if self.safe_prime and short is not None else self.bits - 1, random)


Power = Callable[[Field, int, int], bytes]
"""Raises a base to a secret exponent in a field, in time that does not depend on the exponent's bits."""


def ffdh_exchange(field: Field, base: int, exponent: int) -> bytes:
    """Raise `base` to a secret exponent modulo p, big-endian and padded to the size of p.

    With the generator as base the result is a public value (RFC 9846 §4.3.8.1), with the peer's public value
    it is the shared secret (RFC 9846 §7.4.1). The caller has checked 1 < base < p-1.
    """
    power = power_function() if field.standard else power_elsewhere()
    if power is None:
        raise ConfigurationError("finite-field Diffie-Hellman needs the extra lucidtls[ffdhe]")
    return power(field, base, exponent)


@cache
def power_function() -> Power | None:
    """Choose the modular exponentiation for this process: pyca, else gmpy2, else there is none."""
    return pyca_power() or gmpy2_power()


@cache
def power_elsewhere() -> Power | None:
    """Choose the modular exponentiation for fields that OpenSSL does not know."""
    return gmpy2_power() or pyca_power()


def gmpy2_power() -> Power | None:
    """Return the exponentiation by gmpy2, None where it is not installed."""
    gmpy2 = load_gmpy2()
    if gmpy2 is None:
        return None
    powmod_sec: Callable[[int, int, int], int] = gmpy2.powmod_sec

    def power(field: Field, base: int, exponent: int) -> bytes:
        return int(powmod_sec(base, exponent, field.prime)).to_bytes(field.length, "big")

    return power


def pyca_power() -> Power | None:
    """Return the exponentiation by pyca's Diffie-Hellman exchange, None in a version that dropped it."""
    dh = load_pyca_dh()
    if dh is None:
        return None
    parameter_numbers, public_numbers = dh.DHParameterNumbers, dh.DHPublicNumbers
    private_numbers = dh.DHPrivateNumbers

    def power(field: Field, base: int, exponent: int) -> bytes:
        parameters = parameter_numbers(field.prime, field.generator)
        # A private key wants a public value at its side; the exchange never looks at it.
        private_key = private_numbers(exponent, public_numbers(GENERATOR, parameters)).private_key()
        secret: bytes = private_key.exchange(public_numbers(base, parameters).public_key())
        return secret

    return power


FFDHE2048 = FiniteField("ffdhe2048", 2048, 560316, 225)
FFDHE3072 = FiniteField("ffdhe3072", 3072, 2625351, 275)
FFDHE4096 = FiniteField("ffdhe4096", 4096, 5736041, 325)
FFDHE6144 = FiniteField("ffdhe6144", 6144, 15705020, 375)
FFDHE8192 = FiniteField("ffdhe8192", 8192, 10965728, 400)
FIELDS: Final = (FFDHE2048, FFDHE3072, FFDHE4096, FFDHE6144, FFDHE8192)
"""The groups of RFC 7919, smallest first."""


def known_field(prime: int, generator: int) -> str | None:
    """Name a group of RFC 7919 ("ffdhe2048"), RFC 3526 or RFC 2409 ("modp2048"); None for any other."""
    return known_prime(prime) if generator == GENERATOR else None


def known_prime(prime: int) -> str | None:
    """Name the group that a prime belongs to; all of these are safe primes."""
    bits = prime.bit_length()
    for field in FIELDS:
        if field.bits == bits and field.prime == prime:
            return field.name
    return f"modp{bits}" if bits in MODP_OFFSETS and modp_prime(bits) == prime else None
