"""Key exchange groups: both roles, bad shares, repeatability."""

from __future__ import annotations

from dataclasses import replace

import pytest
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric import ec

from lucidtls import alerts
from lucidtls.crypto.agreements import (
    CurveAgreement,
    EncapsulationAgreement,
    FiniteFieldAgreement,
    HybridAgreement,
    MontgomeryAgreement,
)
from lucidtls.crypto.groups import (
    FFDHE2048,
    GROUPS,
    MLKEM512,
    MLKEM768,
    MLKEM1024,
    SECP256R1,
    SECP256R1MLKEM768,
    SECP384R1,
    SECP384R1MLKEM1024,
    SECP521R1,
    X448,
    X25519,
    X25519MLKEM768,
    Group,
    group_named,
)
from lucidtls.crypto.randomness import system_random
from lucidtls.errors import ConfigurationError, IllegalParameter, UsageError
from tests.unit.crypto.data import fixed, seeded

ROWS = [row for row in GROUPS.values() if row is not MLKEM512]
each_group = pytest.mark.parametrize("group", ROWS, ids=lambda group: group.name)


def refusal(group: Group, share: bytes, role: str) -> IllegalParameter:
    """Hand a share to one role of a group and return the refusal."""
    with pytest.raises(IllegalParameter) as caught:
        if role == "server":
            group.respond(share, seeded())
        else:
            group.generate(seeded()).complete(share)
    assert caught.value.alert is alerts.ILLEGAL_PARAMETER
    assert caught.value.clause
    return caught.value


def test_codes_names_and_lengths() -> None:
    """Groups have the codes of the IANA registry and key shares of fixed lengths."""
    assert {
        row.code: (row.name, row.client_share_length, row.server_share_length) for row in GROUPS.values()
    } == {
        0x0017: ("secp256r1", 65, 65),
        0x0018: ("secp384r1", 97, 97),
        0x0019: ("secp521r1", 133, 133),
        0x001D: ("x25519", 32, 32),
        0x001E: ("x448", 56, 56),
        0x0100: ("ffdhe2048", 256, 256),
        0x0101: ("ffdhe3072", 384, 384),
        0x0102: ("ffdhe4096", 512, 512),
        0x0103: ("ffdhe6144", 768, 768),
        0x0104: ("ffdhe8192", 1024, 1024),
        0x0200: ("MLKEM512", 800, 768),
        0x0201: ("MLKEM768", 1184, 1088),
        0x0202: ("MLKEM1024", 1568, 1568),
        0x11EB: ("SecP256r1MLKEM768", 1249, 1153),
        0x11EC: ("X25519MLKEM768", 1216, 1120),
        0x11ED: ("SecP384r1MLKEM1024", 1665, 1665),
    }


def test_post_quantum_groups_are_marked() -> None:
    """ML-KEM withstands quantum computers, alone or in a hybrid; curves and finite fields do not."""
    assert {row.name for row in GROUPS.values() if row.post_quantum} == {
        "MLKEM512",
        "MLKEM768",
        "MLKEM1024",
        "SecP256r1MLKEM768",
        "X25519MLKEM768",
        "SecP384r1MLKEM1024",
    }


@each_group
def test_both_roles_agree(group: Group) -> None:
    """Client and server compute one secret from each other's shares, and another one the next time."""
    secrets = set()
    for _ in range(2):
        client = group.generate(system_random)
        share, secret = group.respond(client.share, system_random)
        assert len(client.share) == group.client_share_length
        assert len(share) == group.server_share_length
        assert client.complete(share) == secret
        secrets.add(secret)
    assert len(secrets) == 2


@each_group
def test_injected_randomness_repeats(group: Group) -> None:
    """The same random bytes make the same client share; ML-KEM's encapsulation alone stays random."""
    shares = {group.generate(seeded()).share for _ in range(2)}
    assert len(shares) == 1
    answers = {group.respond(next(iter(shares)), seeded()) for _ in range(2)}
    assert len(answers) == (2 if group.post_quantum else 1)
    assert group.generate(seeded(2)).share not in shares


