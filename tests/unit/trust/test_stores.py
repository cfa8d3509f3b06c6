"""Where trust comes from."""

from __future__ import annotations

import importlib.util
from collections.abc import Iterable
from pathlib import Path

import certifi
import pytest

from lucidtls.errors import ConfigurationError
from lucidtls.trust import stores
from lucidtls.trust.stores import CertifiTrust, SystemTrust, TrustStore, load_trust, register_system_loader
from tests.certificates import Issued, make_ca

BROKEN = b"-----BEGIN CERTIFICATE-----\nMAA=\n-----END CERTIFICATE-----\n"


@pytest.fixture
def pair() -> tuple[Issued, Issued]:
    """Two authorities."""
    return make_ca("First Root"), make_ca("Second Root")


@pytest.fixture(autouse=True)
def clean_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let no variable of the machine decide."""
    monkeypatch.delenv("SSL_CERT_FILE", raising=False)
    monkeypatch.delenv("SSL_CERT_DIR", raising=False)


def subjects(trust: TrustStore) -> list[str]:
    """List the subjects of a store."""
    return [anchor.subject_text for anchor in trust]


def test_trust_is_loaded_from_anything(pair: tuple[Issued, Issued], tmp_path: Path) -> None:
    """PEM and DER, bytes, paths, directories, certificate objects and stores all give the same store."""
    one, two = pair
    bundle = tmp_path / "bundle.pem"
    bundle.write_bytes(b"First Root\n" + one.pem + b"\nSecond Root\n" + two.pem)
    single = tmp_path / "one.der"
    single.write_bytes(one.der)
    folder = tmp_path / "folder"
    folder.mkdir()
    (folder / "a.crt").write_bytes(one.der)
    (folder / "5ed36f99.0").write_bytes(two.pem)
    (folder / "readme.txt").write_text("no certificate")
    for source in (
        bundle,
        str(bundle),
        one.pem + two.pem,
        [one.der, two.pem],
        [single, two.certificate],
        (load_trust(one.der), load_trust(two.der)),
        load_trust(bundle),
        TrustStore.from_file(bundle),
        TrustStore.from_pem(bundle.read_bytes()),
        load_trust(one.certificate) | load_trust(two.certificate),
    ):
        assert subjects(load_trust(source)) == ["CN=First Root", "CN=Second Root"]
    assert sorted(subjects(load_trust(folder))) == ["CN=First Root", "CN=Second Root"]


def test_a_store_holds_each_anchor_once(pair: tuple[Issued, Issued]) -> None:
    """An anchor that is given twice is one anchor."""
    one, two = pair
    trust = load_trust([one.der, two.der, one.pem])
    assert len(trust) == 2
    assert next(iter(trust)) in trust
    assert next(iter(load_trust(make_ca("Third").der))) not in trust


def test_anchors_are_found_by_equal_names(pair: tuple[Issued, Issued]) -> None:
    """An anchor is found under its subject's bytes, and under an equal name written otherwise."""
    one, _ = pair
    shouted = make_ca("FIRST  ROOT")
    trust = load_trust([one.der, shouted.der])
    found = next(iter(load_trust(shouted.der)))
    assert len(trust.with_subject(found.subject)) == 1
    assert len(trust.named(found.canonical_subject)) == 2


@pytest.mark.parametrize(
    "source",
    [b"", b"garbage", b"-----BEGIN NOTHING-----\n-----END NOTHING-----\n", BROKEN, "/no/such/file", 7, None],
)
def test_what_is_no_trust_is_the_programs_mistake(source: object) -> None:
    """A trust source that cannot be read is refused when the configuration is made, and named."""
    with pytest.raises(ConfigurationError):
        load_trust(source)


def test_a_malformed_certificate_in_ones_own_bundle_is_an_error(pair: tuple[Issued, Issued]) -> None:
    """A file that the program names is read strictly."""
    with pytest.raises(ConfigurationError, match="cannot be parsed"):
        load_trust(pair[0].pem + BROKEN)


