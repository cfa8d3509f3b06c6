"""RSA key exchange: premaster secrets that are decrypted without telling how it went."""

from __future__ import annotations

from functools import cache
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric import rsa

from lucidtls.crypto.rsa import (
    PREMASTER_LENGTH,
    choose_premaster,
    decrypt_premaster,
    encrypt_premaster,
    implicit_rejection,
    make_premaster,
)
from tests.certificates import key_of
from tests.unit.crypto.data import fixed, seeded

FALLBACK = bytes(range(100, 148))
"""Stands for random bytes; a premaster secret that holds 46 of them is one that nobody else knows."""
OURS = b"\3\3" + FALLBACK[2:]
SENT = b"\3\3" + bytes(range(1, 47))
"""What a client sent, one that keeps to the rules or not."""


@cache
def key() -> rsa.RSAPrivateKey:
    """A key of 2048 bits."""
    made: rsa.RSAPrivateKey = key_of("rsa2048")
    return made


def raw_encrypt(message: bytes) -> bytes:
    """RSA without padding: `message` is the whole encoded message, as long as the modulus."""
    numbers = key().public_key().public_numbers()
    return pow(int.from_bytes(message, "big"), numbers.e, numbers.n).to_bytes(256, "big")


def padded(message: bytes, *, block_type: int = 2, filler: bytes | None = None) -> bytes:
    """EME-PKCS1-v1_5, or something like it (RFC 8017 §7.2.1)."""
    filler = b"\x55" * (253 - len(message)) if filler is None else filler
    return bytes((0, block_type)) + filler + b"\0" + message


def received(ciphertext: bytes, client_version: int = 0x0303) -> bytes:
    """What a server goes on with."""
    return choose_premaster(decrypt_premaster(key(), ciphertext), FALLBACK, client_version)


def test_the_library_hides_bad_padding() -> None:
    """The OpenSSL in pyca's wheels has implicit rejection, without which RSA key exchange is refused."""
    assert implicit_rejection()


def test_a_library_that_tells_is_noticed(monkeypatch: pytest.MonkeyPatch) -> None:
    """A library that fails on bad padding is told from one that does not."""

    class Telling:
        """A key of an older library."""

        def decrypt(self, ciphertext: bytes, _: Any) -> bytes:
            """Fail as such a library does."""
            raise ValueError("Decryption failed")

    monkeypatch.setattr(rsa, "generate_private_key", lambda *_: Telling())
    implicit_rejection.cache_clear()
    try:
        assert not implicit_rejection()
    finally:
        implicit_rejection.cache_clear()


def test_both_sides_have_the_same_premaster_secret() -> None:
    """The premaster secret is the offered version and 46 random bytes, encrypted to the server's key."""
    for version in (0x0301, 0x0302, 0x0303):
        premaster = make_premaster(version, fixed(bytes(range(46))))
        assert premaster == version.to_bytes(2, "big") + bytes(range(46))
        ciphertext = encrypt_premaster(key().public_key(), premaster)
        assert len(ciphertext) == 256
        assert received(ciphertext, version) == premaster


def test_right_padding_is_what_the_rest_of_these_tests_break() -> None:
    """A premaster secret encoded by hand decrypts."""
    assert received(raw_encrypt(padded(SENT))) == SENT


BAD_PADDING = {
    "block type 1": padded(SENT, block_type=1),
    "block type 0": padded(SENT, block_type=0),
    "first byte not zero": b"\1" + padded(SENT)[1:],
    "filler too short": padded(SENT, filler=b"\x55" * 7 + b"\0" + b"\x55" * 197),
    "no filler": padded(SENT, filler=b"\0" + b"\x55" * 204),
    "no end of filler": b"\0\2" + b"\x55" * 254,
    "a small number": bytes(255) + b"\1",
}


@pytest.mark.parametrize("encoded", BAD_PADDING.values(), ids=BAD_PADDING)
def test_bad_padding_is_never_told(encoded: bytes) -> None:
    """Bad padding gives a premaster secret nobody knows (RFC 5246 §7.4.7.1), and no error.

    Implicit rejection makes a message of random length; once in some hundred times that is 48, and then its
    bytes, which depend on the private key, take the fallback's place.
    """
    result = received(raw_encrypt(encoded))
    assert len(result) == PREMASTER_LENGTH
    assert result[:2] == b"\3\3"
    assert result[2:] != SENT[2:]


