"""Whom to believe: certificate chains, names, trust stores, and our own credentials.

A peer sends a bag of certificates. `verify.ChainVerifier` finds a path in it from the leaf to an anchor of
a `stores.TrustStore` and returns a `VerifiedChain`, or raises `CertificateRejected` with the most telling
of the reasons in `reasons.py`. There is no third outcome: whatever bytes come, nothing else is raised.

How it works:

1. `certificate.py` reads each certificate once, through pyca, into a `ParsedCertificate`: the DER slices
   that comparisons need (names, key, algorithm) and the extensions as plain values (`facts.py`).
   Certificates that do not parse are skipped unless the leaf is one, and remembered in case they are the
   reason for failure.
2. `search.py` walks from the leaf towards the anchors, depth first: candidates are the certificates whose
   subject is the issuer's name (RFC 5280 §7.1), best first. Each candidate is checked completely when it is
   added (`checks.py`, `constraints.py`), cheap checks first and the signature last, so a path that reaches
   an anchor is a valid path but for the certificate policies, which need the whole path (`policy.py`).
3. If no path holds, the search runs a second time without pruning and collects what is wrong with each
   path; the most telling reason of the path closest to valid is reported, with the certificate's place in
   the peer's list and the values that show it. Where no path reaches an anchor, `deadends.py` says why.
4. The name is compared last (`names.py`, RFC 9525), and only with subjectAltName.

Invariants:

- An anchor is believed because it is in the store. Its signature is never checked; its other contents
  (validity, key usage, path length, name constraints) limit what is believed through it. A leaf that is
  itself in the store needs no issuer, whether it says CA:TRUE, CA:FALSE or is of version 1.
- A certificate found in the peer's list can issue only if it says so: version 3, CA:TRUE, keyCertSign.
- Critical extensions that are not processed here refuse the certificate.
- Work is bounded: certificates, their size, path length, paths tried, signatures checked and names compared
  all have named limits (`limits.py`), and reaching one is the reason `too_complex`.
- Parsed certificates are cached (they are facts); verdicts never are (they depend on time, store and policy).
- Nothing here reads a clock: the time comes in the `VerificationRequest`.

Elsewhere: signature schemes of the handshake are in `lucidtls.crypto.signatures`, the alerts in
`lucidtls.alerts`; the Windows store needs the standard `ssl` module and is therefore read by `lucidtls.io`,
which registers itself with `stores.register_system_loader`.
"""
