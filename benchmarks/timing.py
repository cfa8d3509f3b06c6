"""`python -m benchmarks.timing`: what a clock can tell about secrets where Python cannot promise equal time.

Two steps of TLS 1.2 and before must not show what they found: the RSA premaster secret (RFC 5246 §7.4.7.1)
and the padding of CBC records (RFC 5246 §6.2.3.2). Each is run in this process on inputs of several classes
in random order, and each class is compared with one of them, as dudect does it (Reparaz, Balasch and
Verbauwhede, 2017): Welch's t-test over all measurements, and again without the slowest, because interruptions
make the slow ones and hide small differences. Options: measurements in each class (default 20 000; RSA has a
tenth), and a seed.
"""

from __future__ import annotations

import gc
import platform
import random
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from importlib.metadata import version
from math import sqrt
from statistics import fmean, median
from typing import Final, TypeVar

from cryptography.hazmat.primitives.asymmetric import rsa

from lucidtls.crypto.aead import InvalidTag
from lucidtls.crypto.cbc import RecordMAC, block_encryptor
from lucidtls.crypto.hashes import HashAlgorithm
from lucidtls.crypto.rsa import choose_premaster, decrypt_premaster
from lucidtls.crypto.suites12 import suite12_named
from lucidtls.record.protection import protection_for
from lucidtls.wire.codec import u8, u16
from lucidtls.wire.versions import TLS11, TLS12

Input = TypeVar("Input")

KEPT: Final = (1.0, 0.99, 0.9, 0.75, 0.5)
"""The parts of the measurements, fastest first, that are compared."""

POOL: Final = 200
"""Different inputs in each class, so that no one of them stands for all."""


@dataclass(frozen=True, slots=True)
class Difference:
    """How one class differs from the baseline; positive means slower.

    `nanoseconds` between the means and `effect` (Cohen's d) are of the part `kept` that gave the largest
    `t`; `medians` is the difference of the medians of everything.
    """

    t: float
    kept: float
    nanoseconds: float
    effect: float
    medians: float


def variance(values: Sequence[float]) -> float:
    """The variance estimated from a sample (in floating point: `statistics.variance` is exact, and slow)."""
    mean = fmean(values)
    return fmean([(value - mean) ** 2 for value in values]) * len(values) / (len(values) - 1)


def welch(ours: Sequence[float], baseline: Sequence[float]) -> tuple[float, float, float]:
    """Return Welch's t, the difference of the means, and Cohen's d (with the mean of both variances).

    Samples without any variation give 0 where they are equal, else an infinite t and d.
    """
    difference = fmean(ours) - fmean(baseline)
    one, other = variance(ours), variance(baseline)
    if not one + other:
        endless = float("inf") if difference > 0 else float("-inf")
        return (endless, difference, endless) if difference else (0.0, 0.0, 0.0)
    t = difference / sqrt(one / len(ours) + other / len(baseline))
    return t, difference, difference / sqrt((one + other) / 2)


def compare(ours: Sequence[float], baseline: Sequence[float]) -> Difference:
    """Compare all measurements, and the fastest parts of them, and return the clearest difference.

    The limit of a part is a percentile of both together: to cut each by its own would cut off what differs.
    """
    together = sorted((*ours, *baseline))
    found: list[Difference] = []
    medians = median(ours) - median(baseline)
    for kept in KEPT:
        limit = together[max(0, round(kept * len(together)) - 1)]
        one = [value for value in ours if value <= limit]
        other = [value for value in baseline if value <= limit]
        if min(len(one), len(other)) > 1:
            t, difference, effect = welch(one, other)
            found.append(Difference(t, kept, difference, effect, medians))
    return max(found, key=lambda one: abs(one.t))


def measure(
    classes: Mapping[str, Sequence[Input]],
    call: Callable[[Input], object],
    rounds: int,
    generator: random.Random,
    clock: Callable[[], int] = time.perf_counter_ns,
) -> dict[str, list[int]]:
    """Time `call` once for each class in each round, in an order and on inputs drawn anew; in nanoseconds.

    A tenth more rounds go before, uncounted. The garbage collector is off meanwhile.
    """
    names = list(classes)
    times: dict[str, list[int]] = {name: [] for name in names}
    warming = rounds // 10
    gc.collect()
    gc.disable()
    try:
        for number in range(warming + rounds):
            generator.shuffle(names)
            for name in names:
                chosen = generator.choice(classes[name])
                start = clock()
                call(chosen)
                taken = clock() - start
                if number >= warming:
                    times[name].append(taken)
    finally:
        gc.enable()
    return times