@each_group
@pytest.mark.parametrize("role", ["client", "server"])
def test_wrong_lengths_are_refused(group: Group, role: str) -> None:
    """A share one byte too short or too long, or an empty one, is an illegal parameter."""
    right = group.client_share_length if role == "server" else group.server_share_length
    good = group.generate(seeded()).share
    for share in (b"", good[:1], bytes(right - 1), bytes(right + 1), (good + bytes(right))[: right + 1]):
        error = refusal(group, share, role)
        assert error.fields["expected"] == right
        assert error.fields["length"] == len(share)
        assert error.clause == group.clause


def test_a_key_share_completes_once() -> None:
    """Key shares are never used twice (RFC 9846 §4.3.8), not even after the peer sent a bad one."""
    client = X25519.generate(system_random)
    assert repr(client) == "<KeyExchange x25519>"
    share, _ = X25519.respond(client.share, system_random)
    client.complete(share)
    assert repr(client) == "<KeyExchange x25519 completed>"
    with pytest.raises(UsageError, match="used already"):
        client.complete(share)
    other = X25519.generate(system_random)
    with pytest.raises(IllegalParameter):
        other.complete(b"")
    with pytest.raises(UsageError, match="used already"):
        other.complete(share)


@pytest.mark.parametrize(("group", "length"), [(X25519, 32), (X448, 56)], ids=["x25519", "x448"])
@pytest.mark.parametrize("role", ["client", "server"])
def test_low_order_points_are_refused(group: Group, length: int, role: str) -> None:
    """The all-zero shared secret that 0 and 1 give whatever the key is refused (RFC 9846 §7.4.2)."""
    for value in (0, 1):
        error = refusal(group, value.to_bytes(length, "little"), role)
        assert error.clause == "RFC 9846 §7.4.2"


def test_the_order_of_curve25519s_small_points() -> None:
    """The points of order 8 on Curve25519 and p-1 of order 2 are refused as well."""
    prime = 2**255 - 19
    order_8 = (
        325606250916557431795983626356110631294008115727848805560023387167927233504,
        39382357235489614581723060781553021112529911719440698176882885853963445705823,
    )
    for value in (*order_8, prime - 1, prime, prime + 1):
        refusal(X25519, value.to_bytes(32, "little"), "server")


@pytest.mark.parametrize("group", [SECP256R1, SECP384R1, SECP521R1], ids=lambda group: group.name)
@pytest.mark.parametrize("role", ["client", "server"])
def test_points_must_be_uncompressed_and_on_the_curve(group: Group, role: str) -> None:
    """A share is 4 || X || Y with coordinates below p that solve the curve's equation (RFC 9846 §4.3.8.2)."""
    good = group.generate(seeded()).share
    half = (len(good) - 1) // 2
    bad = {
        "not on the curve": good[:-1] + bytes([good[-1] ^ 1]),
        "X and Y exchanged": good[:1] + good[half + 1 :] + good[1 : half + 1],
        "all zeros": b"\4" + bytes(2 * half),
        "coordinates beyond p": b"\4" + b"\xff" * (2 * half),
        "infinity, padded": bytes(len(good)),
        "hybrid form": bytes([6 | good[-1] & 1]) + good[1:],
        "compressed form, padded": bytes([2 | good[-1] & 1]) + good[1 : half + 1] + bytes(half),
    }
    for share in bad.values():
        assert refusal(group, share, role).clause == "RFC 9846 §4.3.8.2"
    assert refusal(group, bad["hybrid form"], role).fields["form"] in (6, 7)


@pytest.mark.parametrize("role", ["client", "server"])
def test_finite_field_values_must_be_inside(role: str) -> None:
    """A public value Y is refused unless 1 < Y < p-1 (RFC 9846 §4.3.8.1)."""
    agreement = FFDHE2048.agreement
    assert isinstance(agreement, FiniteFieldAgreement)
    prime = agreement.field.prime
    for value in (0, 1, prime - 1, prime, prime + 1, 2**2048 - 1):
        assert refusal(FFDHE2048, value.to_bytes(256, "big"), role).clause == "RFC 9846 §4.3.8.1"
    for value in (2, prime - 2):
        FFDHE2048.respond(value.to_bytes(256, "big"), seeded())


