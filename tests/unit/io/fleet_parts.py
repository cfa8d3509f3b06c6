"""What the tests of fleets share: a Redis in a dict, a clock that is turned by hand, and measured calls."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any, TypeVar

SECRET = bytes(range(32))
T = TypeVar("T")


class ResponseError(Exception):
    """Named as the client libraries name what a server answers instead of a value."""


class DictClient:
    """A client whose server is a dict, without expiry; it counts what it is asked, and fails when told to."""

    def __init__(self) -> None:
        self.values: dict[str, Any] = {}
        self.milliseconds: dict[str, int | None] = {}
        self.asked: list[str] = []
        self.failure: Exception | None = None

    def _note(self, command: str) -> None:
        self.asked.append(command)
        if self.failure is not None:
            raise self.failure

    def set(self, name: str, value: bytes, *, px: int | None = None, nx: bool = False) -> bool | None:
        """Set, unless it is there and must not be."""
        self._note("set nx" if nx else "set")
        if nx and name in self.values:
            return None
        self.values[name], self.milliseconds[name] = value, px
        return True

    def get(self, name: str) -> Any:
        """Read."""
        self._note("get")
        if isinstance(self.values.get(name), list):
            raise ResponseError("WRONGTYPE")
        return self.values.get(name)

    def getdel(self, name: str) -> Any:
        """Read and remove."""
        self._note("getdel")
        return self.values.pop(name, None)

    def delete(self, *names: str) -> int:
        """Remove."""
        self._note("delete")
        return sum(self.values.pop(name, None) is not None for name in names)

    def take_asked(self) -> list[str]:
        """The commands since the last time."""
        asked, self.asked = self.asked, []
        return asked


class Hand:
    """A clock that stands still until it is turned; the time of day and the monotonic one go together."""

    def __init__(self, now: float) -> None:
        self.now = now
        self._began = now

    def turn(self, seconds: float) -> float:
        """Go on; the time of day."""
        self.now += seconds
        return self.now

    def monotonic(self) -> float:
        """Seconds since it was made, and a bit."""
        return 1000.0 + self.now - self._began


def timed(call: Callable[[], T]) -> tuple[T, float]:
    """What a call returns, and the seconds it took."""
    began = time.perf_counter()
    answer = call()
    return answer, time.perf_counter() - began


def shown(value: object) -> str:
    """A value as the name of a test, cut short."""
    return repr(value)[:12]
