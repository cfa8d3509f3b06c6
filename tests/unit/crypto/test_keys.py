"""Reading public keys, and the little DER that takes."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import dsa, ec, ed448, ed25519, mldsa, rsa, x25519
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from cryptography.x509.oid import NameOID
from cryptography_vectors import open_vector_file
from hypothesis import given
from hypothesis import strategies as st

from lucidtls import alerts
from lucidtls.crypto.der import INTEGER, SEQUENCE, DERReader, MalformedDER, context
from lucidtls.crypto.keys import PrivateKey, certificate_spki, key_kind_of, read_public_key
from lucidtls.errors import CertificateRejected
from tests.unit.crypto.data import vectors

PSS_SPKI = [bytes.fromhex(row["spki"]) for row in vectors("openssl_rsa_pss")["keys"]]
KINDS: dict[str, Callable[[], PrivateKey]] = {
    "rsa": lambda: rsa.generate_private_key(65537, 1024),
    "ec": lambda: ec.generate_private_key(ec.SECP384R1()),
    "ed25519": ed25519.Ed25519PrivateKey.generate,
    "ed448": ed448.Ed448PrivateKey.generate,
    "ml-dsa-44": mldsa.MLDSA44PrivateKey.generate,
    "ml-dsa-65": mldsa.MLDSA65PrivateKey.generate,
    "ml-dsa-87": mldsa.MLDSA87PrivateKey.generate,
}


def spki_of(public_key: object) -> bytes:
    """Encode a pyca public key."""
    encoded: bytes = public_key.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)  # type: ignore[attr-defined]
    return encoded


@pytest.mark.parametrize("kind", KINDS)
def test_every_kind_is_read(kind: str) -> None:
    """A SubjectPublicKeyInfo says what kind of key it holds, and holds it whole."""
    public_key = KINDS[kind]().public_key()
    read = read_public_key(spki_of(public_key))
    assert key_kind_of(read) == kind
    assert read == public_key


@pytest.mark.parametrize("key", ["x25519", "dsa"])
def test_keys_that_sign_nothing_here(key: str) -> None:
    """A certificate's key that no signature scheme uses is unsupported_certificate."""
    public_key: object = x25519.X25519PrivateKey.generate().public_key()
    if key == "dsa":
        public_key = dsa.generate_private_key(1024).public_key()
    with pytest.raises(CertificateRejected) as caught:
        read_public_key(spki_of(public_key))
    assert (caught.value.reason, caught.value.alert) == ("unsupported_key", alerts.UNSUPPORTED_CERTIFICATE)


def test_an_unknown_algorithm_is_unsupported() -> None:
    """A key with an algorithm nobody here knows is unsupported, not malformed."""
    spki = spki_of(ed25519.Ed25519PrivateKey.generate().public_key())
    unknown = spki.replace(bytes.fromhex("06032b6570"), bytes.fromhex("06032b6571"))  # Ed448's name
    with pytest.raises(CertificateRejected):
        read_public_key(unknown)
    with pytest.raises(CertificateRejected) as caught:
        read_public_key(spki.replace(bytes.fromhex("06032b6570"), bytes.fromhex("06032b0101")))
    assert caught.value.reason == "unsupported_key"


def test_two_hashes_in_a_pss_key() -> None:
    """An RSASSA-PSS key with one hash for the content and another for the mask fits no scheme of TLS."""
    with pytest.raises(CertificateRejected) as caught:
        read_public_key(PSS_SPKI[5])
    assert caught.value.reason == "unsupported_key"


def test_an_unknown_hash_or_mask_in_a_pss_key() -> None:
    """An RSASSA-PSS key bound to a hash or a mask function that TLS does not use is unsupported."""
    sha256, mgf1 = bytes.fromhex("608648016503040201"), bytes.fromhex("2a864886f70d010108")
    for known in (sha256, mgf1):
        with pytest.raises(CertificateRejected) as caught:
            read_public_key(PSS_SPKI[1].replace(known, known[:-1] + b"\x7f"))
        assert caught.value.reason == "unsupported_key"


def test_a_negative_salt_in_a_pss_key() -> None:
    """A salt length below zero is malformed."""
    with pytest.raises(CertificateRejected) as caught:
        read_public_key(PSS_SPKI[1].replace(bytes.fromhex("a203020120"), bytes.fromhex("a203020180")))
    assert caught.value.reason == "malformed"


