"""The transcript hash (RFC 9846 §4.1)."""

from __future__ import annotations

import pytest

from lucidtls.crypto.hashes import SHA256, SHA384, HashAlgorithm
from lucidtls.handshake.transcript import Transcript

ONE, RETRY, TWO = b"\x01\0\0\x01a", b"\x02\0\0\x01r", b"\x01\0\0\x01b"


@pytest.mark.parametrize("algorithm", [SHA256, SHA384], ids=lambda row: row.name)
def test_messages_are_hashed_in_order(algorithm: HashAlgorithm) -> None:
    """The hash is over the messages as they came, before and after it is known which hash it is."""
    transcript = Transcript()
    transcript.add(ONE)
    transcript.select(algorithm)
    transcript.add(TWO)
    assert transcript.digest() == algorithm.digest(ONE + TWO)
    transcript.add(RETRY)
    assert transcript.digest() == algorithm.digest(ONE + TWO + RETRY)
    transcript.select(algorithm)
    assert transcript.digest() == algorithm.digest(ONE + TWO + RETRY)


@pytest.mark.parametrize("algorithm", [SHA256, SHA384], ids=lambda row: row.name)
def test_after_a_retry_a_hash_stands_for_the_first_hello(algorithm: HashAlgorithm) -> None:
    """ClientHello1 is replaced by a message of type message_hash (RFC 9846 §4.1)."""
    client = Transcript()
    client.add(ONE)
    client.add(RETRY)
    assert client.select_after_retry(algorithm) == algorithm.digest(ONE)
    client.add(TWO)
    synthetic = bytes((254, 0, 0, algorithm.digest_size)) + algorithm.digest(ONE)
    expected = algorithm.digest(synthetic + RETRY + TWO)
    assert client.digest() == expected

    stateless = Transcript()
    stateless.add(TWO)
    stateless.select_after_cookie(algorithm, algorithm.digest(ONE), RETRY)
    assert stateless.digest() == expected
