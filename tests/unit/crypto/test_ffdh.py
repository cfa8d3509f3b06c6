"""Finite-field Diffie-Hellman and its two engines."""

from __future__ import annotations

import sys
import warnings
from collections.abc import Iterator
from typing import Any

import pytest

from lucidtls.crypto import ffdh
from lucidtls.crypto.ffdh import FiniteField, Power
from lucidtls.crypto.groups import FFDHE2048
from lucidtls.crypto.randomness import system_random
from lucidtls.errors import ConfigurationError
from tests.unit.crypto.data import Json, fixed, vectors

FIELDS = [ffdh.FFDHE2048, ffdh.FFDHE3072, ffdh.FFDHE4096, ffdh.FFDHE6144, ffdh.FFDHE8192]
PYCA = "cryptography.hazmat.primitives.asymmetric.dh"


@pytest.fixture
def fresh_choice() -> Iterator[None]:
    """Let the engine be chosen anew, before and after."""
    ffdh.power_function.cache_clear()
    yield
    ffdh.power_function.cache_clear()


def engine(name: str) -> Power:
    """Return an engine by name; both are installed where the suite runs."""
    power = {"gmpy2": ffdh.gmpy2_power, "pyca": ffdh.pyca_power}[name]()
    assert power is not None
    return power


@pytest.mark.parametrize(("field", "printed"), list(zip(FIELDS, vectors("rfc7919")["groups"], strict=True)))
def test_primes_are_the_printed_ones(field: FiniteField, printed: Json) -> None:
    """The modulus that follows from its definition is the one RFC 7919 prints, and q is half of it."""
    assert field.name == printed["name"]
    assert field.prime == int(printed["p"], 16)
    assert (field.prime - 1) // 2 == int(printed["q"], 16)
    assert field.prime.bit_length() == field.bits == 8 * field.length


def test_generator_has_large_order() -> None:
    """2 generates the subgroup of order q, so the powers of a secret do not tell its last bit."""
    for field in FIELDS[:2]:
        assert pow(ffdh.GENERATOR, (field.prime - 1) // 2, field.prime) == 1


@pytest.mark.parametrize("name", ["gmpy2", "pyca"])
@pytest.mark.parametrize("field", FIELDS[:3], ids=lambda field: field.name)
def test_engines_agree_with_python(name: str, field: FiniteField) -> None:
    """Each engine computes base^exponent mod p, and pads the result to the size of p."""
    power = engine(name)
    for base in (2, 3, field.prime - 2, pow(2, 12345, field.prime)):
        exponent = field.choose_exponent(system_random)
        assert power(field, base, exponent) == pow(base, exponent, field.prime).to_bytes(field.length, "big")


@pytest.mark.parametrize("name", ["gmpy2", "pyca"])
def test_leading_zeros_are_kept(name: str) -> None:
    """In TLS 1.3 a shared secret is padded with zeros to the size of the prime (RFC 9846 §7.4.1)."""
    field = ffdh.FFDHE2048
    assert engine(name)(field, 2, 5) == bytes(255) + b"\x20"


def test_exponents_have_their_full_length() -> None:
    """A secret exponent has as many bits as RFC 7919 recommends for its group, whatever was drawn."""
    for field, bits in zip(FIELDS, (225, 275, 325, 375, 400), strict=True):
        size = (bits + 7) // 8
        for drawn in (bytes(size), b"\xff" * size):
            assert field.choose_exponent(fixed(drawn)).bit_length() == bits


@pytest.mark.usefixtures("fresh_choice")
def test_gmpy2_takes_over_when_pyca_drops_it(monkeypatch: pytest.MonkeyPatch) -> None:
    """pyca's exchange takes half of gmpy2's time, so it goes first while it is there; then gmpy2 goes on."""
    both = ffdh.power_function()
    ffdh.power_function.cache_clear()
    monkeypatch.setitem(sys.modules, PYCA, None)
    alone = ffdh.power_function()
    assert both is not None and alone is not None
    assert both.__qualname__ == ffdh.pyca_power.__name__ + ".<locals>.power"
    assert alone.__qualname__ == ffdh.gmpy2_power.__name__ + ".<locals>.power"
    assert FFDHE2048.available()


@pytest.mark.usefixtures("fresh_choice")
def test_without_gmpy2_pyca_does_it_and_says_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    """Without gmpy2 the groups work through pyca, and its deprecation warning does not reach the user."""
    monkeypatch.setitem(sys.modules, "gmpy2", None)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        client = FFDHE2048.generate(system_random)
        share, secret = FFDHE2048.respond(client.share, system_random)
        assert client.complete(share) == secret


def test_other_users_of_pyca_are_still_warned() -> None:
    """Only our own use is silenced: a program's own use of pyca's Diffie-Hellman still warns it."""
    before = list(warnings.filters)
    ffdh.pyca_power()
    assert list(warnings.filters) == before
    dh: Any = sys.modules[PYCA]
    with pytest.warns(UserWarning, match="FFDH"):
        assert dh.DHParameterNumbers


@pytest.mark.usefixtures("fresh_choice")
def test_without_either_the_groups_are_not_available(monkeypatch: pytest.MonkeyPatch) -> None:
    """Without any engine FFDHE is not offered, and using it anyway names the extra to install."""
    monkeypatch.setitem(sys.modules, "gmpy2", None)
    monkeypatch.setitem(sys.modules, PYCA, None)
    assert not FFDHE2048.available()
    with pytest.raises(ConfigurationError, match=r"lucidtls\[ffdhe\]"):
        FFDHE2048.generate(system_random)
