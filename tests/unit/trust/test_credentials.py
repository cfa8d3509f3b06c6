"""Our own certificate and key, from wherever they are."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import dsa, ec, padding
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    NoEncryption,
    PrivateFormat,
    pkcs12,
)

from lucidtls.crypto.rsa import encrypt_premaster
from lucidtls.crypto.signatures import SIGNATURE_SCHEMES, scheme_row
from lucidtls.errors import ConfigurationError, UsageError
from lucidtls.trust import der
from lucidtls.trust.credentials import ASK, Credential
from lucidtls.trust.names import DNSName
from lucidtls.wire.forms.values import OIDFilter
from tests.certificates import (
    CLIENT_AUTH,
    KEY_KINDS,
    Issued,
    key_of,
    key_usage,
    make_ca,
    make_chain,
    make_leaf,
    name_of,
)

SCHEMES = {
    "p256": ["ecdsa_secp256r1_sha256"],
    "p384": ["ecdsa_secp384r1_sha384"],
    "p521": ["ecdsa_secp521r1_sha512"],
    "rsa2048": ["rsa_pss_rsae_sha256", "rsa_pss_rsae_sha384", "rsa_pss_rsae_sha512"],
    "rsa-pss": ["rsa_pss_pss_sha256", "rsa_pss_pss_sha384", "rsa_pss_pss_sha512"],
    "ed25519": ["ed25519"],
    "ed448": ["ed448"],
    "ml-dsa-44": ["mldsa44"],
    "ml-dsa-65": ["mldsa65"],
    "ml-dsa-87": ["mldsa87"],
}


PKCS1 = ["rsa_pkcs1_sha256", "rsa_pkcs1_sha384", "rsa_pkcs1_sha512", "rsa_pkcs1_sha1"]
SCHEMES12 = SCHEMES | {
    "p256": ["ecdsa_secp256r1_sha256", "ecdsa_secp384r1_sha384", "ecdsa_secp521r1_sha512", "ecdsa_sha1"],
    "p384": ["ecdsa_secp384r1_sha384", "ecdsa_secp256r1_sha256", "ecdsa_secp521r1_sha512", "ecdsa_sha1"],
    "p521": ["ecdsa_secp521r1_sha512", "ecdsa_secp384r1_sha384", "ecdsa_secp256r1_sha256", "ecdsa_sha1"],
    "rsa2048": SCHEMES["rsa2048"] + PKCS1,
    "ml-dsa-44": [],
    "ml-dsa-65": [],
    "ml-dsa-87": [],
}


@dataclass
class Elsewhere:
    """A key that signs by call."""

    key: ec.EllipticCurvePrivateKey

    def sign(self, scheme: int, content: bytes) -> bytes:
        """Sign as the scheme says."""
        return SIGNATURE_SCHEMES[scheme].sign(self.key, content)


@dataclass
class Decrypts:
    """A key that signs and decrypts by call."""

    key: Any

    def sign(self, scheme: int, content: bytes) -> bytes:
        """Sign as the scheme says."""
        return scheme_row(scheme).sign12(self.key, content)

    def decrypt(self, ciphertext: bytes) -> bytes:
        """Decrypt; ValueError where it fails."""
        plaintext: bytes = self.key.decrypt(ciphertext, padding.PKCS1v15())
        return plaintext


@pytest.fixture
def made() -> list[Issued]:
    """A leaf, its intermediate and its root."""
    return make_chain("www.example.org", "*.example.com")


@pytest.mark.parametrize("kind", KEY_KINDS)
def test_the_key_decides_the_signature_schemes(kind: str) -> None:
    """A credential signs with the schemes of TLS 1.3 that fit its key, and the signatures verify."""
    leaf, *_ = make_chain(key=kind)
    credential = Credential.load(leaf.der, leaf.key_pem)
    assert [SIGNATURE_SCHEMES[code].name for code in credential.schemes] == SCHEMES[kind]
    for code in credential.schemes:
        signature = credential.sign(code, b"content")
        SIGNATURE_SCHEMES[code].verify(credential.public_key, signature, b"content")


@pytest.mark.parametrize("kind", KEY_KINDS)
def test_the_key_decides_the_schemes_of_tls12(kind: str) -> None:
    """In TLS 1.2 an ECDSA key signs with every hash, its curve's first, and RSA also by PKCS #1."""
    leaf, *_ = make_chain(key=kind)
    credential = Credential.load(leaf.der, leaf.key_pem)
    assert [SIGNATURE_SCHEMES[code].name for code in credential.schemes12] == SCHEMES12[kind]
    for code in credential.schemes12:
        signature = credential.sign(code, b"content")
        SIGNATURE_SCHEMES[code].verify12(credential.public_key, signature, b"content")


