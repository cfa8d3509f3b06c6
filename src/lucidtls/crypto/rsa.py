"""RSA key exchange (RFC 5246 §7.4.7.1): encrypting a premaster secret, and decrypting it without telling.

Bleichenbacher's attack decrypts a recorded premaster secret with a few thousand questions to a server that
shows, by an alert or by its time, whether some ciphertext decrypts to well-formed padding. Three things stand
against it. The padding check happens inside OpenSSL and never comes out: since 3.2 a ciphertext with bad
padding decrypts to a pseudo-random message instead of an error ("implicit rejection"). The version inside
the premaster secret is never compared: its place is filled with what it must be. And what is left, the
length, chooses by an arithmetic mask between the message and random bytes drawn before. A server goes on with
whatever came out and fails at Finished.

Python promises no constant time, so `benchmarks/timing.py` measures what can still be seen.
"""

from __future__ import annotations

from functools import cache
from typing import Final

from cryptography.hazmat.primitives.asymmetric import padding, rsa

from lucidtls.crypto.randomness import Random

PREMASTER_LENGTH: Final = 48
"""client_version and 46 random bytes (RFC 5246 §7.4.7.1)."""

_PKCS1: Final = padding.PKCS1v15()


@cache
def implicit_rejection() -> bool:
    """Tell whether the library hides bad padding itself; without it no server may decrypt premaster secrets.

    It is asked by trying, once per process: OpenSSL has it since 3.2, some older builds too.
    """
    key = rsa.generate_private_key(65537, 2048)
    try:
        # Random numbers: a right padding is among them once in 65 536 times at most.
        for number in (2, 3):
            key.decrypt(number.to_bytes(256, "big"), _PKCS1)
    except ValueError:
        return False
    return True


def make_premaster(client_version: int, random: Random) -> bytes:
    """Make a premaster secret for the version that the ClientHello offered, whatever was negotiated."""
    return client_version.to_bytes(2, "big") + random(PREMASTER_LENGTH - 2)


def encrypt_premaster(public_key: rsa.RSAPublicKey, premaster: bytes) -> bytes:
    """Encrypt a premaster secret with RSAES-PKCS1-v1_5 (RFC 8017 §7.2.1); as long as the modulus."""
    return public_key.encrypt(premaster, _PKCS1)


def decrypt_premaster(key: rsa.RSAPrivateKey, ciphertext: bytes) -> bytes | None:
    """Decrypt what a client sent, to be passed to `choose_premaster` unread.

    Bad padding gives a message all the same, pseudo-random in length and content. None stands for what
    anyone can see to be wrong, a ciphertext that is not a number below the modulus or not of its length
    (and for bad padding where there is no `implicit_rejection`); a decryption is done nevertheless.
    """
    length = (key.key_size + 7) // 8
    modulus = key.public_key().public_numbers().n
    well_formed = len(ciphertext) == length and int.from_bytes(ciphertext, "big") < modulus
    try:
        decrypted = key.decrypt(ciphertext if well_formed else bytes(length - 1) + b"\x02", _PKCS1)
    except ValueError:
        return None
    return decrypted if well_formed else None


def choose_premaster(decrypted: bytes | None, fallback: bytes, client_version: int) -> bytes:
    """Return the premaster secret to go on with: the decrypted one, or one that nobody knows.

    `fallback` is 48 random bytes, drawn before the decryption. This is the first construction of RFC 5246
    §7.4.7.1, the recommended one: the version is always the one offered, the other 46 bytes are those
    decrypted if there were 48 in all, else the fallback's. A client that put in another version than it
    offered, or one whose ClientHello was changed on the way, has another premaster secret than this.
    """
    message = b"" if decrypted is None else decrypted
    # 0xff if the length is 48, else 0: the shift brings down the sign of a difference that is 0 or positive.
    mask = ((len(message) ^ PREMASTER_LENGTH) - 1 >> 32) & 0xFF
    other = mask ^ 0xFF
    padded = (message + fallback)[2:PREMASTER_LENGTH]
    chosen = bytes((a & mask) | (b & other) for a, b in zip(padded, fallback[2:], strict=True))
    return client_version.to_bytes(2, "big") + chosen
