"""Finite-field Diffie-Hellman over the groups of RFC 7919, behind one function.

pyca/cryptography deprecates it and will drop it, so `gmpy2.powmod_sec` (constant time; extra `ffdhe`)
goes first where it is installed. Python's own `pow` is no choice: its time depends on the exponent.
"""

from __future__ import annotations

import importlib
import warnings
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from typing import Any, Final

from cryptography.hazmat.primitives.asymmetric import dh
from cryptography.utils import CryptographyDeprecationWarning

from lucidtls.crypto.randomness import Random
from lucidtls.errors import ConfigurationError

GENERATOR: Final = 2
"""The generator of every group of RFC 7919 Appendix A."""

Power = Callable[[int, int, int], int]


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


def ffdh_exchange(field: FiniteField, base: int, exponent: int) -> bytes:
    """Raise `base` to a secret exponent modulo p, big-endian and padded to the size of p.

    With the generator as base the result is a public value (RFC 9846 §4.3.8.1), with the peer's public value
    it is the shared secret (RFC 9846 §7.4.1). The caller has checked 1 < base < p-1.
    """
    power = power_function()
    if power is None:
        raise ConfigurationError("finite-field Diffie-Hellman needs the extra lucidtls[ffdhe]")
    return power(base, exponent, field.prime).to_bytes(field.length, "big")


@cache
def power_function() -> Power | None:
    """Choose the modular exponentiation for this process: gmpy2, else pyca, else there is none."""
    # Not a plain import: gmpy2 takes 70 ms to load, and few connections ever use a finite field.
    try:
        powmod_sec: Power = importlib.import_module("gmpy2").powmod_sec
    except (ImportError, AttributeError):
        return pyca_power if _PYCA is not None else None
    return lambda base, exponent, modulus: int(powmod_sec(base, exponent, modulus))


def _pyca_classes() -> tuple[Any, Any, Any] | None:
    """Take pyca's three number classes; touching their names is what warns, using them does not."""
    with warnings.catch_warnings():
        warnings.filterwarnings(
            "ignore", r"Diffie-Hellman over finite fields", CryptographyDeprecationWarning
        )
        try:
            return dh.DHParameterNumbers, dh.DHPublicNumbers, dh.DHPrivateNumbers
        except AttributeError:
            return None


_PYCA: Final = _pyca_classes()


def pyca_power(base: int, exponent: int, modulus: int) -> int:
    """Exponentiate by a Diffie-Hellman exchange of pyca's, which checks 1 < base < modulus-1 itself."""
    if _PYCA is None:
        raise ConfigurationError("this version of cryptography has no finite-field Diffie-Hellman")
    parameter_numbers, public_numbers, private_numbers = _PYCA
    parameters = parameter_numbers(modulus, GENERATOR)
    # A private key wants a public value at its side; the exchange never looks at it.
    private_key = private_numbers(exponent, public_numbers(GENERATOR, parameters)).private_key()
    secret: bytes = private_key.exchange(public_numbers(base, parameters).public_key())
    return int.from_bytes(secret, "big")


FFDHE2048 = FiniteField("ffdhe2048", 2048, 560316, 225)
FFDHE3072 = FiniteField("ffdhe3072", 3072, 2625351, 275)
FFDHE4096 = FiniteField("ffdhe4096", 4096, 5736041, 325)
FFDHE6144 = FiniteField("ffdhe6144", 6144, 15705020, 375)
FFDHE8192 = FiniteField("ffdhe8192", 8192, 10965728, 400)
