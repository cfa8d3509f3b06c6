"""Diffie-Hellman as TLS 1.2 and before have it: the server sends a prime, a generator and a public value.

The field need not be one of RFC 7919, so a client has more to check, and does in `check_parameters`: the size
is what is asked for, the prime is one, the values are in range. For a prime that is not a safe one nobody can
tell whether the generator's subgroup is large; `safe_prime` says which it is, and the caller may refuse.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from lucidtls.crypto.ffdh import GENERATOR, Field, ForeignField, ffdh_exchange, known_prime
from lucidtls.crypto.primes import judge_prime, longest_unknown
from lucidtls.crypto.randomness import Random
from lucidtls.errors import IllegalParameter, InsufficientSecurity, NegotiationFailure, UsageError

SMALLEST_BITS: Final = 512
"""The size of export-grade primes, which Logjam broke; neither engine nor any caller goes below."""

_PARAMETERS: Final = "RFC 5246 §7.4.3"


@dataclass(frozen=True, slots=True)
class CheckedParameters:
    """What a server sent, checked. `name` is that of a well-known group, None for a field of its own."""

    field: Field
    public: int
    name: str | None
    safe_prime: bool


def check_parameters(p: bytes, g: bytes, public: bytes, minimum_bits: int) -> CheckedParameters:
    """Check a server's ServerDHParams, cheap checks first; the signature over them is the caller's to check.

    Raises InsufficientSecurity for a prime shorter than `minimum_bits` or too long to test,
    IllegalParameter for what is no prime or no generator, NegotiationFailure (handshake_failure, as RFC 7919
    wants it) for a public value out of range.
    """
    prime, generator, value = (int.from_bytes(one, "big") for one in (p, g, public))
    bits = prime.bit_length()
    _check_size(bits, minimum_bits)
    if not 1 < generator < prime - 1:
        raise IllegalParameter("the server's generator is outside 1 < g < p-1", bits=bits, clause=_PARAMETERS)
    name = known_prime(prime)
    _check_public(prime, value, "RFC 7919 §3")
    safe = name is not None or _check_prime(prime)
    field = ForeignField(prime, generator, safe)
    if not field.standard and bits > longest_unknown():
        # A well-known prime with another generator: it need not be tested, and is as slow to use.
        raise _too_long(bits)
    return CheckedParameters(field, value, name if generator == GENERATOR else None, safe)


def _check_size(bits: int, minimum_bits: int) -> None:
    minimum = max(minimum_bits, SMALLEST_BITS)
    if bits < minimum:
        raise InsufficientSecurity(
            "the server's Diffie-Hellman prime is too short", bits=bits, minimum=minimum, clause="RFC 7919 §3"
        )


def _check_prime(prime: int) -> bool:
    """Test a prime that nobody knows; tell whether it is a safe one."""
    bits = prime.bit_length()
    if bits > longest_unknown():
        raise _too_long(bits)
    judgement = judge_prime(prime) if prime & 1 else "composite"
    if judgement == "composite":
        raise IllegalParameter(
            "the server's Diffie-Hellman modulus is not prime", bits=bits, clause=_PARAMETERS
        )
    return judgement == "safe prime"


def _too_long(bits: int) -> InsufficientSecurity:
    return InsufficientSecurity(
        "the server's Diffie-Hellman parameters are of no group we know, and too long to work with",
        bits=bits,
        maximum=longest_unknown(),
        clause="RFC 7919 §3",
    )


def _check_public(prime: int, value: int, clause: str) -> None:
    """Refuse a public value that forces the secret: "ensuring that 1 < Y < p-1" (RFC 7919 §5.1)."""
    if not 1 < value < prime - 1:
        raise NegotiationFailure(
            "the peer's public value is outside 1 < Y < p-1", bits=prime.bit_length(), clause=clause
        )


def respond_to_parameters(field: Field, server_public: int | bytes, random: Random) -> tuple[bytes, bytes]:
    """Make the client's public value, as long as the prime, and the secret without its leading zeros."""
    value = server_public if isinstance(server_public, int) else int.from_bytes(server_public, "big")
    _check_public(field.prime, value, "RFC 7919 §3")
    exponent = field.choose_exponent(random)
    secret = _agree(field, value, exponent)
    return ffdh_exchange(field, field.generator, exponent), secret


class FieldExchange:
    """The server's half of one exchange: the `public` value to send, and the exponent behind it.

    It completes once. The client's value may come without its leading zeros, or with more of them.
    """

    __slots__ = ("_exponent", "field", "public")

    def __init__(self, field: Field, random: Random) -> None:
        self.field = field
        self._exponent: int | None = field.choose_exponent(random)
        self.public = ffdh_exchange(field, field.generator, self._exponent)

    def __repr__(self) -> str:
        return f"<FieldExchange {self.field.name}{' completed' if self._exponent is None else ''}>"

    def complete(self, client_public: bytes) -> bytes:
        """Return the secret without leading zeros; NegotiationFailure for a value out of range."""
        exponent, self._exponent = self._exponent, None
        if exponent is None:
            raise UsageError("this Diffie-Hellman key was used already")
        value = int.from_bytes(client_public, "big")
        _check_public(self.field.prime, value, "RFC 7919 §4")
        return _agree(self.field, value, exponent)


def _agree(field: Field, value: int, exponent: int) -> bytes:
    secret = strip_secret(ffdh_exchange(field, value, exponent))
    # Only in a field with small subgroups; NIST SP 800-56A (5.7.1.1) wants it refused.
    if secret in (b"", b"\x01"):
        raise NegotiationFailure(
            "the peer's public value forces the secret", group=field.name, clause="RFC 7919 §5.1"
        )
    return secret


def strip_secret(secret: bytes) -> bytes:
    """Take off leading zeros, as no version before TLS 1.3 leaves them in the secret (RFC 5246 §8.1.2)."""
    return secret.lstrip(b"\0")
