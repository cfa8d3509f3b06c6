"""Development certificates: their form, the limits of their authority, and the files it is kept in."""

from __future__ import annotations

import shutil
import stat
import subprocess
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding, pkcs12
from cryptography.x509.oid import ExtendedKeyUsageOID

from lucidtls.errors import CertificateRejected, ConfigurationError
from lucidtls.tools.development import (
    MAX_DAYS,
    PKCS12_PASSWORD,
    Authority,
    KeyKind,
    Kind,
    data_directory,
    file_stem,
    open_authority,
    write_private,
)
from lucidtls.trust.names import parse_server_name
from lucidtls.trust.stores import TrustStore
from lucidtls.trust.verify import ChainVerifier, VerificationRequest
from tests.peers_required import require_peer
from tests.unit.tools.conftest import Run

NOW = datetime(2026, 11, 23, 12, tzinfo=UTC)
KINDS: tuple[Kind, ...] = ("constrained", "unconstrained", "intermediate")


def verify(
    authority: Authority, certificates: list[x509.Certificate], name: str, role: str = "server"
) -> None:
    """Judge a chain with only the authority's root trusted."""
    request = VerificationRequest(
        chain=tuple(one.public_bytes(Encoding.DER) for one in certificates),
        at=datetime.now(UTC),
        server_name=parse_server_name(name) if role == "server" else None,
        role=role,
    )
    ChainVerifier(TrustStore.from_pem(authority.root_pem())).verify(request)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("key", ["ec", "rsa", "ed25519", "ml-dsa-65"])
def test_what_is_issued_is_accepted(kind: Kind, key: KeyKind) -> None:
    """A certificate of each kind of key, from each kind of authority, is valid for its names and no
    others.
    """
    authority = Authority.create(kind)
    issued = authority.issue(["localhost", "*.app.test", "127.0.0.1", "::1"], kind=key)
    chain = [issued.certificate, *issued.chain]
    for name in ("localhost", "x.app.test", "127.0.0.1", "::1"):
        verify(authority, chain, name)
    with pytest.raises(CertificateRejected) as caught:
        verify(authority, chain, "other.test")
    assert caught.value.reason == "wrong_name"
    assert issued.credential().names == ("localhost", "*.app.test")


def test_the_form_of_what_is_issued() -> None:
    """Every certificate has the extensions that strict verifiers want, and starts an hour back (RFC 5280
    §4.2).
    """
    authority = Authority.create(now=NOW)
    leaf = authority.issue(["localhost"], days=30, now=NOW).certificate
    assert leaf.not_valid_before_utc == NOW - timedelta(hours=1)
    assert leaf.not_valid_after_utc == NOW + timedelta(days=30)
    assert leaf.version is x509.Version.v3
    constraints = leaf.extensions.get_extension_for_class(x509.BasicConstraints)
    assert (constraints.critical, constraints.value.ca) == (True, False)
    usage = leaf.extensions.get_extension_for_class(x509.KeyUsage)
    assert (usage.critical, usage.value.digital_signature, usage.value.key_cert_sign) == (True, True, False)
    purposes = leaf.extensions.get_extension_for_class(x509.ExtendedKeyUsage).value
    assert list(purposes) == [ExtendedKeyUsageOID.SERVER_AUTH]
    above = authority.root.extensions.get_extension_for_class(x509.SubjectKeyIdentifier).value.digest
    assert leaf.extensions.get_extension_for_class(x509.AuthorityKeyIdentifier).value.key_identifier == above
    root_constraints = authority.root.extensions.get_extension_for_class(x509.BasicConstraints)
    assert (root_constraints.critical, root_constraints.value.ca) == (True, True)


def test_client_certificates_are_for_clients() -> None:
    """A client certificate may carry an e-mail address or a URI, and no server can use it (RFC 5280
    §4.2.1.12).
    """
    authority = Authority.create()
    issued = authority.issue(["me@example.org", "spiffe://example.org/me", "me.test"], client=True)
    chain = [issued.certificate, *issued.chain]
    verify(authority, chain, "me.test", role="client")
    with pytest.raises(CertificateRejected) as caught:
        verify(authority, chain, "me.test")
    assert caught.value.reason == "wrong_usage"


@pytest.mark.parametrize(
    "name", ["example.com", "test.example.com", "localhost.evil.com", "8.8.8.8", "2001:db8::1"]
)
def test_the_authority_vouches_for_nobody_on_the_internet(name: str) -> None:
    """Names that could be somebody's are refused, and an unconstrained authority is another one."""
    with pytest.raises(ConfigurationError, match="--constrain any"):
        Authority.create().issue([name])
    authority = Authority.create("unconstrained")
    verify(authority, [authority.issue([name]).certificate], name)


