"""The handshake, told in the order in which it happens (RFC 9846 §2, §4, Appendix A; RFC 5246 §7.3).

One coroutine per role takes a connection from START to CONNECTED. It pauses for two reasons only: a
*state* (`await WAIT_CV`: the peer's next message) and a *question* (`await SignatureWanted(...)`: the
application). What lies between two pauses is plain functions.

Where to read:

- `client` then `client13`; `server` then `server13`: the two stories of TLS 1.3, top to bottom. `client12`
  and `server12` are those of TLS 1.2, 1.1 and 1.0, which differ so little that they are told together.
- `authentication`: Certificate, CertificateVerify, Finished, which both sides make and check alike.
- `schedule13`: every secret and where it comes from. `transcript`: the hash that binds them together.
- `negotiate`: choosing, as pure functions. `offer` and `answer`: what each side keeps while it is at it.
- Before TLS 1.3: `exchange12`, every key exchange as one row, and the steps to keys that both sides take
  alike; `agreement12` and `response12`, the client's and the server's part in it; `hello12` and `answer12`,
  what the client makes of a ServerHello and the server of a ClientHello; `authentication12`, `schedule12`,
  `post12`.
- `driver`: the only code that resumes a flow; `channel`: messages over records; `post`: what comes after.

Rules that make it hold:

1. The driver checks a message's type against the state before it reads the message's body.
2. The transcript hash that a signature or MAC covers is taken on the line above the `await` that receives it.
3. A step that proves something returns the proof, and the end of the flow needs it: to skip the check is a
   type error.
4. Keys change only through `enter_*_keys`, which refuse while handshake bytes are left over (RFC 9846 §5.1).
5. Secrets live in the flow's locals and die with it; `Connected` names the few that remain.
6. Before TLS 1.3 a ChangeCipherSpec is taken in one state alone, and nothing a peer encrypted or named
   wrongly (a premaster secret, a pre-shared key) shows before its Finished.
"""
