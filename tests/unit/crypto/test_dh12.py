"""Diffie-Hellman before TLS 1.3, in fields that servers choose."""

from __future__ import annotations

import sys
import warnings
from collections.abc import Iterator

import pytest

from lucidtls.crypto import ffdh, primes
from lucidtls.crypto.dh12 import (
    CheckedParameters,
    FieldExchange,
    check_parameters,
    respond_to_parameters,
    strip_secret,
)
from lucidtls.crypto.ffdh import FIELDS, Field, ForeignField, known_field
from lucidtls.crypto.randomness import system_random
from lucidtls.errors import IllegalParameter, InsufficientSecurity, NegotiationFailure, PeerError, UsageError
from tests.unit.crypto.data import Json, fixed, seeded, vectors

PYCA = "cryptography.hazmat.primitives.asymmetric.dh"

# The largest of their kind below a power of two.
SAFE_512 = (1 << 512) - 38117
SAFE_1024 = (1 << 1024) - 1093337
PRIME_1024 = (1 << 1024) - 105
PRIME_1025 = (1 << 1025) - 2673
# (6m+1)(12m+1)(18m+1) with three primes is a Carmichael number: it passes the test of Fermat for every base.
CARMICHAEL = (1 << 172) + 56334
PRIME_2048 = (1 << 2048) - 1557


@pytest.fixture
def without(monkeypatch: pytest.MonkeyPatch) -> Iterator[pytest.MonkeyPatch]:
    """Let engines be taken away, and judgements be made anew, before and after."""
    caches = (ffdh.power_function, ffdh.power_elsewhere, primes.judge_prime)
    for one in caches:
        one.cache_clear()
    yield monkeypatch
    for one in caches:
        one.cache_clear()


