"""Transports: the engine of `lucidtls.connection` on top of real sockets.

- `sockets`: a blocking socket that speaks TLS, `connect` and `wrap`.
- `server`: a small server, one thread per connection, that no client can bring down.
- `transport`: what both need of the operating system: names to addresses, waiting with a deadline.
- `marks`: where records end, so that `unwrap` takes no byte of what comes after TLS.
- `certificates`: a peer's certificate in the form of the standard library's `getpeercert`.
- `windows`: the system's trust anchors where they are no files.

Ideas and invariants:

- The operating system's socket never blocks. All waiting happens in one function, with a deadline that is
  fixed when a call begins: a peer that sends one byte at a time gains nothing.
- Bytes go out in the order in which the engine sealed them. They are taken from the engine and written under
  one lock, and what the system did not take yet is kept, never sealed again.
- One thread may read while another writes. The engine itself is entered by one thread at a time.
- What came before a failure is delivered before the failure is raised. Failures of writing and of reading are
  kept apart: a write that fails looks first whether the peer has said why, and a reader reads on.
"""
