"""The bytes of TLS: records' outside, handshake messages, extensions, code points.

Theory of operation
-------------------

Everything here is a translation between bytes and values and knows no cryptography, no configuration
and no state of a handshake. A message is a dataclass named as in the RFC, with the RFC's struct in its
docstring, a `read` classmethod and a `body` method, written by hand next to each other:

- Decoding takes a `Reader` (`codec`), a window on bytes that hands out fields from front to back. A
  length opens a window in the window; whoever opens one finishes it, so nothing is ever left over
  unseen. Every read names its field, which puts the place into errors (`ClientHello.key_share is cut
  short`) and lets a recording Reader draw the tree of fields of any message.
- Encoding is functions that return `bytes`, joined. A value that does not fit raises ValueError: that
  is a bug here, never the peer's doing.
- Extensions (`extensions`) are rows: one form per extension and message in `forms/ch.py`, `sh.py`,
  ..., which say how to read and write it and by which section. What may stand where follows from the
  rows. `Extensions` keeps every body as it came, the values of those with a form, and the order.
- Before TLS 1.3 some messages do not tell their own shape: a ServerKeyExchange is read by the cipher suite
  and the version that were negotiated. A `MessageForm` (`codec`) is whatever can read a message; mostly its
  class, else one of the forms in `messages12`, which the handshake picks.
- Code points stay `int`. `codepoints` has their names, generated from our copy of the registries; codes
  without a name, GREASE among them, are ordinary values and travel through decoding and encoding as
  they are.

Rules that hold everywhere in here:

1. What a peer sends can only raise a PeerError, with the clause it broke: DecodeError when it does not
   parse, IllegalParameter when a value parses and may not stand there. Nothing asserts.
2. Lengths have the minimum and maximum of the RFC's structs, no stricter, no laxer. Old hellos without
   extensions still parse: whether that will do is for the handshake to say.
3. What depends on a second message, on the version or on what was offered is not checked here, apart
   from `check_solicited`, which is told what was offered.
4. Whatever a peer can make grow has a named bound: MAX_CERTIFICATES, MAX_HOST_NAME. The number of
   extensions is bounded by the 64 KiB of their block ("Servers MUST ignore unrecognized extensions"), the
   size of a whole message by whoever collects it.
5. Decoding then encoding gives the same bytes, and encoding then decoding the same values. (One
   exception: a hello with an empty block of extensions is written without the block.)

Elsewhere: which messages may come when is `handshake`; protecting and cutting records is `record`.
"""
