"""How much work one verification may cost; a peer chooses its certificates, so their cost is counted."""

from __future__ import annotations

from typing import Any

# Real chains have two to five certificates; surplus and cross-signed ones are allowed for.
MAX_CERTIFICATES = 32
# Each costs 30 µs to 1 ms. pyca's verifier allows 128; no honest chain needs ten.
MAX_SIGNATURE_CHECKS = 64
# Certificates tried as an issuer, over all paths.
MAX_CANDIDATES = 512
# Names times name constraints; about 0.2 µs each.
MAX_NAME_COMPARISONS = 1 << 17
# Preparing a name for comparison (splitting a URI, folding a directory name) costs like some comparisons.
NAME_PREPARATION = 8
# Long names cost more: comparing two takes as much again for each so many bytes of either.
COMPARED_SIZE = 64


class TooComplex(Exception):
    """A limit was reached; the message says which."""


class Budget:
    """What is left of the work allowed for one search."""

    __slots__ = ("candidates", "name_comparisons", "remembered", "signature_checks")

    def __init__(self) -> None:
        self.signature_checks = MAX_SIGNATURE_CHECKS
        self.candidates = MAX_CANDIDATES
        self.name_comparisons = MAX_NAME_COMPARISONS
        # What was worked out on the way, so that no path makes the search do it, or pay for it, again.
        self.remembered: dict[Any, Any] = {}

    def check_signature(self) -> None:
        """Count one signature check."""
        self.signature_checks -= 1
        if self.signature_checks < 0:
            raise TooComplex(f"the chain needs more than {MAX_SIGNATURE_CHECKS} signature checks")

    def try_candidate(self) -> None:
        """Count one certificate tried as an issuer."""
        self.candidates -= 1
        if self.candidates < 0:
            raise TooComplex(f"the certificates form more than {MAX_CANDIDATES} partial paths")

    def compare_names(self, names: int, constraints: int) -> None:
        """Count the comparisons of each of some names with each of some name constraints."""
        self.charge_names(names * (constraints + NAME_PREPARATION))

    def charge_names(self, work: int) -> None:
        """Count work on names, in comparisons."""
        self.name_comparisons -= work
        if self.name_comparisons < 0:
            raise TooComplex(f"the name constraints need more than {MAX_NAME_COMPARISONS} comparisons")