def test_finite_field_checks_come_before_any_work() -> None:
    """A server draws no key for a public value that is out of range."""
    used: list[int] = []

    def counting(length: int) -> bytes:
        used.append(length)
        return bytes(length)

    with pytest.raises(IllegalParameter):
        FFDHE2048.respond(bytes(256), counting)
    assert used == []


@pytest.mark.parametrize("group", [MLKEM768, MLKEM1024], ids=lambda group: group.name)
def test_encapsulation_keys_are_checked(group: Group) -> None:
    """An ML-KEM key with a coefficient of q=3329 or more is refused (FIPS 203 §7.2)."""
    good = bytearray(group.generate(seeded()).share)
    for coefficient in (3329, 4095):
        # The first two bytes hold the first coefficient, 12 bits little-endian.
        bad = bytes([coefficient & 0xFF, good[1] & 0xF0 | coefficient >> 8]) + bytes(good[2:])
        error = refusal(group, bad, "server")
        assert error.clause == "FIPS 203 §7.2"
    edge = bytes([3328 & 0xFF, good[1] & 0xF0 | 3328 >> 8]) + bytes(good[2:])
    group.respond(edge, seeded())


@pytest.mark.parametrize("group", [MLKEM768, MLKEM1024, X25519MLKEM768], ids=lambda group: group.name)
def test_a_wrong_ciphertext_gives_another_secret(group: Group) -> None:
    """ML-KEM answers an altered ciphertext with an unrelated secret, so the handshake fails at Finished."""
    client, same_client = (group.generate(seeded()) for _ in range(2))
    share, secret = group.respond(client.share, system_random)
    altered = bytes([share[0] ^ 1]) + share[1:]
    assert client.complete(altered) != secret
    assert same_client.complete(share) == secret


HYBRIDS = {
    # group: (first half, second half), in the order in which they go over the wire
    X25519MLKEM768: (MLKEM768, X25519),
    SECP256R1MLKEM768: (SECP256R1, MLKEM768),
    SECP384R1MLKEM1024: (SECP384R1, MLKEM1024),
}
each_hybrid = pytest.mark.parametrize("hybrid", HYBRIDS, ids=lambda group: group.name)


@each_hybrid
def test_hybrids_concatenate_in_their_own_order(hybrid: Group) -> None:
    """X25519MLKEM768 puts ML-KEM first and the other hybrids the curve, in shares and secrets alike."""
    first, second = HYBRIDS[hybrid]
    clients = first.generate(seeded(1)), second.generate(seeded(2))
    share, secret = hybrid.respond(clients[0].share + clients[1].share, system_random)
    halves = share[: first.server_share_length], share[first.server_share_length :]
    assert clients[0].complete(halves[0]) + clients[1].complete(halves[1]) == secret


@each_hybrid
def test_hybrid_clients_complete_from_both_halves(hybrid: Group) -> None:
    """A hybrid client splits the server's share where the first half ends."""
    first, second = HYBRIDS[hybrid]
    client = hybrid.generate(system_random)
    split = first.client_share_length
    first_share, first_secret = first.respond(client.share[:split], system_random)
    second_share, second_secret = second.respond(client.share[split:], system_random)
    assert client.complete(first_share + second_share) == first_secret + second_secret


@each_hybrid
def test_hybrids_check_both_halves(hybrid: Group) -> None:
    """A hybrid is refused when either of its halves is, whatever the other is."""
    first, second = HYBRIDS[hybrid]
    good = hybrid.generate(seeded()).share
    split = first.client_share_length
    refusal(hybrid, b"\xff" * split + good[split:], "server")
    bad = bytes(32) if second is X25519 else b"\xff" * second.client_share_length
    refusal(hybrid, good[:split] + bad, "server")
    curve = first if second.kind == "kem" else second
    bad_curve = bytes(curve.server_share_length)
    kem_answer = bytes((second if curve is first else first).server_share_length)
    refusal(hybrid, bad_curve + kem_answer if curve is first else kem_answer + bad_curve, "client")


