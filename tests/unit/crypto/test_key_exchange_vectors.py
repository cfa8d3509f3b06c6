"""Key exchange against published vectors, through the same calls a handshake makes."""

from __future__ import annotations

import pytest

from lucidtls.crypto.groups import (
    MLKEM768,
    MLKEM1024,
    SECP256R1,
    SECP384R1,
    SECP521R1,
    X448,
    X25519,
    Group,
    KeyExchange,
)
from lucidtls.crypto.randomness import Random, system_random
from lucidtls.errors import IllegalParameter
from tests.unit.crypto.data import Json, fixed, vectors, wycheproof

RFC7748 = vectors("rfc7748")


def montgomery(scalar_length: int) -> Group:
    """Tell X25519 from X448 by the length of a key."""
    return {32: X25519, 56: X448}[scalar_length]


@pytest.mark.parametrize("case", RFC7748["calls"], ids=lambda case: str(case["scalar"][:8]))
def test_rfc7748_calls(case: Json) -> None:
    """X25519 and X448 give the results of RFC 7748 §5.2."""
    scalar, u, output = (bytes.fromhex(case[name]) for name in ("scalar", "u", "output"))
    assert montgomery(len(scalar)).generate(fixed(scalar)).complete(u) == output


@pytest.mark.parametrize(
    "case", RFC7748["iterated"], ids=lambda case: f"{case['output'][:8]}-{case['times']}"
)
def test_rfc7748_iterated(case: Json) -> None:
    """A thousand calls of X25519 or X448 on their own results give what RFC 7748 §5.2 says."""
    output = bytes.fromhex(case["output"])
    group = montgomery(len(output))
    k = u = {X25519: b"\x09", X448: b"\x05"}[group].ljust(len(output), b"\0")
    for _ in range(case["times"]):
        k, u = group.generate(fixed(k)).complete(u), k
    assert k == output


@pytest.mark.parametrize("case", RFC7748["exchanges"], ids=lambda case: str(case["shared"][:8]))
def test_rfc7748_exchanges(case: Json) -> None:
    """Alice and Bob of RFC 7748 §6 send the printed shares and get the printed secret."""
    alice, bob = bytes.fromhex(case["alice_private"]), bytes.fromhex(case["bob_private"])
    group = montgomery(len(alice))
    client = group.generate(fixed(alice))
    assert client.share.hex() == case["alice_public"]
    share, secret = group.respond(client.share, fixed(bob))
    assert share.hex() == case["bob_public"]
    assert client.complete(share) == secret == bytes.fromhex(case["shared"])


def test_key_pairs_of_the_traces() -> None:
    """The X25519 and P-256 private keys of RFC 8448 have the printed shares and shared secrets."""
    trace = vectors("rfc8448")
    pairs = [(bytes.fromhex(pair["private"]), bytes.fromhex(pair["public"])) for pair in trace["key_pairs"]]
    for private, public in pairs:
        assert exchange_with(private, public).share == public
    secrets = {
        exchange_with(mine, own).complete(theirs).hex()
        for (mine, own) in pairs
        for (_, theirs) in pairs
        if len(own) == len(theirs)
    }
    handshake = {row["ikm"] for row in trace["extractions"] if "handshake" in row["step"]}
    assert len(handshake) == 5
    assert handshake <= secrets


def randomness_for(group: Group, private: bytes) -> Random:
    """Return the randomness from which a group makes this private key."""
    if group in (X25519, X448):
        return fixed(private)
    length = (group.client_share_length - 1) // 2
    return fixed((int.from_bytes(private, "big") - 1).to_bytes(length + 8, "big"))


def exchange_with(private: bytes, public: bytes) -> KeyExchange:
    """Start an exchange with a known private key; the length of its public key tells the group."""
    group = SECP256R1 if len(public) == 65 else X25519
    return group.generate(randomness_for(group, private))


@pytest.mark.parametrize("group", [X25519, X448], ids=lambda group: group.name)
def test_wycheproof_montgomery(group: Group) -> None:
    """Shares on the twist and non-canonical ones are computed with, those of low order are refused."""
    refused = 0
    for case in wycheproof(group.name):
        client = group.generate(randomness_for(group, case["private"]))
        if "ZeroSharedSecret" in case["flags"] or len(case["public"]) != group.client_share_length:
            refused += 1
            with pytest.raises(IllegalParameter):
                client.complete(case["public"])
        else:
            assert client.complete(case["public"]) == case["shared"], case["tcId"]
    assert refused > 10


@pytest.mark.parametrize("group", [SECP256R1, SECP384R1, SECP521R1], ids=lambda group: group.name)
def test_wycheproof_curves(group: Group) -> None:
    """Uncompressed points on the curve give the x-coordinate at full length, all else is refused."""
    results: dict[bool, int] = {True: 0, False: 0}
    for case in wycheproof(f"ecdh_{group.name}_ecpoint"):
        client = group.generate(randomness_for(group, case["private"]))
        good = case["result"] == "valid"
        results[good] += 1
        if good:
            assert client.complete(case["public"]) == case["shared"], case["tcId"]
        else:
            with pytest.raises(IllegalParameter):
                client.complete(case["public"])
    assert min(results.values()) > 5


@pytest.mark.parametrize("group", [MLKEM768, MLKEM1024], ids=lambda group: group.name)
def test_wycheproof_decapsulation(group: Group) -> None:
    """A client decapsulates to the published secret, by implicit rejection too; other lengths are refused."""
    checked = 0
    for case in wycheproof(group.name.lower().replace("mlkem", "mlkem_")):
        if len(case["seed"]) != 64:
            continue
        client = group.generate(fixed(case["seed"]))
        if case["result"] == "valid":
            assert client.complete(case["c"]) == case["K"], case["tcId"]
            checked += 1
        else:
            with pytest.raises(IllegalParameter):
                client.complete(case["c"])
    assert checked >= 7


@pytest.mark.parametrize("group", [MLKEM768, MLKEM1024], ids=lambda group: group.name)
def test_wycheproof_encapsulation_keys(group: Group) -> None:
    """A server encapsulates to well-formed keys only: right length, every coefficient below q."""
    name = group.name.lower().replace("mlkem", "mlkem_") + "_encaps"
    overflows = 0
    for case in wycheproof(name):
        if case["result"] == "valid":
            ciphertext, secret = group.respond(case["ek"], system_random)
            assert (len(ciphertext), len(secret)) == (group.server_share_length, 32)
            continue
        overflows += "ModulusOverflow" in case["flags"]
        with pytest.raises(IllegalParameter):
            group.respond(case["ek"], system_random)
    assert overflows > 3