@pytest.mark.parametrize("kind", KEY_KINDS)
def test_before_tls12_a_kind_of_key_has_one_scheme(kind: str) -> None:
    """In TLS 1.0 and 1.1 RSA signs MD5 with SHA-1, ECDSA signs SHA-1, and other keys do not sign at all."""
    leaf, *_ = make_chain(key=kind)
    credential = Credential.load(leaf.der, leaf.key_pem)
    assert credential.legacy_scheme == {
        "rsa2048": 0xFF01,
        "p256": 0x0203,
        "p384": 0x0203,
        "p521": 0x0203,
    }.get(kind)
    if credential.legacy_scheme is not None:
        signature = credential.sign(credential.legacy_scheme, b"content")
        scheme_row(credential.legacy_scheme).verify12(credential.public_key, signature, b"content")


@pytest.mark.parametrize("kind", KEY_KINDS)
def test_only_rsa_keys_decrypt(kind: str) -> None:
    """RSA key exchange takes an rsaEncryption key, not one for RSASSA-PSS alone (RFC 4055 §1.2)."""
    leaf = make_leaf(make_ca("Root"), key=kind, key_usage=None)
    for key in (leaf.key, ASK, Decrypts(leaf.key)):
        assert Credential.load(leaf.der, key).can_decrypt == (kind == "rsa2048")
    assert not Credential.load(leaf.der, Elsewhere(leaf.key)).can_decrypt


@pytest.mark.parametrize(
    ("usage", "signs", "decrypts"),
    [
        (None, True, True),
        (("digital_signature",), True, False),
        (("key_encipherment",), False, True),
        (("digital_signature", "key_encipherment"), True, True),
        (("key_agreement", "data_encipherment"), False, False),
    ],
)
def test_key_usage_says_what_an_rsa_key_is_for(
    usage: tuple[str, ...] | None, signs: bool, decrypts: bool
) -> None:
    """Signing needs digitalSignature, RSA key exchange keyEncipherment, where there is a key usage at all."""
    leaf = make_leaf(make_ca("Root"), key="rsa2048", key_usage=usage)
    credential = Credential.load(leaf.der, leaf.key)
    assert bool(credential.schemes) is bool(credential.schemes12) is signs
    assert (credential.legacy_scheme is not None) is signs
    assert credential.can_decrypt is decrypts


def test_a_premaster_secret_is_decrypted_by_whoever_has_the_key() -> None:
    """The private key or a signer that also decrypts opens a premaster secret; ASK asks for it."""
    leaf = make_leaf(make_ca("Root"), key="rsa2048", key_usage=("key_encipherment",))
    ciphertext = encrypt_premaster(leaf.key.public_key(), b"\3\3" + bytes(46))
    for key in (leaf.key, Decrypts(leaf.key)):
        assert Credential.load(leaf.der, key).decrypt(ciphertext) == b"\3\3" + bytes(46)
    for key in (leaf.key, Decrypts(leaf.key)):
        with pytest.raises(ValueError):
            Credential.load(leaf.der, key).decrypt(ciphertext[:-1])
    for other in (ASK, Elsewhere(leaf.key)):
        with pytest.raises(UsageError):
            Credential.load(leaf.der, other).decrypt(ciphertext)


def test_schemes_are_restricted_in_every_version() -> None:
    """Schemes named by the program hold for TLS 1.2 and 1.3, each with what that version has."""
    leaf = make_leaf(key="rsa2048")

    def load(*schemes: str | int) -> tuple[tuple[int, ...], tuple[int, ...], int | None]:
        credential = Credential.load(leaf.der, leaf.key, schemes=schemes)
        return credential.schemes, credential.schemes12, credential.legacy_scheme

    assert load("rsa_pss_rsae_sha512", "rsa_pkcs1_sha256") == ((0x0806,), (0x0806, 0x0401), None)
    assert load("rsa_pkcs1_sha256_legacy", 0x0804) == ((0x0420, 0x0804), (0x0804,), None)
    assert load("rsa_pkcs1_sha1") == ((), (0x0201,), 0xFF01)
    with pytest.raises(ConfigurationError):
        load(0xFF01)
    p384 = make_leaf(key="p384")
    credential = Credential.load(p384.der, p384.key, schemes=["ecdsa_secp256r1_sha256"])
    assert (credential.schemes, credential.schemes12) == ((), (0x0403,))


