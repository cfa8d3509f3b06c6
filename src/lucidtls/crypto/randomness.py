"""Where random bytes come from: one callable that every caller passes in.

A configuration carries a `Random`; the default is the operating system's generator. Tests pass a
seeded one and get the same hellos, nonces and key shares on every run.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from typing import Final

Random = Callable[[int], bytes]
"""Returns as many fresh random bytes as it is asked for."""

system_random: Final[Random] = os.urandom
"""The operating system's generator (RFC 9846 Appendix C.1)."""
