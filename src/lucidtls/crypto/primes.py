"""The primes of Diffie-Hellman groups: the well-known ones by their formulas, and a test for all others."""

from __future__ import annotations

import importlib
import warnings
from dataclasses import dataclass
from functools import cache, lru_cache
from typing import Any, Final, Literal

from cryptography.utils import CryptographyDeprecationWarning

MODP_OFFSETS: Final = {
    768: 149686,
    1024: 129093,
    1536: 741804,
    2048: 124476,
    3072: 1690314,
    4096: 240904,
    6144: 929484,
    8192: 4743158,
}
"""The MODP groups of IKE by size in bits, with what their formula adds (RFC 2409 §6.1 and §6.2, RFC 3526 §2
to §7). All are safe primes, and their generator is 2."""

_GUARD: Final = 64
_REPETITIONS: Final = 28
"""For gmpy2: Baillie-PSW, of which no counterexample is known, and four rounds of Miller-Rabin."""


@cache
def ffdhe_prime(bits: int, offset: int) -> int:
    """p = 2^b - 2^(b-64) + {[2^(b-130) e] + X} * 2^64 - 1 (RFC 7919 Appendix A)."""
    term = 1 << (bits - 130 + _GUARD)
    total, divisor = 0, 1
    while term:
        total += term
        term //= divisor
        divisor += 1
    return (1 << bits) - (1 << (bits - 64)) + (((total >> _GUARD) + offset) << 64) - 1


@cache
def modp_prime(bits: int) -> int:
    """p = 2^b - 2^(b-64) - 1 + 2^64 * {[2^(b-130) pi] + X} (RFC 3526 §2)."""
    unit = 1 << (bits - 130 + _GUARD)
    # Machin: pi = 16 arctan(1/5) - 4 arctan(1/239).
    pi = 16 * _arctan_of_inverse(5, unit) - 4 * _arctan_of_inverse(239, unit)
    return (1 << bits) - (1 << (bits - 64)) - 1 + (((pi >> _GUARD) + MODP_OFFSETS[bits]) << 64)


def _arctan_of_inverse(divisor: int, unit: int) -> int:
    """arctan(1/divisor) in fixed point, by its power series."""
    power = unit // divisor
    total, odd, sign = 0, 1, 1
    while power:
        total += sign * (power // odd)
        power //= divisor * divisor
        odd, sign = odd + 2, -sign
    return total


Judgement = Literal["composite", "prime", "safe prime"]
"""A safe prime is one where (p-1)/2 is prime too: its field has no small subgroup to be forced into."""


@lru_cache(maxsize=64)
def judge_prime(number: int) -> Judgement:
    """Test an odd number. Without gmpy2 only a safe prime is told from the rest, which counts as composite.

    Takes the longer the longer the number, with the third power and more: callers bound it by
    `longest_unknown`. Answers are kept, because a server that has a prime of its own sends it always.
    """
    gmpy2 = load_gmpy2()
    if gmpy2 is None:
        return "safe prime" if _is_safe_for_pyca(number) else "composite"
    if not gmpy2.is_prime(number, _REPETITIONS):
        return "composite"
    return "safe prime" if gmpy2.is_prime(number >> 1, _REPETITIONS) else "prime"


def longest_unknown() -> int:
    """The most bits that a prime may have which nobody knows: what half a second or so can test and use."""
    return 2048 if load_gmpy2() is None else 4096


def _is_safe_for_pyca(number: int) -> bool:
    """Ask pyca, which takes parameters of safe primes only (DH_check of OpenSSL)."""
    dh = load_pyca_dh()
    if dh is None:
        return False
    try:
        dh.DHParameterNumbers(number, 2).parameters()
    except ValueError:
        return False
    return True


def load_gmpy2() -> Any:
    """Return gmpy2, None where it is not installed."""
    # Not a plain import: gmpy2 takes 70 ms to load, and few connections ever use a finite field.
    try:
        return importlib.import_module("gmpy2")
    except ImportError:
        return None


@dataclass(frozen=True, slots=True)
class PycaDH:
    """The classes of pyca's Diffie-Hellman that we use."""

    DHParameterNumbers: Any
    DHPublicNumbers: Any
    DHPrivateNumbers: Any


def load_pyca_dh() -> PycaDH | None:
    """Return pyca's Diffie-Hellman, None in a version that dropped it."""
    # Touching the names of the classes is what warns; using the classes does not.
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "Diffie-Hellman over finite fields", CryptographyDeprecationWarning)
        try:
            dh: Any = importlib.import_module("cryptography.hazmat.primitives.asymmetric.dh")
            return PycaDH(dh.DHParameterNumbers, dh.DHPublicNumbers, dh.DHPrivateNumbers)
        except (ImportError, AttributeError):
            return None
