"""The key schedule against every value that RFC 8448 prints (RFC 9846 §7)."""

from __future__ import annotations

import pytest

from lucidtls.crypto.hashes import SHA256
from lucidtls.crypto.hkdf import hkdf_extract
from lucidtls.crypto.suites import TLS_AES_128_GCM_SHA256
from lucidtls.errors import BadFinished, DecodeError
from lucidtls.handshake.schedule13 import (
    application_secrets,
    derive_secret,
    early_secret,
    finished_data,
    handshake_secrets,
    next_generation,
    resumption_secret,
    ticket_psk,
    traffic_key,
    verify_finished,
)
from tests.conformance.traces import Trace, trace

TRACES = ("3", "4", "5", "6", "7")


def messages(traced: Trace) -> list[bytes]:
    """The transcript of a trace: the bytes that are hashed, message by message."""
    names = (
        "ClientHello", "ServerHello", "EncryptedExtensions", "CertificateRequest", "Certificate",
        "CertificateVerify", "Finished", "EndOfEarlyData",
    )  # fmt: skip
    found = []
    for step in traced.steps:
        if step["what"].startswith("construct a"):
            found += [bytes.fromhex(step[name]) for name in names if name in step]
    return found


def psk_of(traced: Trace) -> bytes | None:
    """The PSK of the resumed handshake, which the ticket of the first trace gave."""
    if traced.section != "4":
        return None
    return trace("3").find("server", "generate resumption secret", "expanded")


def early_of(traced: Trace) -> bytes | None:
    """The early secret of the section's PSK, if it has one."""
    psk = psk_of(traced)
    return early_secret(SHA256, psk) if psk is not None else None


@pytest.mark.parametrize("section", TRACES)
def test_handshake_secrets(section: str) -> None:
    """The handshake traffic secrets come from the shared secret and the hellos; a PSK enters before."""
    traced = trace(section)
    shared = traced.find("server", 'extract secret "handshake"', "IKM")
    hello_hash = traced.find("server", 'derive secret "tls13 c hs traffic"', "hash")
    secrets = handshake_secrets(SHA256, shared, hello_hash, early_of(traced))
    assert secrets.handshake_secret == traced.find("server", 'extract secret "handshake"', "secret")
    assert (secrets.client, secrets.server) == (traced.secret("c hs traffic"), traced.secret("s hs traffic"))


@pytest.mark.parametrize("section", TRACES)
def test_application_secrets(section: str) -> None:
    """The application secrets come from the handshake secret and everything up to the server's Finished."""
    traced = trace(section)
    secret = traced.find("server", 'extract secret "handshake"', "secret")
    finished_hash = traced.find("server", 'derive secret "tls13 c ap traffic"', "hash")
    secrets = application_secrets(SHA256, secret, finished_hash)
    assert secrets.main_secret == traced.find("server", 'extract secret "master"', "secret")
    assert (secrets.client, secrets.server) == (traced.secret("c ap traffic"), traced.secret("s ap traffic"))
    assert secrets.exporter == traced.secret("exp master")


@pytest.mark.parametrize("section", TRACES)
def test_the_resumption_secret(section: str) -> None:
    """The resumption secret covers everything up to the client's Finished."""
    traced = trace(section)
    main = traced.find("server", 'extract secret "master"', "secret")
    handshake_hash = traced.find("client", 'derive secret "tls13 res master"', "hash")
    assert resumption_secret(SHA256, main, handshake_hash) == traced.secret("res master")


def test_the_psk_of_a_ticket() -> None:
    """A ticket's PSK is expanded from the resumption secret with the ticket's nonce (RFC 9846 §4.7.1)."""
    traced = trace("3")
    expected = traced.find("server", "generate resumption secret", "expanded")
    assert ticket_psk(SHA256, traced.secret("res master"), bytes(2)) == expected


@pytest.mark.parametrize("section", TRACES)
def test_early_and_derived_secrets(section: str) -> None:
    """Every Extract and every "derived" in the traces."""
    for step in trace(section).steps:
        if step["what"].startswith("extract secret") and "secret" in step:
            salt, material = bytes.fromhex(step["salt"]), bytes.fromhex(step["IKM"])
            assert hkdf_extract(SHA256, salt, material).hex() == step["secret"]
        if "tls13 derived" in step["what"] and "expanded" in step:
            derived = derive_secret(SHA256, bytes.fromhex(step["PRK"]), "derived", SHA256.digest(b""))
            assert derived.hex() == step["expanded"]


@pytest.mark.parametrize("section", TRACES)
def test_traffic_keys(section: str) -> None:
    """Each traffic secret gives a key of 16 and an IV of 12 bytes (RFC 9846 §7.3)."""
    steps = [step for step in trace(section).steps if "key expanded" in step]
    assert len(steps) >= 4
    for step in steps:
        key, iv = traffic_key(TLS_AES_128_GCM_SHA256, bytes.fromhex(step["PRK"]))
        assert (key.hex(), iv.hex()) == (step["key expanded"], step["iv expanded"])


@pytest.mark.parametrize("section", ["3", "6", "7"])
def test_finished(section: str) -> None:
    """verify_data is a MAC over the transcript, keyed by the sender's secret (RFC 9846 §4.5.3)."""
    traced = trace(section)
    transcript = messages(traced)
    finished = [raw for raw in transcript if raw[0] == 20]
    for label, raw in zip(("s hs traffic", "c hs traffic"), finished, strict=True):
        before = b"".join(transcript[: transcript.index(raw)])
        assert finished_data(SHA256, traced.secret(label), SHA256.digest(before)) == raw[4:]


def test_a_finished_is_compared_in_full() -> None:
    """Verify_data that differs in a bit is refused; of another length it does not even decode."""
    verify_finished(b"a" * 32, b"a" * 32)
    with pytest.raises(BadFinished):
        verify_finished(b"a" * 32, b"a" * 31 + b"b")
    with pytest.raises(DecodeError):
        verify_finished(b"a" * 32, b"a" * 31)


def test_the_next_generation_differs_and_repeats() -> None:
    """Each KeyUpdate takes the secret one step on, always to the same place (RFC 9846 §7.2)."""
    secret = trace("3").secret("c ap traffic")
    chain = [secret]
    for _ in range(3):
        chain.append(next_generation(SHA256, chain[-1]))
    assert len(set(chain)) == 4 and next_generation(SHA256, secret) == chain[1]
    assert all(len(each) == 32 for each in chain)