# -- the RSA premaster secret --------------------------------------------------------------------


def premaster_classes(key: rsa.RSAPrivateKey, generator: random.Random) -> dict[str, list[bytes]]:
    """Ciphertexts by what is wrong with them; the first class is the baseline, the second the same again."""
    numbers = key.public_key().public_numbers()
    size = key.key_size // 8
    draw = generator.randbytes

    def nonzero(length: int) -> bytes:
        return bytes(generator.randrange(1, 256) for _ in range(length))

    def encrypt(encoded: bytes) -> bytes:
        return pow(int.from_bytes(encoded, "big"), numbers.e, numbers.n).to_bytes(size, "big")

    def around(message: bytes, block_type: int = 2) -> bytes:
        return encrypt(bytes((0, block_type)) + nonzero(size - 3 - len(message)) + b"\0" + message)

    def premaster(client_version: int = TLS12) -> bytes:
        return u16(client_version) + draw(46)

    makers: dict[str, Callable[[], bytes]] = {
        "good": lambda: around(premaster()),
        "good, again": lambda: around(premaster()),
        "wrong version": lambda: around(premaster(TLS11)),
        "47 bytes": lambda: around(premaster()[:-1]),
        "49 bytes": lambda: around(premaster() + b"\0"),
        "no bytes": lambda: around(b""),
        "200 bytes": lambda: around(draw(200)),
        "block type 1": lambda: around(premaster(), 1),
        "padding without end": lambda: encrypt(b"\0\2" + nonzero(size - 2)),
        "padding of 7 bytes": lambda: encrypt(b"\0\2" + nonzero(7) + b"\0" + draw(size - 10)),
        "not below the modulus": lambda: generator.randrange(numbers.n, 1 << 8 * size).to_bytes(size, "big"),
        "one byte short": lambda: around(premaster())[1:],
    }
    return {name: [make() for _ in range(POOL)] for name, make in makers.items()}


def premaster_step(key: rsa.RSAPrivateKey, generator: random.Random) -> Callable[[bytes], object]:
    """What a server does with a ciphertext, after it has drawn the fallback."""
    fallback = generator.randbytes(48)
    return lambda ciphertext: choose_premaster(decrypt_premaster(key, ciphertext), fallback, TLS12)


# -- the padding of CBC records ------------------------------------------------------------------

Record = tuple[int, bytes]
"""A sequence number and a fragment."""

BLOCKS: Final = 32
"""Blocks of plaintext in every record, enough for the longest padding."""


@dataclass(frozen=True, slots=True)
class RecordMaker:
    """Makes TLS 1.2 records of one length, right and wrong, with given keys."""

    algorithm: HashAlgorithm
    key: bytes
    mac_key: bytes
    generator: random.Random

    def fragment(self, sequence: int, padding: int, *, break_mac: bool, break_padding: int | None) -> bytes:
        """Make a record with `padding` bytes before the padding length.

        `break_mac` changes a bit of the MAC; `break_padding` one of this padding byte, counted from the
        record's end.
        """
        draw = self.generator.randbytes
        length = 16 * BLOCKS - self.algorithm.digest_size - padding - 1
        content = draw(length)
        header = sequence.to_bytes(8, "big") + u8(23) + u16(TLS12) + u16(length)
        mac = bytearray(RecordMAC(self.algorithm, self.mac_key).compute(header, content))
        if break_mac:
            mac[self.generator.randrange(len(mac))] ^= 1 << self.generator.randrange(8)
        plaintext = bytearray(content + mac + bytes((padding,)) * (padding + 1))
        if break_padding is not None:
            plaintext[-1 - break_padding] ^= 1 << self.generator.randrange(8)
        return block_encryptor(16, self.key, draw(16)).update(draw(16) + plaintext)

    def garbage(self, last: int) -> bytes:
        """Make a record of random plaintext that ends in one given byte."""
        draw = self.generator.randbytes
        return block_encryptor(16, self.key, draw(16)).update(draw(16 + 16 * BLOCKS - 1) + u8(last))