@pytest.mark.parametrize("number", range(5))
def test_truncated_pss_keys(number: int) -> None:
    """A public key cut off anywhere is refused as malformed."""
    spki = PSS_SPKI[number]
    for end in range(len(spki)):
        with pytest.raises(CertificateRejected) as caught:
            read_public_key(spki[:end])
        assert caught.value.reason == "malformed"
        assert caught.value.alert is alerts.BAD_CERTIFICATE


@given(number=st.integers(0, 5), data=st.data())
def test_altered_pss_keys(number: int, data: st.DataObject) -> None:
    """Whatever is altered in a public key, it is read or refused, and nothing else happens."""
    spki = bytearray(PSS_SPKI[number])
    for _ in range(data.draw(st.integers(1, 3))):
        spki[data.draw(st.integers(0, min(90, len(spki) - 1)))] = data.draw(st.integers(0, 255))
    try:
        key = read_public_key(bytes(spki))
    except CertificateRejected as error:
        assert error.clause
    else:
        assert key_kind_of(key) != "other"


@given(st.binary(max_size=200))
def test_noise_is_refused(noise: bytes) -> None:
    """Bytes that are no key and no certificate are refused with a reason."""
    for read in (read_public_key, certificate_spki):
        with pytest.raises(CertificateRejected):
            read(noise)


def certificate(public_key: ec.EllipticCurvePublicKey) -> bytes:
    """Make a self-signed certificate for a key."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "example.org")])
    builder = x509.CertificateBuilder(name, name, public_key, 7)
    builder = builder.not_valid_before(datetime(2026, 1, 1, tzinfo=UTC))
    builder = builder.not_valid_after(datetime(2027, 1, 1, tzinfo=UTC))
    return builder.sign(key, SHA256()).public_bytes(Encoding.DER)


def test_the_key_is_found_in_a_certificate() -> None:
    """The SubjectPublicKeyInfo is the seventh field of a v3 certificate and the sixth of a v1 one."""
    public_key = ec.generate_private_key(ec.SECP256R1()).public_key()
    der = certificate(public_key)
    assert certificate_spki(der) == spki_of(public_key)
    with open_vector_file("x509/v1_cert.pem", "rb") as file:
        old = x509.load_pem_x509_certificate(file.read())
    assert certificate_spki(old.public_bytes(Encoding.DER)) == spki_of(old.public_key())


def test_truncated_certificates() -> None:
    """A certificate cut off anywhere is malformed."""
    der = certificate(ec.generate_private_key(ec.SECP256R1()).public_key())
    for end in range(0, len(der), 7):
        with pytest.raises(CertificateRejected) as caught:
            certificate_spki(der[:end])
        assert caught.value.reason == "malformed"


def test_der_lengths() -> None:
    """A DER length is one byte under 128, and else says how many bytes follow; it stays in its element."""
    for size in (0, 1, 127, 128, 255, 256, 65535, 65536):
        length = size.to_bytes((size.bit_length() + 7) // 8 or 1, "big")
        head = bytes([size]) if size < 128 else bytes([0x80 | len(length)]) + length
        element = b"\x02" + head + bytes(size)
        assert DERReader(element).take(INTEGER) == bytes(size)
        assert DERReader(element).element(INTEGER) == element
        assert DERReader(element + b"\x05\x00").element(INTEGER) == element


@pytest.mark.parametrize(
    "data", ["", "02", "0201", "0203aabb", "0280", "0285000000000100", "028400000005", "0301aa", "30820001"]
)
def test_bad_der(data: str) -> None:
    """An element with another tag, an indefinite or oversized length, or too little data is malformed."""
    with pytest.raises(MalformedDER):
        DERReader(bytes.fromhex(data)).take(INTEGER)


def test_an_element_does_not_reach_out_of_its_parent() -> None:
    """What is inside a SEQUENCE ends with it, even when more bytes follow."""
    outer = DERReader(bytes.fromhex("3003020401" + "02030405"))
    with pytest.raises(MalformedDER):
        outer.enter(SEQUENCE).take(INTEGER)
    nested = DERReader(bytes.fromhex("3003020105" + "020109")).enter(SEQUENCE)
    assert nested.optional(context(0)) is None
    assert nested.take(INTEGER) == b"\x05"
    assert nested.remaining == 0
    assert nested.optional(INTEGER) is None
