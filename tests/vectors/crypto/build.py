"""Write the vectors of this folder from their sources, so that anybody can see how they came about.

    python tests/vectors/crypto/build.py wycheproof WYCHEPROOF_GIT_DIRECTORY
    python tests/vectors/crypto/build.py rfc FOLDER_WITH_rfc5869.txt_rfc7748.txt_rfc7919.txt_rfc8448.txt

README.md says what each file is, where it is from and under which terms.
"""

from __future__ import annotations

import json
import re
import subprocess
import sys
from collections import defaultdict
from pathlib import Path
from typing import Any

HERE = Path(__file__).parent
Json = dict[str, Any]

# File, name of ours, how many tests to keep for each (flags, result), which fields, which groups.
SELECTION: list[tuple[str, int, tuple[str, ...], tuple[str, ...]]] = [
    ("x25519", 8, (), ("public", "private", "shared")),
    ("x448", 8, (), ("public", "private", "shared")),
    ("ecdh_secp256r1_ecpoint", 10, ("curve",), ("public", "private", "shared")),
    ("ecdh_secp384r1_ecpoint", 8, ("curve",), ("public", "private", "shared")),
    ("ecdh_secp521r1_ecpoint", 8, ("curve",), ("public", "private", "shared")),
    ("ecdsa_secp256r1_sha256", 6, ("publicKeyDer",), ("msg", "sig")),
    ("ecdsa_secp384r1_sha384", 5, ("publicKeyDer",), ("msg", "sig")),
    ("ecdsa_secp521r1_sha512", 5, ("publicKeyDer",), ("msg", "sig")),
    ("ed25519", 8, ("publicKeyDer",), ("msg", "sig")),
    ("ed448", 6, ("publicKeyDer",), ("msg", "sig")),
    ("rsa_pss_2048_sha256_mgf1_32", 8, ("publicKeyDer", "sLen", "mgfSha"), ("msg", "sig")),
    ("rsa_pss_2048_sha256_mgf1_0", 4, ("publicKeyDer", "sLen", "mgfSha"), ("msg", "sig")),
    ("rsa_pss_2048_sha256_mgf1sha1_20", 4, ("publicKeyDer", "sLen", "mgfSha"), ("msg", "sig")),
    ("rsa_pss_2048_sha384_mgf1_48", 8, ("publicKeyDer", "sLen", "mgfSha"), ("msg", "sig")),
    ("rsa_pss_4096_sha512_mgf1_64", 6, ("publicKeyDer", "sLen", "mgfSha"), ("msg", "sig")),
    ("rsa_signature_2048_sha256", 6, ("publicKeyDer",), ("msg", "sig")),
    ("aes_gcm", 6, ("ivSize", "keySize", "tagSize"), ("key", "iv", "aad", "msg", "ct", "tag")),
    ("aes_ccm", 10, ("ivSize", "keySize", "tagSize"), ("key", "iv", "aad", "msg", "ct", "tag")),
    ("chacha20_poly1305", 10, ("ivSize", "keySize", "tagSize"), ("key", "iv", "aad", "msg", "ct", "tag")),
    ("hkdf_sha256", 8, (), ("ikm", "salt", "info", "size", "okm")),
    ("hkdf_sha384", 8, (), ("ikm", "salt", "info", "size", "okm")),
    ("hmac_sha256", 6, ("tagSize",), ("key", "msg", "tag")),
    ("hmac_sha384", 6, ("tagSize",), ("key", "msg", "tag")),
    ("hmac_sha512", 6, ("tagSize",), ("key", "msg", "tag")),
    ("mlkem_768", 8, (), ("seed", "c", "K")),
    ("mlkem_1024", 6, (), ("seed", "c", "K")),
    ("mlkem_768_encaps", 6, (), ("ek",)),
    ("mlkem_1024_encaps", 6, (), ("ek",)),
    ("mldsa_44_verify", 1, ("publicKeyDer",), ("msg", "sig", "ctx")),
    ("mldsa_65_verify", 1, ("publicKeyDer",), ("msg", "sig", "ctx")),
    ("mldsa_87_verify", 1, ("publicKeyDer",), ("msg", "sig", "ctx")),
]

# What TLS has: 96-bit nonces, and these key and tag sizes.
AEAD_SIZES = {
    "aes_gcm": ({128, 256}, {128}),
    "aes_ccm": ({128}, {64, 128}),
    "chacha20_poly1305": ({256}, {128}),
}


def wanted_group(name: str, group: Json) -> bool:
    """Leave out sizes that TLS has no use for."""
    if name in AEAD_SIZES:
        keys, tags = AEAD_SIZES[name]
        return group["ivSize"] == 96 and group["keySize"] in keys and group["tagSize"] in tags
    if name.startswith("hmac"):
        return bool(group["tagSize"] == int(name[-3:]))
    return not (name.startswith("rsa_signature") and group["keySize"] != 2048)