@pytest.mark.parametrize("length", [0, 1, 2, 46, 47, 49, 50, 96, 192, 245])
def test_a_wrong_length_is_never_told(length: int) -> None:
    """A message of any other length than 48 gives the random premaster secret."""
    message = (SENT * 6)[:length]
    ciphertext = raw_encrypt(padded(message))
    assert decrypt_premaster(key(), ciphertext) == message
    assert received(ciphertext) == OURS


def test_what_is_wrong_outside_fails_alike() -> None:
    """A ciphertext of the wrong length or not below the modulus gives a random premaster secret as well."""
    modulus = key().public_key().public_numbers().n
    good = encrypt_premaster(key().public_key(), make_premaster(0x0303, seeded()))
    for ciphertext in (
        b"",
        good[:-1],
        good + b"\0",
        b"\0" + good,
        modulus.to_bytes(256, "big"),
        b"\xff" * 256,
    ):
        assert decrypt_premaster(key(), ciphertext) is None
        assert received(ciphertext) == OURS


def test_ciphertexts_that_cannot_be_right_cost_a_decryption_too() -> None:
    """The private key is used once for every ciphertext, whatever is wrong with it."""

    class Counting:
        """A key that counts."""

        key_size = 2048
        used = 0

        def public_key(self) -> rsa.RSAPublicKey:
            """Its public half."""
            return key().public_key()

        def decrypt(self, ciphertext: bytes, padding: Any) -> bytes:
            """Count and decrypt."""
            self.used += 1
            assert len(ciphertext) == 256
            return key().decrypt(ciphertext, padding)

    counting: Any = Counting()
    for number, ciphertext in enumerate((b"", b"\xff" * 256, bytes(300), raw_encrypt(padded(SENT))), 1):
        decrypt_premaster(counting, ciphertext)
        assert counting.used == number


def test_a_library_without_implicit_rejection_gets_the_fallback() -> None:
    """Where decryption fails with an error, the server goes on with random bytes all the same."""

    class Telling:
        """A key of an older library."""

        key_size = 2048

        def public_key(self) -> rsa.RSAPublicKey:
            """Its public half."""
            return key().public_key()

        def decrypt(self, ciphertext: bytes, padding: Any) -> bytes:
            """Fail."""
            raise ValueError("Decryption failed")

    telling: Any = Telling()
    assert decrypt_premaster(telling, bytes(256)) is None


@pytest.mark.parametrize("length", [*range(60), 64, 96, 100, 240, 255, 256, 304, 1000])
def test_only_48_bytes_are_a_premaster_secret(length: int) -> None:
    """The mask lets through exactly the length 48, and nothing of any other message."""
    message = b"\3\3" + b"\xee" * (length - 2) if length >= 2 else b"\3" * length
    expected = message if length == PREMASTER_LENGTH else OURS
    assert choose_premaster(message, FALLBACK, 0x0303) == expected


def test_the_version_is_the_one_that_was_offered() -> None:
    """A version changed in the ClientHello or the premaster secret leaves both sides with different keys.

    "If ClientHello.client_version is TLS 1.1 or higher, server implementations MUST check the version number"
    (RFC 5246 §7.4.7.1): it is, by being put there, as the recommended construction has it.
    """
    sent = make_premaster(0x0303, seeded())
    for wrong in (0x0300, 0x0301, 0x0302, 0x0304, 0x0003, 0xFFFF):
        taken = choose_premaster(sent, FALLBACK, wrong)
        assert taken != sent
        assert taken == wrong.to_bytes(2, "big") + sent[2:]


def test_nothing_decrypted_is_no_premaster_secret() -> None:
    """When decryption gave nothing, 46 of the random bytes follow the version."""
    assert choose_premaster(None, FALLBACK, 0x0302) == b"\3\2" + FALLBACK[2:]