def record_classes(maker: RecordMaker) -> dict[str, list[Record]]:
    """Records by what is wrong with them; the first class is the baseline, the second the same again."""

    def broken(padding: int, break_padding: int | None = None) -> Callable[[int], bytes]:
        mac = break_padding is None
        return lambda sequence: maker.fragment(sequence, padding, break_mac=mac, break_padding=break_padding)

    makers: dict[str, Callable[[int], bytes]] = {
        "bad MAC, no padding": broken(0),
        "bad MAC, no padding, again": broken(0),
        "bad MAC, padding 15": broken(15),
        "bad MAC, padding 63": broken(63),
        "bad MAC, padding 127": broken(127),
        "bad MAC, padding 255": broken(255),
        "bad padding 15, its first byte": broken(15, 15),
        "bad padding 255, its first byte": broken(255, 255),
        "bad padding 255, its last byte": broken(255, 1),
        "noise ending in 1": lambda _: maker.garbage(1),
        "noise ending in 255": lambda _: maker.garbage(255),
        "good, padding 15 (known to all)": lambda sequence: maker.fragment(
            sequence, 15, break_mac=False, break_padding=None
        ),
    }
    sequences = range(1, POOL + 1)
    return {name: [(sequence, make(sequence)) for sequence in sequences] for name, make in makers.items()}


def record_step(suite_name: str, maker: RecordMaker) -> Callable[[Record], object]:
    """Open a record, and take it for nothing when that fails."""
    suite = suite12_named(suite_name)
    protection = protection_for(
        suite,
        TLS12,
        maker.key,
        maker.mac_key,
        b"",
        encrypt_then_mac=False,
        random=maker.generator.randbytes,
    )

    def step(record: Record) -> bytes | None:
        sequence, fragment = record
        try:
            return protection.open(sequence, 23, memoryview(fragment))
        except InvalidTag:
            return None

    return step


RECORD_SUITES: Final = (
    "TLS_RSA_WITH_AES_128_CBC_SHA",
    "TLS_RSA_WITH_AES_128_CBC_SHA256",
    "TLS_ECDHE_RSA_WITH_AES_256_CBC_SHA384",
)

# -- the report ----------------------------------------------------------------------------------

EXPLANATION: Final = f"""\
ns: difference of the means from the first class's. d: the same in standard deviations (Cohen). t: Welch's,
the largest of those with {", ".join(f"{part:.0%}" for part in KEPT)} of the measurements kept, fastest first.
median: difference of the medians of all.

How to read it. t grows with the number of measurements; ns and d do not, and say how much there is to see.
The class named "again" is drawn like the first: what it shows is the noise of this machine in this run, and
nothing less than that can be told from nothing. dudect calls |t| > 4.5 a difference. Independent noise would
hardly ever reach it, but a machine's noise is not independent, so run it again, with another seed, before
believing a single line. The clock here is inside the process; an attacker across a network sees less. What is
not seen here, with so many measurements on one machine, may still be there.
"""


def report(title: str, times: Mapping[str, Sequence[float]]) -> list[str]:
    """Lines that compare every class with the first."""
    baseline_name, *others = times
    baseline = times[baseline_name]
    lines = [
        f"\n{title}\n{len(baseline)} measurements in each class; baseline: {baseline_name}, "
        f"median {median(baseline) / 1000:.1f} us, standard deviation of the fastest 90% "
        f"{sqrt(variance(sorted(baseline)[: round(0.9 * len(baseline))])):.0f} ns",
        f"{'':36}{'ns':>9}{'d':>8}{'t':>8}{'kept':>6}{'median':>9}",
    ]
    for name in others:
        found = compare(times[name], baseline)
        lines.append(
            f"{name:36}{found.nanoseconds:>+9.0f}{found.effect:>+8.3f}{found.t:>+8.1f}{found.kept:>6.0%}"
            f"{found.medians:>+9.0f}"
        )
    return lines


def main() -> None:
    """Measure both steps and print what differs."""
    rounds = int(sys.argv[1]) if len(sys.argv) > 1 else 20_000
    seed = int(sys.argv[2]) if len(sys.argv) > 2 else random.SystemRandom().getrandbits(32)
    generator = random.Random(seed)
    print(
        f"Python {platform.python_version()} · cryptography {version('cryptography')} · seed {seed}\n\n"
        f"{EXPLANATION}"
    )
    key = rsa.generate_private_key(65537, 2048)
    times = measure(
        premaster_classes(key, generator), premaster_step(key, generator), max(2, rounds // 10), generator
    )
    print("\n".join(report("RSA premaster secret, key of 2048 bits", times)), flush=True)
    for name in RECORD_SUITES:
        suite = suite12_named(name)
        assert suite.mac is not None, "these suites have a MAC"
        keys = generator.randbytes(suite.cipher.key_length), generator.randbytes(suite.mac.digest_size)
        maker = RecordMaker(suite.mac, *keys, generator)
        times = measure(record_classes(maker), record_step(name, maker), rounds, generator)
        title = f"CBC record of {16 * BLOCKS + 16} bytes, MAC-then-encrypt, {name}"
        print("\n".join(report(title, times)), flush=True)


if __name__ == "__main__":
    main()