def test_certificates_and_keys_come_in_any_form(made: list[Issued], tmp_path: Path) -> None:
    """PEM, DER, paths and pyca's objects give the same credential."""
    leaf, intermediate, _ = made
    pem, key = tmp_path / "chain.pem", tmp_path / "key.pem"
    pem.write_bytes(leaf.pem + intermediate.pem)
    key.write_bytes(leaf.key_pem)
    both = tmp_path / "both.pem"
    both.write_bytes(leaf.key_pem + leaf.pem + intermediate.pem)
    traditional = leaf.key.private_bytes(Encoding.PEM, PrivateFormat.TraditionalOpenSSL, NoEncryption())
    parameters = b"-----BEGIN EC PARAMETERS-----\nBggqhkjOPQMBBw==\n-----END EC PARAMETERS-----\n"
    for chain, given in (
        (pem, key),
        (str(pem), str(key)),
        (pem.read_bytes(), leaf.key_bytes(Encoding.DER)),
        ([leaf.der, intermediate.pem], leaf.key),
        ([leaf.certificate, intermediate.certificate], traditional),
        ((leaf.pem + intermediate.pem), parameters + traditional),
        (both, None),
        (both.read_bytes(), None),
    ):
        credential = Credential.load(chain, given)
        assert credential.chain == (leaf.der, intermediate.der)
        assert credential.names == ("www.example.org", "*.example.com")
        assert credential.issuers == (intermediate.name.public_bytes(), name_of("Test Root").public_bytes())


def test_an_encrypted_key_needs_its_password(made: list[Issued]) -> None:
    """A key under a password is opened with it, as text or bytes, and with no other."""
    leaf = made[0]
    locked = leaf.key_bytes(Encoding.PEM, b"open sesame")
    for password in ("open sesame", b"open sesame"):
        assert Credential.load(leaf.der, locked, password=password).schemes
    for wrong in (None, "open barley"):
        with pytest.raises(ConfigurationError):
            Credential.load(leaf.der, locked, password=wrong)
    with pytest.raises(ConfigurationError):
        Credential.load(leaf.der, leaf.key_pem, password="superfluous")


def test_a_pkcs12_file_is_a_credential(made: list[Issued], tmp_path: Path) -> None:
    """PKCS#12 holds chain and key, from bytes or a file, with its password."""
    leaf, intermediate, _ = made
    data = pkcs12.serialize_key_and_certificates(
        b"me", leaf.key, leaf.certificate, [intermediate.certificate], BestAvailableEncryption(b"secret")
    )
    path = tmp_path / "me.p12"
    path.write_bytes(data)
    for source in (data, path, str(path)):
        assert Credential.from_pkcs12(source, "secret").chain == (leaf.der, intermediate.der)
    for source, password in ((data, "wrong"), (data, None), (b"nothing", None), (tmp_path / "no.p12", None)):
        with pytest.raises(ConfigurationError):
            Credential.from_pkcs12(source, password)
    only = pkcs12.serialize_key_and_certificates(None, None, leaf.certificate, None, NoEncryption())
    with pytest.raises(ConfigurationError, match="certificate and its key"):
        Credential.from_pkcs12(only)


def test_a_key_of_another_certificate_is_refused(made: list[Issued]) -> None:
    """A key that is not the leaf's cannot be used; the message names both."""
    leaf = made[0]
    with pytest.raises(ConfigurationError, match=r"ed25519.*CN=leaf.*ec secp256r1"):
        Credential.load(leaf.der, key_of("ed25519"))
    with pytest.raises(ConfigurationError, match="does not belong"):
        Credential.load(leaf.der, key_of("p256", 55))


def test_a_chain_in_the_wrong_order_is_explained(made: list[Issued]) -> None:
    """When the key belongs to a later certificate of the chain, the message says so."""
    leaf, intermediate, _ = made
    with pytest.raises(ConfigurationError, match="certificate 2 of the chain"):
        Credential.load([intermediate.der, leaf.der], leaf.key)


@pytest.mark.parametrize(
    "key",
    [
        b"-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n",
        b"",
        "/no/such/key.pem",
        7,
        None,
        dsa.generate_private_key(1024),
    ],
)
def test_what_is_no_key_is_the_programs_mistake(made: list[Issued], key: object) -> None:
    """Whatever cannot be a signing key is refused when the credential is made."""
    with pytest.raises(ConfigurationError):
        Credential.load(made[0].der, key)


