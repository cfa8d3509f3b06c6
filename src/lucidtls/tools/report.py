"""What every command's JSON output has in common: the envelope around its result."""

from __future__ import annotations

import platform
import time
from collections.abc import Sequence
from datetime import UTC, datetime
from importlib import metadata
from typing import Any

from lucidtls.tools.findings import Diagnosis


class Clock:
    """When a command began, and how long ago that is."""

    def __init__(self) -> None:
        self.started = datetime.now(UTC)
        self._at = time.perf_counter()

    @property
    def elapsed(self) -> float:
        """Seconds since."""
        return time.perf_counter() - self._at


def version_of(package: str) -> str | None:
    """The installed version of a package, None when it is used without being installed."""
    try:
        return metadata.version(package)
    except metadata.PackageNotFoundError:
        return None


def envelope(
    command: str, clock: Clock, exit_code: int, diagnoses: Sequence[Diagnosis], result: dict[str, Any]
) -> dict[str, Any]:
    """Put a result into its envelope, version 1."""
    return {
        "schema": f"https://lucidtls.dev/schema/{command}-1.json",
        "tool": {
            "name": "lucidtls",
            "version": version_of("lucidtls"),
            "python": platform.python_version(),
            "cryptography": version_of("cryptography"),
        },
        "started": clock.started.isoformat(timespec="milliseconds").replace("+00:00", "Z"),
        "elapsed_ms": round(clock.elapsed * 1000, 1),
        "ok": exit_code == 0,
        "exit_code": exit_code,
        "diagnoses": [diagnosis.as_json() for diagnosis in diagnoses],
        "result": result,
    }
