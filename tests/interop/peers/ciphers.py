"""OpenSSL's way of naming suites, which every program around OpenSSL shares."""

from tests.interop.suites import SUITES


def cipher_list(suites: tuple[str, ...] | None) -> str:
    """Return OpenSSL's list of the suites before TLS 1.3, with nothing held back for its weakness."""
    if suites is None:
        return "ALL:COMPLEMENTOFALL:@SECLEVEL=0"
    older = [SUITES[suite].openssl for suite in suites if suite in SUITES]
    return ":".join([*older, "@SECLEVEL=0"])
