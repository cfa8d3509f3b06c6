"""The algorithms of TLS, one row each, over hashlib and pyca/cryptography.

Theory of operation
-------------------

TLS is put together from interchangeable parts, and each part is a row here: a hash, an AEAD, a cipher
suite (an AEAD and a hash), a group, a signature scheme. A row says what the part is called on the wire and
in the registry, how long its keys and shares are, where it is defined, and does its work through one or two
methods. The rest of the library picks rows by code point and never asks what kind they are.

    hashes.py      hash functions; HMAC, written out because the key schedule is made of short ones
    hkdf.py        HKDF and HKDF-Expand-Label
    aead.py        record protection
    suites.py      cipher suites of TLS 1.3
    suites12.py    cipher suites of TLS 1.2 and before, made from the names in `suite_names.py`
    prf.py         the pseudorandom function of TLS 1.2 and before
    cbc.py         record protection with CBC and HMAC, and with stream ciphers
    rsa.py         the premaster secret, encrypted and decrypted without an oracle
    dh12.py        Diffie-Hellman in a field of the server's own; `primes.py` knows which are well chosen
    groups.py      named groups, and `KeyExchange`, the client's half of one exchange
    agreements.py  how a group comes to its secret: curve, finite field, KEM, hybrid of two
    ffdh.py        finite-field Diffie-Hellman, the one thing pyca is going to drop
    signatures.py  signature schemes
    keys.py        the kinds of keys, and which kind a public key says it is (`der.py` reads just that much)

Rules that hold throughout:

1. What a peer sent and got wrong raises a PeerError with the clause it broke. A ValueError that comes out
   of this package is a bug of ours. So is ConfigurationError in the middle of a handshake: configurations
   are made of rows whose `available()` is true.
2. `available()` tries the algorithm instead of looking at versions: builds of pyca differ in what the
   OpenSSL beneath them has. The answer is kept for the process.
3. Each share a peer sends is checked here and completely, by length first: the point is on the curve, the
   field element is in range, the encapsulation key is well-formed, the secret is not all zeros.
4. No key share is used twice. `KeyExchange.complete` drops the private key with its first call.
5. Randomness comes in as a `Random`. With `system_random` pyca makes its own keys, with any other callable
   keys are made from that callable's bytes, so a run can be repeated. The exceptions are what pyca keeps to
   itself: ML-KEM encapsulation, and the nonces and salts of ECDSA, RSA-PSS and ML-DSA.
6. No arithmetic on secrets is done in Python, whose integers are not constant-time: OpenSSL and GMP's
   `powm_sec` do it. What remains here is conversion: finite-field exponents and results pass through Python
   integers, and an injected `Random`'s bytes are reduced to a scalar.

This package knows no messages, no states and no versions beyond what a row says of itself. Which rows are
offered is a policy; parsing shares out of a hello is `wire`; nonces, sequence numbers and limits belong to
`record`; certificates to `trust`.
"""
