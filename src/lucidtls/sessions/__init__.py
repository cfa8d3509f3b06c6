"""What outlives a connection: sessions, the tickets they travel in, and what keeps early data from replay.

A full handshake proves who the peer is and agrees on a secret. Resumption uses that proof again: the client
keeps a `Session`, the server either seals its own half into a ticket that the client carries (`TicketKeys`),
or keeps it itself and hands out a name for it (`SessionCache`). Whoever holds the secret is taken for the one
who took part in the handshake, so these are the rules:

- A session belongs to one server name and one `scope`: a digest of everything in the config that decides whom
  it trusts. It is never offered, and never accepted, under another.
- In TLS 1.3 a client uses a session once: a second use would tell an observer that both connections are one
  client's (RFC 9846 §C.4).
- Nobody resumes later than 7 days after the handshake that proved the identity, however often in between.
- What cannot be opened, has expired or is not understood is no session. A full handshake follows, not an
  error; only a wrong binder, which is an attack or a bug, ends the connection.
- A store that fails costs a full handshake; a replay guard that fails costs the early data.

`protocols` says what stores must do, and `session`, `stores`, `ticket_keys`, `replay` are the implementations
in memory. Files are in `lucidtls.io`: nothing here does input or output, or reads a clock.
"""
