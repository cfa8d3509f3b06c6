"""The record layer: how bytes become records and records become bytes (RFC 9846 §5, RFC 5246 §6).

Everything TLS sends travels in records: a five-byte header (type, version, length) and a fragment of
at most 16,384 bytes. Before keys exist a fragment travels as it is; afterwards content, type and padding
are sealed together with an AEAD, and on the outside every record looks like application data.

Invariants:

- A sequence number is never used twice with one key: it starts at 0 with each key and only grows.
- The nonce is the static IV with the sequence number XORed in, so it needs no space on the wire.
- What does not authenticate is never given out, and the buffer it was decrypted into is wiped.
- A reader holds at most one unfinished record beyond what the caller has fed it.

Up to TLS 1.2 a cipher suite says how a fragment is protected, and the content type stays visible. Reader and
writer start out as TLS 1.3's; `enter_version` makes them speak an older version, and `install_protection`
gives them one direction's keys in the shape of `protection.Protection`, when ChangeCipherSpec says so. More
invariants hold there:

- All that can be wrong with a protected fragment is one error with one text; for CBC with the MAC inside, it
  also takes the same work (`lucidtls.crypto.cbc`).
- Records go through a protection in order and once each: CBC's IVs in TLS 1.0 and RC4's state depend on it.
- A record of another version than the negotiated one is never looked into.

This package knows keys and not meanings: which record may come when is the driver's business
(`lucidtls.handshake.driver`), with two exceptions that have to be decided before decryption:
change_cipher_spec records, and early data that nobody here can read.
"""
