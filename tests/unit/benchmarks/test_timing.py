"""The statistics of the timing test, and that its inputs are what they are called."""

from __future__ import annotations

import random
from itertools import count
from math import inf

import pytest
from cryptography.hazmat.primitives.asymmetric import rsa

from benchmarks.timing import (
    RECORD_SUITES,
    RecordMaker,
    compare,
    measure,
    premaster_classes,
    premaster_step,
    record_classes,
    record_step,
    report,
    welch,
)
from lucidtls.crypto.rsa import decrypt_premaster
from lucidtls.crypto.suites12 import suite12_named
from tests.certificates import key_of


def noise(seed: int, shift: float = 0.0, size: int = 5000) -> list[float]:
    """Times around 1000 with a deviation of 50, one in twenty disturbed badly."""
    drawn = random.Random(seed)
    return [
        shift + drawn.gauss(1000, 50) + (drawn.expovariate(1 / 20_000) if drawn.random() < 0.05 else 0)
        for _ in range(size)
    ]


def test_welch_gives_the_textbook_values() -> None:
    """Welch's t is the difference of the means over the root of the sum of the variances of the means."""
    t, difference, effect = welch([3.0, 4.0, 5.0, 6.0, 7.0], [1.0, 2.0, 3.0])
    # Means 5 and 2, variances 2.5 and 1: t = 3 / sqrt(2.5 / 5 + 1 / 3), d = 3 / sqrt(1.75).
    assert (t, difference, effect) == pytest.approx((3.2863, 3.0, 2.2678), abs=1e-4)
    backwards = welch([1.0, 2.0, 3.0], [3.0, 4.0, 5.0, 6.0, 7.0])
    assert backwards == pytest.approx((-t, -difference, -effect))


def test_times_that_never_vary_are_equal_or_not() -> None:
    """A clock too coarse to vary gives no difference, or one beyond doubt."""
    assert welch([5, 5, 5], [5, 5]) == (0.0, 0.0, 0.0)
    assert welch([6, 6], [5, 5]) == (inf, 1, inf)
    assert welch([4, 4], [5, 5]) == (-inf, -1, -inf)


def test_noise_alone_is_no_difference() -> None:
    """Of two samples drawn alike none is slower: in fifty comparisons t stays below 4.5."""
    found = [compare(noise(seed), noise(seed + 1000)) for seed in range(50)]
    assert max(abs(one.t) for one in found) < 4.5
    assert all(abs(one.effect) < 0.1 for one in found)


def test_a_small_difference_is_found_under_interruptions() -> None:
    """A fifth of a deviation is lost in the mean of all, and shows when the slowest are cut off."""
    plain, difference, _ = welch(noise(1, shift=10), noise(2))
    assert abs(plain) < 4.5
    found = compare(noise(1, shift=10), noise(2))
    assert found.t > 4.5
    assert found.kept < 1
    assert 4 < found.nanoseconds < 16
    assert 0.05 < found.effect < 0.4
    assert 5 < found.medians < 15
    assert abs(difference - 10) > 4
    assert compare(noise(2), noise(1, shift=10)).t == pytest.approx(-found.t)


def test_every_class_is_measured_as_often() -> None:
    """Each round times each class once, after warming up, on inputs of that class alone."""
    calls: list[int] = []
    ticks = count(step=7)
    times = measure({"a": [1, 2], "b": [10]}, calls.append, 100, random.Random(1), clock=lambda: next(ticks))
    assert times == {"a": [7] * 100, "b": [7] * 100}
    assert len(calls) == 220
    assert calls.count(10) == 110
    assert {1, 2, 10} == set(calls)
    assert all(10 in calls[start : start + 2] for start in range(0, 220, 2))
    assert calls[0::2].count(10) not in (0, 110)


def test_ciphertexts_are_what_they_are_called() -> None:
    """Only the good ciphertexts, and those of another length or version, have the right padding."""
    key: rsa.RSAPrivateKey = key_of("rsa2048")
    classes = premaster_classes(key, random.Random(5))

    def length(ciphertext: bytes) -> int | None:
        decrypted = decrypt_premaster(key, ciphertext)
        return None if decrypted is None else len(decrypted)

    lengths = {name: {length(one) for one in ciphertexts[:20]} for name, ciphertexts in classes.items()}
    assert lengths["good"] == lengths["good, again"] == lengths["wrong version"] == {48}
    assert lengths["47 bytes"] == {47}
    assert lengths["49 bytes"] == {49}
    assert lengths["no bytes"] == {0}
    assert lengths["not below the modulus"] == lengths["one byte short"] == {None}
    assert lengths["200 bytes"] == {200}
    for name in ("block type 1", "padding without end", "padding of 7 bytes"):
        # Implicit rejection: lengths at random.
        assert len(lengths[name]) > 10
    step = premaster_step(key, random.Random(6))
    assert {len(bytes(step(one[0]))) for one in classes.values()} == {48}  # type: ignore[call-overload]


@pytest.mark.parametrize("suite_name", RECORD_SUITES)
def test_records_are_what_they_are_called(suite_name: str) -> None:
    """All records have one length, and only the good ones open."""
    suite = suite12_named(suite_name)
    assert suite.mac is not None
    generator = random.Random(7)
    keys = generator.randbytes(suite.cipher.key_length), generator.randbytes(suite.mac.digest_size)
    maker = RecordMaker(suite.mac, *keys, generator)
    step = record_step(suite_name, maker)
    classes = record_classes(maker)
    assert len({len(fragment) for records in classes.values() for _, fragment in records}) == 1
    for name, records in classes.items():
        assert all((step(record) is not None) is name.startswith("good") for record in records[:20])


def test_the_broken_records_have_nothing_else_wrong() -> None:
    """Without the bit that is changed the records open, whatever their padding."""
    suite = suite12_named(RECORD_SUITES[0])
    assert suite.mac is not None
    maker = RecordMaker(suite.mac, bytes(16), bytes(20), random.Random(8))
    step = record_step(RECORD_SUITES[0], maker)
    for padding in (0, 15, 63, 127, 255):
        assert step((3, maker.fragment(3, padding, break_mac=False, break_padding=None))) is not None
        assert step((4, maker.fragment(3, padding, break_mac=False, break_padding=None))) is None


def test_the_report_has_a_line_for_each_class() -> None:
    """Every class but the baseline has its difference in nanoseconds, in deviations, and its t."""
    lines = report("title", {"baseline": noise(1), "again": noise(3), "slower": noise(4, shift=50)})
    text = "\n".join(lines)
    assert "title" in text and "5000 measurements" in text
    assert [line.split()[0] for line in lines[-2:]] == ["again", "slower"]
    assert float(lines[-1].split()[3]) > 4.5 > abs(float(lines[-2].split()[3]))