def wanted_test(test: Json) -> bool:
    """Leave out a few tests whose data alone would fill the folder."""
    return sum(len(value) for value in test.values() if isinstance(value, str)) < 16_000


def spread(tests: list[Json], count: int) -> list[Json]:
    """Pick up to `count` tests, evenly spaced."""
    if len(tests) <= count:
        return tests
    return [tests[index * len(tests) // count] for index in range(count)]


def trim(name: str, count: int, group_fields: tuple[str, ...], fields: tuple[str, ...], source: Json) -> Json:
    """Keep up to `count` tests of each kind: same flags, same result, same sizes."""
    kinds: dict[Any, list[Json]] = defaultdict(list)
    for number, group in enumerate(source["testGroups"]):
        for test in group["tests"]:
            if wanted_group(name, group) and wanted_test(test):
                sizes = tuple(group.get(key) for key in ("keySize", "tagSize"))
                kinds[(*sorted(test["flags"]), test["result"], sizes)].append({**test, "group": number})
    kept = sorted(
        (test for tests in kinds.values() for test in spread(tests, count)), key=lambda t: t["tcId"]
    )
    numbers = sorted({test["group"] for test in kept})
    tests = [
        {"tcId": test["tcId"], "group": numbers.index(test["group"]), "flags": test["flags"]}
        | {key: test[key] for key in fields if key in test}
        | {"result": test["result"]}
        for test in kept
    ]
    groups = [{key: source["testGroups"][number][key] for key in group_fields} for number in numbers]
    return {"kept": len(tests), "of": source["numberOfTests"], "groups": groups, "tests": tests}


def git(directory: str, *arguments: str) -> str:
    """Run git on a repository and return what it prints."""
    run = subprocess.run(["git", "-C", directory, *arguments], capture_output=True, check=True, text=True)
    return run.stdout


def build_wycheproof(directory: str) -> None:
    """Trim Wycheproof's files."""
    commit = git(directory, "rev-parse", "HEAD").strip()
    (HERE / "wycheproof").mkdir(exist_ok=True)
    for name, count, group_fields, fields in SELECTION:
        path = f"testvectors_v1/{name}_test.json"
        source = json.loads(git(directory, "show", f"HEAD:{path}"))
        head = {
            "source": f"https://github.com/C2SP/wycheproof {path} at {commit}",
            "licence": "Apache-2.0; trimmed, fields left out",
        }
        write(HERE / "wycheproof" / f"{name}.json", head | trim(name, count, group_fields, fields, source))


def write(path: Path, content: Json) -> None:
    """Write JSON with one test on a line, so that changes can be read."""
    lines = []
    for key, value in content.items():
        if isinstance(value, list):
            rows = ",\n".join(" " + json.dumps(row, separators=(",", ":")) for row in value)
            lines.append(f"{json.dumps(key)}: [\n{rows}\n]")
        else:
            lines.append(f"{json.dumps(key)}: {json.dumps(value)}")
    path.write_text("{\n" + ",\n".join(lines) + "\n}\n", encoding="utf-8")


def rfc_text(folder: Path, number: int) -> str:
    """Read an RFC without its page breaks."""
    text = (folder / f"rfc{number}.txt").read_text(encoding="utf-8")
    return re.sub(r"\n+[^\n]*\[Page \d+\]\n\f?\n*RFC \d+ [^\n]*\n+", "\n\n", text)


def joined(text: str) -> str:
    """Return the hexadecimal digits of a text without what is between them."""
    return re.sub(r"[^0-9a-f]", "", text.lower())


def build_rfc5869(folder: Path) -> None:
    """HKDF: the seven cases of Appendix A."""
    cases = []
    text = rfc_text(folder, 5869)
    for block in re.split(r"\nA\.\d\.  Test Case \d\n", text[text.rindex("\nAppendix A.") :])[1:]:
        values = re.findall(
            r"^   (Hash|IKM|salt|info|L|PRK|OKM) +=(.*?)(?=^   \w+ +=|\Z)", block, re.M | re.S
        )
        fields = {key: value.strip() for key, value in values}
        case = {"hash": fields["Hash"].replace("-", "").lower(), "length": int(fields["L"])}
        for key in ("IKM", "salt", "info", "PRK", "OKM"):
            value = re.sub(r"\(.*?\)", "", fields[key], flags=re.S)
            value = re.split(r"\n\n\S|\n\n\n", value)[0]
            case[key.lower()] = "" if "not provided" in fields[key] else joined(value.replace("0x", ""))
        cases.append(case)
    write(HERE / "rfc5869.json", {"source": "RFC 5869 Appendix A", "cases": cases})


def build_rfc7748(folder: Path) -> None:
    """X25519 and X448: single calls, iterated calls and two key exchanges."""
    text = rfc_text(folder, 7748)
    calls = []
    pattern = (
        r"Input scalar:\s+([0-9a-f\s]+?)\s+Input scalar as.*?"
        r"Input u-coordinate:\s+([0-9a-f\s]+?)\s+Input u-coordinate as.*?"
        r"Output u-coordinate:\s+([0-9a-f]+(?:\s+[0-9a-f]{56})?)"
    )
    for scalar, u, output in re.findall(pattern, text, re.S):
        calls.append({"scalar": joined(scalar), "u": joined(u), "output": joined(output)})
    iterated = [
        {"times": int(times.replace(",", "").replace("one", "1")), "output": joined(output)}
        for times, output in re.findall(
            r"After (one|[\d,]+) iterations?:\s+([0-9a-f]{56,64}(?:\s+[0-9a-f]{56})?)", text
        )
        if times != "1,000,000"
    ]
    exchanges = []
    for block in re.findall(r"Alice's private key, a:.*?Their shared secret, K:.*?\n\n", text, re.S):
        values = re.findall(r":\n\s+([0-9a-f]{56,64}(?:\s+[0-9a-f]{56})?)", block)
        names = ("alice_private", "alice_public", "bob_private", "bob_public", "shared")
        exchanges.append(dict(zip(names, map(joined, values), strict=True)))
    content = {"source": "RFC 7748 §5.2 and §6", "calls": calls, "iterated": iterated, "exchanges": exchanges}
    write(HERE / "rfc7748.json", content)


def build_rfc7919(folder: Path) -> None:
    """FFDHE: modulus and group order as printed."""
    text = rfc_text(folder, 7919)
    groups = []
    for name in ("ffdhe2048", "ffdhe3072", "ffdhe4096", "ffdhe6144", "ffdhe8192"):
        block = text[re.search(rf"^A\.\d\.  {name}$", text, re.M).start() :]  # type: ignore[union-attr]
        p, q = re.findall(r"hexadecimal representation of [pq] is:\s+((?:[0-9A-F]{8}\s+)+)", block)[:2]
        groups.append({"name": name, "p": joined(p), "q": joined(q)})
    write(HERE / "rfc7919.json", {"source": "RFC 7919 Appendix A", "groups": groups})


def build_modp(folder: Path) -> None:
    """The MODP groups of IKE: moduli as printed."""
    groups = []
    for number in (2409, 3526):
        found = re.findall(
            r"2\^(\d+) - .*?value is:?\s+((?:[0-9A-F]{8}\s+)+)", rfc_text(folder, number), re.S
        )
        groups += [{"name": f"modp{bits}", "p": joined(p)} for bits, p in found]
    write(HERE / "modp.json", {"source": "RFC 2409 §6.1 and §6.2, RFC 3526 §2 to §7", "groups": groups})


def build_rfc8448(folder: Path) -> None:
    """TLS 1.3 traces: every extraction, expansion, PSK binder and key pair whose values are printed."""
    text = rfc_text(folder, 8448)
    kinds: dict[str, list[Json]] = {"extractions": [], "expansions": [], "binders": [], "key_pairs": []}
    for title, body in re.findall(
        r"^   (\{\w+\}  [^\n]+(?:\n      \w[^\n]+)?):\n(.*?)(?=^   \{|\Z)", text, re.M | re.S
    ):
        name = re.sub(r"\s+", " ", title)
        fields = dict(re.findall(r"^      ([\w ]+) \(\d+ octets\):\s+([0-9a-f\s]+?)(?=\n\n|\Z)", body, re.M))
        values = {key: joined(value) for key, value in fields.items()}
        empty = re.search(r"^      (\w+) \(0 octets\)|^      (salt):\s+0 \(all zero", body, re.M)
        if "private key" in values:
            kinds["key_pairs"].append(
                {"step": name, "private": values["private key"], "public": values["public key"]}
            )
        elif "secret" in values and "IKM" in values:
            salt = "" if empty else values["salt"]
            kinds["extractions"].append(
                {"step": name, "salt": salt, "ikm": values["IKM"], "secret": values["secret"]}
            )
        elif "PRK" in values:
            for what in ("", "key ", "iv "):
                if what + "info" in values and what + "expanded" in values:
                    row = {"step": name, "prk": values["PRK"], "info": values[what + "info"]}
                    kinds["expansions"].append(row | {"expanded": values[what + "expanded"]})
            if "binder hash" in values:
                row = {"step": name, "key": values["expanded"], "hash": values["binder hash"]}
                kinds["binders"].append(row | {"binder": values["finished"]})
    write(HERE / "rfc8448.json", {"source": "RFC 8448 §3 to §7", **kinds})


def main() -> None:
    """Build what the command line names."""
    what, where = sys.argv[1:]
    if what == "wycheproof":
        build_wycheproof(where)
    else:
        for build in (build_rfc5869, build_rfc7748, build_rfc7919, build_modp, build_rfc8448):
            build(Path(where))


if __name__ == "__main__":
    main()