@pytest.mark.parametrize("kind", ["constrained", "intermediate"])
def test_a_stolen_key_is_worth_nothing_on_the_internet(kind: Kind) -> None:
    """The limits are in the certificate and not only in this program (RFC 5280 §4.2.1.10)."""
    authority = Authority.create(kind)
    thief = Authority(authority.root, authority.issuer, authority.key, constrained=False)
    stolen = thief.issue(["www.example.com"])
    with pytest.raises(CertificateRejected) as caught:
        verify(authority, [stolen.certificate, *stolen.chain], "www.example.com")
    assert caught.value.reason == "name_constraints"


@pytest.mark.parametrize("names", [[], ["not a name"], ["-x.test"], ["*"], ["me@example.org"]])
def test_what_is_no_name_is_refused(names: list[str]) -> None:
    """A certificate is only issued for names that can be in one."""
    with pytest.raises(ConfigurationError):
        Authority.create("unconstrained").issue(names)


@pytest.mark.parametrize("days", [0, MAX_DAYS + 1])
def test_certificates_are_short_lived(days: int) -> None:
    """A development certificate lives 90 days at most, whoever asks."""
    with pytest.raises(ConfigurationError, match="90 days"):
        Authority.create().issue(["localhost"], days=days)


def test_openssl_accepts_it_strictly(tmp_path: Path) -> None:
    """OpenSSL finds nothing to complain about in its strict mode."""
    openssl = shutil.which("openssl")
    require_peer("OpenSSL", openssl is not None, "install openssl")
    for kind in KINDS:
        authority = Authority.create(kind)
        issued = authority.issue(["localhost", "127.0.0.1"])
        (tmp_path / "root.pem").write_bytes(authority.root_pem())
        (tmp_path / "chain.pem").write_bytes(issued.chain_pem())
        command = [
            str(openssl),
            "verify",
            "-x509_strict",
            "-purpose",
            "sslserver",
            "-verify_hostname",
            "localhost",
        ]
        command += ["-CAfile", str(tmp_path / "root.pem"), "-untrusted", str(tmp_path / "chain.pem")]
        ended = subprocess.run(
            [*command, str(tmp_path / "chain.pem")], capture_output=True, text=True, check=False
        )
        assert ended.returncode == 0, ended.stderr


# Keeping it


def test_the_authority_is_kept_for_its_owner_alone(tmp_path: Path) -> None:
    """The authority's directory and key are readable by their owner alone, and the next time it is the same
    one.
    """
    first, made = open_authority(directory=tmp_path / "a" / "b")
    assert made
    folder = tmp_path / "a" / "b" / "constrained"
    assert stat.S_IMODE((tmp_path / "a" / "b").stat().st_mode) == 0o700
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700
    assert stat.S_IMODE((folder / "issuer-key.pem").stat().st_mode) == 0o600
    again, made = open_authority(directory=tmp_path / "a" / "b")
    assert not made
    assert again.root == first.root
    other, made = open_authority("intermediate", directory=tmp_path / "a" / "b")
    assert made
    assert other.root != first.root
    assert not list((tmp_path / "a" / "b").glob(".*")), "nothing half made is left behind"


def test_a_key_that_others_can_read_is_not_used(tmp_path: Path) -> None:
    """A private key that others can read is no secret any more."""
    open_authority(directory=tmp_path)
    (tmp_path / "constrained" / "issuer-key.pem").chmod(0o644)
    with pytest.raises(ConfigurationError, match="chmod 600"):
        open_authority(directory=tmp_path)


@pytest.mark.parametrize("file", ["root.pem", "issuer.pem", "issuer-key.pem"])
def test_a_damaged_authority_says_so(tmp_path: Path, file: str) -> None:
    """A file that is not what it was is an error that names the place."""
    open_authority(directory=tmp_path)
    (tmp_path / "constrained" / file).write_bytes(b"damaged")
    with pytest.raises(ConfigurationError, match="damaged"):
        open_authority(directory=tmp_path)


def test_two_that_make_it_at_once_get_the_same(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The authority appears as a whole: who comes second uses the first one's."""
    winner: list[Authority] = []
    create = Authority.create

    def slow(kind: Kind = "constrained", *, now: datetime | None = None) -> Authority:
        monkeypatch.setattr(Authority, "create", create)
        winner.append(open_authority(directory=tmp_path)[0])
        return create(kind, now=now)

    monkeypatch.setattr(Authority, "create", slow)
    authority, made = open_authority(directory=tmp_path)
    assert not made
    assert authority.root == winner[0].root


def test_where_it_lives(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """LUCIDTLS_CAROOT says where the authority lives; otherwise it is the user's data directory."""
    monkeypatch.setenv("LUCIDTLS_CAROOT", str(tmp_path))
    assert data_directory() == tmp_path
    monkeypatch.delenv("LUCIDTLS_CAROOT")
    monkeypatch.setattr("sys.platform", "linux")
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path / "data"))
    assert data_directory() == tmp_path / "data" / "lucidtls"
    monkeypatch.setattr("sys.platform", "darwin")
    assert data_directory().parts[-2:] == ("Application Support", "lucidtls")


