"""Finite-field Diffie-Hellman over the groups of RFC 7919, behind one function.

pyca/cryptography does it in half the time of `gmpy2.powmod_sec` (constant time too; extra `ffdhe`), and will
drop it: then the extra takes over. Python's own `pow` is no choice: its time depends on the exponent.
"""

from __future__ import annotations

import importlib
import warnings
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from typing import Any, Final

from cryptography.utils import CryptographyDeprecationWarning

from lucidtls.crypto.randomness import Random
from lucidtls.errors import ConfigurationError

GENERATOR: Final = 2
"""The generator of every group of RFC 7919 Appendix A."""


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
        return _prime(self.bits, self.offset)

    def choose_exponent(self, random: Random) -> int:
        """Draw a secret exponent of exactly `exponent_bits` bits (RFC 7919 §5.2)."""
        top = 1 << (self.exponent_bits - 1)
        return int.from_bytes(random((self.exponent_bits + 7) // 8), "big") % top | top


@cache
def _prime(bits: int, offset: int) -> int:
    """p = 2^b - 2^(b-64) + {[2^(b-130) e] + X} * 2^64 - 1 (RFC 7919 Appendix A)."""
    guard = 64
    term = 1 << (bits - 130 + guard)
    total, divisor = 0, 1
    while term:
        total += term
        term //= divisor
        divisor += 1
    return (1 << bits) - (1 << (bits - 64)) + (((total >> guard) + offset) << 64) - 1


Power = Callable[[FiniteField, int, int], bytes]
"""Raises a base to a secret exponent in a field, in time that does not depend on the exponent's bits."""


def ffdh_exchange(field: FiniteField, base: int, exponent: int) -> bytes:
    """Raise `base` to a secret exponent modulo p, big-endian and padded to the size of p.

    With the generator as base the result is a public value (RFC 9846 §4.3.8.1), with the peer's public value
    it is the shared secret (RFC 9846 §7.4.1). The caller has checked 1 < base < p-1.
    """
    power = power_function()
    if power is None:
        raise ConfigurationError("finite-field Diffie-Hellman needs the extra lucidtls[ffdhe]")
    return power(field, base, exponent)


@cache
def power_function() -> Power | None:
    """Choose the modular exponentiation for this process: pyca, else gmpy2, else there is none."""
    return pyca_power() or gmpy2_power()


def gmpy2_power() -> Power | None:
    """Return the exponentiation by gmpy2, None where it is not installed."""
    # Not a plain import: gmpy2 takes 70 ms to load, and few connections ever use a finite field.
    try:
        powmod_sec: Callable[[int, int, int], int] = importlib.import_module("gmpy2").powmod_sec
    except (ImportError, AttributeError):
        return None

    def power(field: FiniteField, base: int, exponent: int) -> bytes:
        return int(powmod_sec(base, exponent, field.prime)).to_bytes(field.length, "big")

    return power


def pyca_power() -> Power | None:
    """Return the exponentiation by pyca's Diffie-Hellman exchange, None in a version that dropped it."""
    # Touching the names of the classes is what warns; using the classes does not.
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "Diffie-Hellman over finite fields", CryptographyDeprecationWarning)
        try:
            dh: Any = importlib.import_module("cryptography.hazmat.primitives.asymmetric.dh")
            parameter_numbers, public_numbers = dh.DHParameterNumbers, dh.DHPublicNumbers
            private_numbers = dh.DHPrivateNumbers
        except (ImportError, AttributeError):
            return None

    def power(field: FiniteField, base: int, exponent: int) -> bytes:
        parameters = parameter_numbers(field.prime, GENERATOR)
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