@pytest.mark.parametrize("chain", [[], b"", "/no/such/file", b"\x30\x00"])
def test_what_is_no_chain_is_the_programs_mistake(chain: object) -> None:
    """A credential needs at least one certificate that can be read."""
    with pytest.raises(ConfigurationError):
        Credential.load(chain, key_of("p256"))


def test_a_signature_can_come_from_elsewhere(made: list[Issued]) -> None:
    """A signer outside, such as an HSM, is called with the scheme; ASK hands the question out."""
    leaf = made[0]
    credential = Credential.load(leaf.der, Elsewhere(key_of("p256", 1)))
    signature = credential.sign(0x0403, b"content")
    SIGNATURE_SCHEMES[0x0403].verify(credential.public_key, signature, b"content")
    asking = Credential.load(leaf.der, ASK)
    assert asking.asks and not credential.asks
    assert asking.schemes == credential.schemes
    with pytest.raises(UsageError):
        asking.sign(0x0403, b"content")


def test_schemes_can_be_restricted(made: list[Issued]) -> None:
    """The schemes to sign with can be named, by name or code, if they fit the key."""
    rsa = make_leaf(make_ca("Root"), key="rsa2048")
    credential = Credential.load(rsa.der, rsa.key, schemes=["rsa_pss_rsae_sha512", 0x0804])
    assert credential.schemes == (0x0806, 0x0804)
    with pytest.raises(ConfigurationError, match="cannot sign with ed25519"):
        Credential.load(rsa.der, rsa.key, schemes=["ed25519"])


def test_a_certificate_that_may_not_sign_has_no_schemes() -> None:
    """Without digitalSignature in its key usage a certificate is of no use (RFC 9846 §4.5.1.2)."""
    leaf = make_leaf(make_ca("Root"), key="rsa2048", key_usage=("key_encipherment",))
    assert Credential.load(leaf.der, leaf.key).schemes == ()


def test_a_credential_knows_its_names(made: list[Issued]) -> None:
    """A credential is for the DNS names of its leaf, wildcards included, and never for an address."""
    credential = Credential.load(made[0].der, made[0].key)
    name: str | DNSName | None
    for name in ("www.example.org", "WWW.EXAMPLE.ORG.", "mail.example.com", DNSName("www.example.org")):
        assert credential.matches_name(name)
    for name in ("example.com", "a.b.example.com", "192.0.2.7", "no host name", "", None):
        assert not credential.matches_name(name)


def test_secrets_and_bulk_stay_out_of_the_representation(made: list[Issued]) -> None:
    """Printing a credential shows its schemes and names, no key and no certificate bytes."""
    text = repr(Credential.load(made[0].der, made[0].key))
    assert "www.example.org" in text and len(text) < 200


def oid_filter(dotted: str, values: bytes) -> OIDFilter:
    """Make a filter on an extension."""
    return OIDFilter(der.object_identifier(dotted), values)


def test_filters_on_key_usage_and_purposes() -> None:
    """All values a filter asks for must be in the certificate, which may have others (RFC 9846 §4.3.5)."""
    leaf = make_leaf(
        make_ca("Root"), key_usage=("digital_signature", "key_agreement"), extended_key_usage=(CLIENT_AUTH,)
    )
    credential = Credential.load(leaf.der, leaf.key)
    usage, purposes, unknown = "2.5.29.15", "2.5.29.37", "1.2.3.4"
    client = x509.ExtendedKeyUsage([CLIENT_AUTH]).public_bytes()
    both = x509.ExtendedKeyUsage([CLIENT_AUTH, x509.ObjectIdentifier("1.2.3")]).public_bytes()
    fitting = [
        oid_filter(usage, key_usage("digital_signature").public_bytes()),
        oid_filter(usage, key_usage("digital_signature", "key_agreement").public_bytes()),
        oid_filter(purposes, client),
        oid_filter(unknown, b"anything"),
    ]
    unfitting = [
        oid_filter(usage, key_usage("digital_signature", "key_cert_sign").public_bytes()),
        oid_filter(usage, key_usage("key_agreement", "decipher_only").public_bytes()),
        oid_filter(purposes, both),
        oid_filter(purposes, b"\x30\x05"),
        oid_filter(usage, b""),
    ]
    assert credential.matches_filters(())
    assert credential.matches_filters(fitting)
    for one in unfitting:
        assert not credential.matches_filters([one])
    bare = make_leaf(make_ca("Root"), key_usage=None, extended_key_usage=None)
    without = Credential.load(bare.der, bare.key)
    assert [without.matches_filters([one]) for one in fitting] == [False, False, False, True]