def test_a_private_file_is_private_from_the_start(tmp_path: Path) -> None:
    """A key is never readable by others, not even for a moment, and an old file's mode does not matter."""
    path = tmp_path / "key"
    path.write_bytes(b"old")
    path.chmod(0o666)
    write_private(path, b"new")
    assert path.read_bytes() == b"new"
    assert stat.S_IMODE(path.stat().st_mode) == 0o600


@pytest.mark.parametrize(
    ("name", "stem"),
    [
        ("localhost", "localhost"),
        ("*.app.test", "_wildcard.app.test"),
        ("::1", "__1"),
        ("../x", "_x"),
        ("…", "_"),
    ],
)
def test_file_names_are_harmless(name: str, stem: str) -> None:
    """A name in a certificate never becomes a path."""
    assert file_stem(name) == stem
    assert "/" not in file_stem(name)


# The command


def test_the_command_writes_what_a_server_needs(run: Run, tmp_path: Path) -> None:
    """`cert dev` writes a chain, a key and the root, and shows how to use them."""
    shown = run("cert", "dev", "localhost", "--out", tmp_path / "out")
    assert shown.code == 0
    assert {path.name for path in (tmp_path / "out").iterdir()} == {
        "localhost.pem",
        "localhost-key.pem",
        "root.pem",
    }
    assert stat.S_IMODE((tmp_path / "out" / "localhost-key.pem").stat().st_mode) == 0o600
    assert "lucidtls serve --cert" in shown.out
    assert "trusted by nobody until you say so" in " ".join(shown.out.split())
    assert run("cert", "dev", "localhost", "--out", tmp_path / "out").code == 0, (
        "what is ours may be replaced"
    )


def test_the_command_as_json(run: Run, tmp_path: Path) -> None:
    """With --json it tells the files and the chain."""
    shown = run("cert", "dev", "--out", tmp_path, "--intermediate", "--p12", "--key", "rsa", "--json")
    result = shown.json["result"]
    assert result["names"] == ["localhost", "127.0.0.1", "::1"]
    assert set(result["files"]) == {"certificate", "key", "root", "pkcs12"}
    assert [one["key"] for one in result["chain"]] == ["RSA 2048", "EC P-256", "EC P-256"]
    bundle = pkcs12.load_pkcs12(Path(result["files"]["pkcs12"]).read_bytes(), PKCS12_PASSWORD)
    assert bundle.cert is not None and len(bundle.additional_certs) == 1


def test_the_command_replaces_nobody_elses_files(run: Run, tmp_path: Path) -> None:
    """A certificate or key that came from somewhere else is left alone."""
    (tmp_path / "localhost-key.pem").write_bytes(b"somebody's")
    shown = run("cert", "dev", "localhost", "--out", tmp_path)
    assert shown.code == 3
    assert "not from here" in shown.err
    assert (tmp_path / "localhost-key.pem").read_bytes() == b"somebody's"


def test_what_the_command_refuses(run: Run, tmp_path: Path) -> None:
    """Names of the Internet need an authority of their own; more than 90 days are not to be had."""
    assert run("cert", "dev", "example.com", "--out", tmp_path).code == 3
    assert run("cert", "dev", "example.com", "--constrain", "any", "--out", tmp_path).code == 0
    assert run("cert", "dev", "--days", "91").code == 2
    assert run("cert", "dev", "--key", "dsa").code == 2
    assert run("cert").code == 2
    assert run("cert", "dev", "--p12", "--key", "ml-dsa-65", "--out", tmp_path / "x").code == 3


def test_a_client_certificate_by_command(run: Run, tmp_path: Path) -> None:
    """--client issues for a client, and shows how one is used."""
    shown = run("cert", "dev", "--client", "me@home.test", "--out", tmp_path)
    assert shown.code == 0
    assert "--client-cert require" in shown.out
    certificate = x509.load_pem_x509_certificate((tmp_path / "me@home.test.pem").read_bytes())
    purposes = certificate.extensions.get_extension_for_class(x509.ExtendedKeyUsage).value
    assert list(purposes) == [ExtendedKeyUsageOID.CLIENT_AUTH]
