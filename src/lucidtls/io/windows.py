"""The trust anchors of Windows, which are in no file; the standard `ssl` module can list them."""

from __future__ import annotations

import sys

from lucidtls.trust.stores import register_system_loader

SERVER_AUTHENTICATION = "1.3.6.1.5.5.7.3.1"  # id-kp-serverAuth, RFC 5280 §4.2.1.12


def windows_anchors() -> list[bytes]:
    """Return the DER of the roots that may vouch for servers; none on other systems.

    Only the store ROOT: what is in the store CA are intermediates, and being known does not make them
    anchors.
    """
    if sys.platform == "win32":
        import ssl

        return [
            data
            for data, encoding, purposes in ssl.enum_certificates("ROOT")
            if encoding == "x509_asn" and (purposes is True or SERVER_AUTHENTICATION in purposes)
        ]
    return []


register_system_loader(windows_anchors)
