"""The transcript hash: one running hash over every handshake message (RFC 9846 §4.1)."""

from __future__ import annotations

from typing import Final

from lucidtls.crypto.hashes import HashAlgorithm, Hasher

MESSAGE_HASH: Final = 254
"""The synthetic message type that stands for a first ClientHello after a HelloRetryRequest."""


class Transcript:
    """Messages as they were on the wire, headers included, hashed as they come.

    The hash is known only with the cipher suite, so the first messages are kept until one of the `select`
    methods is called. After that the last message waits until the next one comes, because a PSK binder covers
    a ClientHello without its end.
    """

    __slots__ = ("_last", "_running", "_waiting")

    def __init__(self) -> None:
        self._waiting: list[bytes] = []
        self._last = b""
        self._running: Hasher | None = None

    def add(self, message: bytes) -> None:
        """Append one handshake message."""
        if self._running is None:
            self._waiting.append(message)
            return
        if self._last:
            self._running.update(self._last)
        self._last = message

    def select(self, algorithm: HashAlgorithm) -> None:
        """Fix the hash algorithm. After a HelloRetryRequest it is fixed already, and stays."""
        if self._running is None:
            self._begin(algorithm, b"")

    def select_after_retry(self, algorithm: HashAlgorithm) -> bytes:
        """Put message_hash in place of ClientHello1, and return ClientHello1's hash (RFC 9846 §4.1)."""
        if self._waiting:
            first_hello_hash = algorithm.digest(self._waiting.pop(0))
        else:
            first_hello_hash, self._last = self.digest(), b""
        self._begin(algorithm, _message_hash(first_hello_hash))
        return first_hello_hash

    def select_after_cookie(self, algorithm: HashAlgorithm, first_hello_hash: bytes, retry: bytes) -> None:
        """Put back the ClientHello1 and HelloRetryRequest that only a cookie remembers (RFC 9846 §4.3.2)."""
        self._begin(algorithm, _message_hash(first_hello_hash) + retry)

    def _begin(self, algorithm: HashAlgorithm, before: bytes) -> None:
        if self._waiting:
            self._last = self._waiting.pop()
        self._running = algorithm.new(before + b"".join(self._waiting))
        self._waiting.clear()

    def messages(self) -> bytes:
        """All messages so far, as they are: before TLS 1.3 a CertificateVerify signs these (RFC 5246 §7.4.8).

        Only before `select`.
        """
        return b"".join(self._waiting)

    def digest(self) -> bytes:
        """Hash of all messages so far; the transcript can go on growing."""
        assert self._running is not None, "the hash is selected before it is used"
        if self._last:
            self._running.update(self._last)
            self._last = b""
        return self._running.copy().digest()

    def truncated_digest(self, cut: int) -> bytes:
        """Hash of all messages without the last `cut` bytes of the last one, which has just come."""
        assert self._running is not None and cut <= len(self._last), "nothing was hashed since it came"
        running = self._running.copy()
        running.update(self._last[:-cut])
        return running.digest()

    def digest_with(self, algorithm: HashAlgorithm, beginning: bytes) -> bytes:
        """Hash of all messages so far and the beginning of one that is yet to be sent.

        Before the hash is selected, `algorithm` is the one to use.
        """
        if self._running is None:
            return algorithm.digest(b"".join((*self._waiting, beginning)))
        self.digest()
        running = self._running.copy()
        running.update(beginning)
        return running.digest()


def _message_hash(first_hello_hash: bytes) -> bytes:
    return bytes((MESSAGE_HASH, 0, 0, len(first_hello_hash))) + first_hello_hash
