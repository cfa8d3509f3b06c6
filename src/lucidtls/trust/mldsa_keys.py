"""ML-DSA private keys in the form OpenSSL writes them: seed and expanded key together (RFC 9881).

PKCS#8 may hold an ML-DSA key as the 32-byte seed it is made from, as the expanded key, or as both. pyca reads
the seed alone; OpenSSL 3.5 and later writes both, so most keys that people have are of that form.
"""

from __future__ import annotations

import re
from binascii import Error as Base64Error
from binascii import a2b_base64
from collections.abc import Callable
from typing import Final

from cryptography.hazmat.primitives.asymmetric import mldsa

from lucidtls.trust import der

SEED_LENGTH: Final = 32

MLDSAPrivateKey = mldsa.MLDSA44PrivateKey | mldsa.MLDSA65PrivateKey | mldsa.MLDSA87PrivateKey

_BY_ALGORITHM: Final[dict[bytes, Callable[[bytes], MLDSAPrivateKey]]] = {
    der.object_identifier("2.16.840.1.101.3.4.3.17"): mldsa.MLDSA44PrivateKey.from_seed_bytes,
    der.object_identifier("2.16.840.1.101.3.4.3.18"): mldsa.MLDSA65PrivateKey.from_seed_bytes,
    der.object_identifier("2.16.840.1.101.3.4.3.19"): mldsa.MLDSA87PrivateKey.from_seed_bytes,
}
_PEM: Final = re.compile(rb"-----BEGIN PRIVATE KEY-----(.*?)-----END PRIVATE KEY-----", re.DOTALL)


def read_mldsa_key(data: bytes) -> MLDSAPrivateKey | None:
    """Read an unencrypted PKCS#8 ML-DSA key (PEM or DER) that has a seed beside its expanded form; else None.

    The seed decides. That it belongs to a certificate is checked where every key is, so a forged expanded
    form has nothing to say.
    """
    pem = _PEM.search(data)
    try:
        fields = der.children(a2b_base64(pem.group(1)) if pem is not None else data)
        (_, _), (_, algorithm), (_, private_key), *_ = fields
        make = _BY_ALGORITHM.get(algorithm)
        if make is None:
            return None
        (_, seed), _expanded = der.children(private_key)
        return make(seed) if len(seed) == SEED_LENGTH else None
    except (ValueError, IndexError, Base64Error):
        return None