def test_the_environment_replaces_the_systems_places(
    pair: tuple[Issued, Issued], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """SSL_CERT_FILE names a bundle, SSL_CERT_DIR directories; together they are all that is trusted."""
    one, two = pair
    file, folder = tmp_path / "file.pem", tmp_path / "folder"
    file.write_bytes(one.pem)
    folder.mkdir()
    (folder / "two.pem").write_bytes(two.pem)
    monkeypatch.setenv("SSL_CERT_FILE", str(file))
    assert subjects(SystemTrust()) == ["CN=First Root"]
    monkeypatch.setenv("SSL_CERT_DIR", f"{folder}:/no/such/directory")
    assert subjects(SystemTrust()) == ["CN=First Root", "CN=Second Root"]
    monkeypatch.delenv("SSL_CERT_FILE")
    assert subjects(SystemTrust()) == ["CN=Second Root"]


def test_the_environment_may_not_name_nothing(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """A bundle that is named and cannot be read, or is empty, is an error; no other place is tried."""
    monkeypatch.setenv("SSL_CERT_FILE", "/no/such/bundle.pem")
    with pytest.raises(ConfigurationError, match="bundle"):
        len(SystemTrust())
    empty = tmp_path / "empty.pem"
    empty.write_bytes(b"")
    monkeypatch.setenv("SSL_CERT_FILE", str(empty))
    with pytest.raises(ConfigurationError, match="no trusted certificates"):
        len(SystemTrust())


def test_a_bundle_is_parsed_once(
    pair: tuple[Issued, Issued], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The system's anchors are shared by all stores of a process, until the file changes."""
    file = tmp_path / "file.pem"
    file.write_bytes(pair[0].pem)
    monkeypatch.setenv("SSL_CERT_FILE", str(file))
    first, second = SystemTrust(), SystemTrust()
    assert first.anchors[0] is second.anchors[0]
    file.write_bytes(pair[1].pem + pair[0].pem)
    assert subjects(SystemTrust()) == ["CN=Second Root", "CN=First Root"]
    assert subjects(first) == ["CN=First Root"]


def test_a_malformed_certificate_in_the_systems_bundle_is_left_out(
    pair: tuple[Issued, Issued], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One certificate that does not parse takes nothing from the others of a bundle nobody here wrote."""
    file = tmp_path / "file.pem"
    file.write_bytes(pair[0].pem + BROKEN + pair[1].pem)
    monkeypatch.setenv("SSL_CERT_FILE", str(file))
    assert subjects(SystemTrust()) == ["CN=First Root", "CN=Second Root"]


def test_the_systems_own_places(
    pair: tuple[Issued, Issued], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Without variables the first of the well-known bundles that has certificates is the trust."""
    one, two = tmp_path / "one.pem", tmp_path / "two.pem"
    one.write_bytes(pair[0].pem)
    two.write_bytes(pair[1].pem)
    monkeypatch.setattr(stores, "SYSTEM_BUNDLES", ("/no/such/bundle.pem", str(one), str(two)))
    assert subjects(SystemTrust()) == ["CN=First Root"]
    monkeypatch.setattr(stores, "SYSTEM_BUNDLES", ())
    monkeypatch.setattr(stores, "SYSTEM_DIRECTORIES", (str(tmp_path),))
    assert subjects(SystemTrust()) == ["CN=First Root", "CN=Second Root"]
    monkeypatch.setattr(stores, "SYSTEM_DIRECTORIES", ())
    with pytest.raises(ConfigurationError, match="SSL_CERT_FILE"):
        len(SystemTrust())


def test_a_loader_can_stand_for_a_store_that_is_no_file(
    pair: tuple[Issued, Issued], monkeypatch: pytest.MonkeyPatch
) -> None:
    """A registered loader provides the system's anchors, as the one for the Windows store does."""

    def loader() -> Iterable[bytes]:
        return [pair[1].der, b"not a certificate"]

    monkeypatch.setattr(stores, "_system_loaders", [])
    register_system_loader(loader)
    register_system_loader(loader)
    assert subjects(SystemTrust()) == ["CN=Second Root"]


def test_nothing_is_read_before_it_is_needed(monkeypatch: pytest.MonkeyPatch) -> None:
    """Making a SystemTrust reads no file."""
    monkeypatch.setenv("SSL_CERT_FILE", "/no/such/bundle.pem")
    assert repr(SystemTrust()) == "<SystemTrust not yet loaded>"


@pytest.mark.filterwarnings("ignore:Parsed a serial number")
def test_certifi_is_a_trust_store() -> None:
    """The anchors of certifi are those of its bundle."""
    trust = CertifiTrust()
    assert len(trust) == Path(certifi.where()).read_bytes().count(b"BEGIN CERTIFICATE")
    assert all(anchor.facts.is_ca or anchor.version == 1 for anchor in trust)


def test_certifi_may_be_missing(monkeypatch: pytest.MonkeyPatch) -> None:
    """Without certifi its store cannot be made, and the message says what to install."""
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    with pytest.raises(ConfigurationError, match=r"lucidtls\[certifi\]"):
        CertifiTrust()
