"""The checked-in vectors, and the two kinds of randomness that tests hand in."""

from __future__ import annotations

import json
import random
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any

from lucidtls.crypto.randomness import Random

FOLDER = Path(__file__).parents[2] / "vectors" / "crypto"

Json = dict[str, Any]


@cache
def vectors(name: str) -> Json:
    """Read a file of vectors, named without its suffix."""
    content: Json = json.loads((FOLDER / f"{name}.json").read_text(encoding="utf-8"))
    return content


def wycheproof(name: str) -> Iterator[Json]:
    """Yield the tests of a Wycheproof file, each with its group's fields, hexadecimal as bytes."""
    content = vectors(f"wycheproof/{name}")
    for test in content["tests"]:
        fields = {**content["groups"][test["group"]], **test} if content["groups"][0] else dict(test)
        for key in fields.keys() - {"flags", "result", "curve", "mgfSha"}:
            if isinstance(fields[key], str):
                fields[key] = bytes.fromhex(fields[key])
        yield fields


def seeded(seed: int = 1) -> Random:
    """Return randomness that repeats."""
    return random.Random(seed).randbytes


def fixed(value: bytes) -> Random:
    """Return randomness that is one known value, and insists on being asked for just that many bytes."""

    def draw(length: int) -> bytes:
        if length != len(value):
            raise ValueError(f"asked for {length} bytes, have {len(value)}")
        return value

    return draw