def encoded(number: int) -> bytes:
    """A number as ServerDHParams carries it."""
    return number.to_bytes(-(-number.bit_length() // 8), "big")


def check(prime: int, generator: int = 2, public: int = 5, minimum: int = 512) -> CheckedParameters:
    """Check parameters given as numbers."""
    return check_parameters(encoded(prime), encoded(generator), encoded(public), minimum)


@pytest.mark.parametrize("printed", vectors("modp")["groups"], ids=lambda group: group["name"])
def test_the_groups_of_ike_are_known(printed: Json) -> None:
    """The primes that follow from the formula are those that RFC 2409 and RFC 3526 print."""
    prime = int(printed["p"], 16)
    assert primes.modp_prime(prime.bit_length()) == prime
    assert known_field(prime, 2) == printed["name"]
    assert known_field(prime, 5) is None
    assert known_field(prime - 2, 2) is None


@pytest.mark.parametrize("printed", vectors("rfc7919")["groups"], ids=lambda group: group["name"])
def test_the_groups_of_rfc_7919_are_known(printed: Json) -> None:
    """A server that sends the prime of a named group is recognised as using it."""
    assert known_field(int(printed["p"], 16), 2) == printed["name"]


@pytest.mark.parametrize(
    ("prime", "generator", "name", "safe"),
    [
        (FIELDS[0].prime, 2, "ffdhe2048", True),
        (FIELDS[0].prime, 5, None, True),
        (primes.modp_prime(1024), 2, "modp1024", True),
        (primes.modp_prime(2048), 2, "modp2048", True),
        (SAFE_512, 3, None, True),
        (SAFE_1024, 2, None, True),
        (PRIME_1024, 5, None, False),
        (PRIME_1025, 3, None, False),
        (PRIME_2048, 2, None, False),
    ],
)
def test_both_sides_agree_in_any_field(prime: int, generator: int, name: str | None, safe: bool) -> None:
    """Client and server come to one secret, whatever field the server chose, and the client knows which."""
    server = FieldExchange(ForeignField(prime, generator), system_random)
    found = check_parameters(encoded(prime), encoded(generator), server.public, 512)
    assert (found.name, found.safe_prime) == (name, safe)
    assert (found.field.prime, found.field.generator) == (prime, generator)
    public, secret = respond_to_parameters(found.field, found.public, system_random)
    assert len(public) == len(server.public) == found.field.length == -(-prime.bit_length() // 8)
    assert server.complete(public) == secret
    assert not secret.startswith(b"\0")


def test_the_secret_is_the_power_of_both_exponents() -> None:
    """Z = g^(xy) mod p, and the public values are g^x and g^y."""
    field = ForeignField(PRIME_1024, 7)
    x, y = b"\x11" * 128, b"\x22" * 128
    own = int.from_bytes(x, "big") % (1 << 1022) | 1 << 1022
    other = int.from_bytes(y, "big") % (1 << 1022) | 1 << 1022
    server = FieldExchange(field, fixed(x))
    assert server.public == pow(7, own, PRIME_1024).to_bytes(128, "big")
    public, secret = respond_to_parameters(field, server.public, fixed(y))
    assert public == pow(7, other, PRIME_1024).to_bytes(128, "big")
    assert secret == encoded(pow(7, own * other, PRIME_1024))


def test_leading_zeros_are_stripped() -> None:
    """ "Leading bytes of Z that contain all zero bits are stripped" before TLS 1.3 (RFC 5246 §8.1.2)."""
    assert strip_secret(b"\0\0\1\0\2") == b"\1\0\2"
    assert strip_secret(b"\1\0") == b"\1\0"
    field = ForeignField(SAFE_512, 3, True)
    # A secret of 63 bytes comes once in 256 times.
    for number in range(5000):
        client, server = seeded(number), FieldExchange(field, seeded(~number))
        exponent = field.choose_exponent(client)
        expected = pow(int.from_bytes(server.public, "big"), exponent, field.prime)
        if expected.bit_length() <= 504:
            break
    public, secret = respond_to_parameters(field, server.public, seeded(number))
    assert len(secret) < 64
    assert secret == encoded(expected) == server.complete(public)


def test_a_public_value_may_be_stripped_or_padded() -> None:
    """A public value is a number: leading zeros, too few or too many, do not change it."""
    field = ForeignField(SAFE_512, 3)
    for client_public in (b"\7", bytes(63) + b"\7", bytes(100) + b"\7"):
        server = FieldExchange(field, fixed(b"\x5a" * 64))
        exponent = int.from_bytes(b"\x5a" * 64, "big") % (1 << 510) | 1 << 510
        assert server.complete(client_public) == encoded(pow(7, exponent, SAFE_512))


def test_a_small_prime_is_refused() -> None:
    """A prime below the minimum is refused with insufficient_security, as Logjam wants it."""
    for prime, minimum in ((SAFE_1024, 1025), (PRIME_1025, 2048), (primes.modp_prime(1024), 2048)):
        with pytest.raises(InsufficientSecurity, match="too short") as refused:
            check(prime, minimum=minimum)
        assert refused.value.fields == {"bits": prime.bit_length(), "minimum": minimum}
    assert check(SAFE_1024, minimum=1024).safe_prime


@pytest.mark.parametrize("prime", [0, 1, 2, 3, 7, (1 << 127) - 1, 1 << 511 >> 1])
def test_no_minimum_allows_less_than_512_bits(prime: int) -> None:
    """Not even a caller who asks for nothing gets a prime that a laptop breaks."""
    with pytest.raises(InsufficientSecurity):
        check(prime, minimum=0)


@pytest.mark.parametrize(
    "number",
    [
        SAFE_512 - 1,
        SAFE_512 + 2,
        SAFE_512 * SAFE_512,
        PRIME_1024 * SAFE_1024,
        (1 << 1024) - 1,
        3 * SAFE_512,
        (6 * CARMICHAEL + 1) * (12 * CARMICHAEL + 1) * (18 * CARMICHAEL + 1),
    ],
)
def test_a_modulus_that_is_no_prime_is_refused(number: int) -> None:
    """A composite modulus is refused with illegal_parameter: who knows its factors finds the secret."""
    with pytest.raises(IllegalParameter, match="not prime"):
        check(number, 3)


def test_an_unknown_prime_too_long_to_test_is_refused() -> None:
    """Testing costs time that a server must not be able to demand; groups known by name need no test."""
    for bits in (4097, 8192, 100_000, 8 * 65535):
        with pytest.raises(InsufficientSecurity, match="too long"):
            check((1 << bits) - 1, 3)
    assert check(primes.modp_prime(8192)).name == "modp8192"


@pytest.mark.parametrize("prime", [SAFE_512, PRIME_1024, FIELDS[0].prime, primes.modp_prime(1536)])
def test_a_generator_out_of_range_is_refused(prime: int) -> None:
    """A generator of 0, 1, p-1 or more would make a secret that everybody knows: illegal_parameter."""
    for generator in (0, 1, prime - 1, prime, prime + 1, prime * prime):
        with pytest.raises(IllegalParameter, match="generator"):
            check(prime, generator)
    assert check(prime, prime - 2).field.generator == prime - 2


@pytest.mark.parametrize("prime", [SAFE_512, PRIME_1024, FIELDS[0].prime, primes.modp_prime(1536)])
def test_a_public_value_out_of_range_is_refused(prime: int) -> None:
    """Values of 0, 1, p-1 and above are refused with handshake_failure (RFC 7919 §3 and §4)."""
    field = ForeignField(prime, 2)
    for public in (0, 1, prime - 1, prime, prime + 2, prime * prime):
        refusals = (
            lambda value=public: check(prime, 2, value),
            lambda value=public: respond_to_parameters(field, value, system_random),
            lambda value=public: FieldExchange(field, system_random).complete(encoded(value)),
        )
        for refuse in refusals:
            with pytest.raises(NegotiationFailure, match="public value") as refused:
                refuse()
            assert refused.value.alert.name == "handshake_failure"
    assert check(prime, 2, prime - 2).public == prime - 2


def test_a_secret_that_is_forced_is_refused() -> None:
    """In a field with small subgroups a value in range can still force the secret to 1."""
    order = next(factor for factor in (3, 5, 7, 11, 13) if (PRIME_1024 - 1) % factor == 0)
    small = next(
        value for base in range(2, 50) if (value := pow(base, (PRIME_1024 - 1) // order, PRIME_1024)) != 1
    )
    refused = 0
    for number in range(60):
        try:
            respond_to_parameters(ForeignField(PRIME_1024, 5), small, seeded(number))
        except NegotiationFailure:
            refused += 1
    assert refused


def test_exponents_are_as_long_as_the_field_needs() -> None:
    """In safe-prime fields exponents have the length of RFC 7919 §5.2, in others that of the prime."""
    assert ForeignField(FIELDS[1].prime, 5, True).choose_exponent(seeded()).bit_length() == 275
    assert ForeignField(SAFE_1024, 5, True).choose_exponent(seeded()).bit_length() == 225
    assert ForeignField(SAFE_1024, 5, False).choose_exponent(seeded()).bit_length() == 1023
    assert ForeignField(PRIME_1025, 5).choose_exponent(seeded()).bit_length() == 1024


def test_a_key_is_used_once() -> None:
    """A server's exponent serves one handshake, also when that fails."""
    for public in (b"\7", b"\1"):
        server = FieldExchange(ForeignField(SAFE_512, 3), system_random)
        try:
            server.complete(public)
        except PeerError:
            assert public == b"\1"
        assert "completed" in repr(server)
        with pytest.raises(UsageError):
            server.complete(b"\7")


def test_a_judgement_is_kept() -> None:
    """A prime is tested once, because a server sends the same one with every handshake."""
    primes.judge_prime.cache_clear()
    for _ in range(3):
        check(PRIME_1024)
    assert primes.judge_prime.cache_info().misses == 1


def test_pyca_alone_does_safe_primes(without: pytest.MonkeyPatch) -> None:
    """Without gmpy2 fields of safe primes work, others are refused, and no deprecation warning gets out."""
    without.setitem(sys.modules, "gmpy2", None)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        server = FieldExchange(ForeignField(SAFE_512, 3), system_random)
        found = check_parameters(encoded(SAFE_512), b"\3", server.public, 512)
        public, secret = respond_to_parameters(found.field, found.public, system_random)
        assert server.complete(public) == secret
        assert found.safe_prime
        with pytest.raises(IllegalParameter):
            check(PRIME_1024)
        with pytest.raises(InsufficientSecurity, match="too long"):
            check((1 << 2049) - 9)


def test_gmpy2_alone_does_all(without: pytest.MonkeyPatch) -> None:
    """When pyca has dropped Diffie-Hellman, gmpy2 goes on, in known fields too."""
    without.setitem(sys.modules, PYCA, None)
    fields: list[Field] = [FIELDS[0], ForeignField(PRIME_1024, 5), ForeignField(primes.modp_prime(1536), 2)]
    for field in fields:
        server = FieldExchange(field, system_random)
        public, secret = respond_to_parameters(field, server.public, system_random)
        assert server.complete(public) == secret


def test_without_either_no_prime_is_judged_safe(without: pytest.MonkeyPatch) -> None:
    """Without any engine an unknown prime is refused."""
    without.setitem(sys.modules, PYCA, None)
    without.setitem(sys.modules, "gmpy2", None)
    with pytest.raises(IllegalParameter):
        check(SAFE_512)