def test_hybrid_secret_lengths() -> None:
    """A hybrid's secret has 32 bytes from ML-KEM and a coordinate from the curve (RFC 10024 §4.3)."""
    for group, length in ((X25519MLKEM768, 64), (SECP256R1MLKEM768, 64), (SECP384R1MLKEM1024, 80)):
        assert len(group.respond(group.generate(seeded()).share, seeded())[1]) == length


def test_x25519_uses_the_random_bytes_as_its_key() -> None:
    """An X25519 private key is 32 random bytes (RFC 7748 §5), so injected ones give a known share."""
    private = bytes.fromhex("77076d0a7318a57d3c16c17251b26645df4c2f87ebc0992ab177fba51db92c2a")
    public = bytes.fromhex("8520f0098930a754748b7ddcb43ef75a0dbf3a0d26381af4eba4a98eaa9b4e6a")
    assert X25519.generate(fixed(private)).share == public


@pytest.mark.parametrize("group", [SECP256R1, SECP384R1, SECP521R1], ids=lambda group: group.name)
def test_any_random_bytes_make_a_valid_scalar(group: Group) -> None:
    """A private scalar lies between 1 and the order less 1, even from random bytes all 0 or all 255."""
    length = (group.client_share_length - 1) // 2 + 8
    for drawn in (bytes(length), b"\xff" * length):
        client = group.generate(fixed(drawn))
        share, secret = group.respond(client.share, system_random)
        assert client.complete(share) == secret


def test_what_the_library_lacks_is_not_available() -> None:
    """ML-KEM-512 has a code point and a row, but pyca does not do it, so it is never offered."""
    assert not MLKEM512.available()
    for use in (
        lambda: MLKEM512.generate(system_random),
        lambda: MLKEM512.respond(bytes(800), system_random),
    ):
        with pytest.raises(ConfigurationError, match="no ML-KEM-512"):
            use()
    assert all(row.available() for row in ROWS)


def test_availability_is_found_out_by_trying() -> None:
    """A group is offered only when making a key for it works: builds differ in what they have."""

    def missing() -> object:
        raise UnsupportedAlgorithm("not in this build")

    x25519, mlkem = X25519.agreement, MLKEM768.agreement
    assert isinstance(x25519, MontgomeryAgreement)
    assert isinstance(mlkem, EncapsulationAgreement)
    assert not replace(x25519, generate_key=missing).available()  # type: ignore[arg-type]
    assert not replace(mlkem, generate_key=missing).available()  # type: ignore[arg-type]


def test_a_curve_the_library_lacks() -> None:
    """A curve is offered only when the library can make a key on it."""

    class NoCurve(ec.EllipticCurve):
        name, key_size, group_order = "nosuchcurve", 163, 7

    curve = SECP256R1.agreement
    assert isinstance(curve, CurveAgreement)
    assert curve.available()
    assert not replace(curve, curve=NoCurve()).available()


def test_a_hybrid_needs_both_halves() -> None:
    """A hybrid is offered only where both its halves are available."""
    there, missing = X25519.agreement, MLKEM512.agreement
    assert HybridAgreement(there, there).available()
    assert not HybridAgreement(there, missing).available()
    assert not HybridAgreement(missing, there).available()


def test_group_named() -> None:
    """A group is found by its registered name, in any case, and by its code."""
    assert group_named("x25519mlkem768") is X25519MLKEM768
    assert group_named("secp256r1") is group_named(0x0017) is SECP256R1
    for wrong in ("curve25519", 0x0A0A):
        with pytest.raises(ConfigurationError, match="no group is called"):
            group_named(wrong)
