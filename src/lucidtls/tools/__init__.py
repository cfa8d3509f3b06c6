"""What the commands do. `lucidtls.cli` reads the command line and calls one of these.

- `connect`, `serve`, `cert`: one module per command, with a `run` that returns the exit code.
- `failures`, `negotiation`, `refusals`: what an error means, in one sentence with a fix: a `Diagnosis`. All
  commands share them. `situation`: what was going on when it came.
- `document`, `terminal`: what is shown is a list of blocks first, and lines on a terminal or in a pipe after
  that.
- `watch`, `messages`: the trace of a connection as it happens, for `-v`. `agreement`: what it says was
  agreed, in every version.
- `development`: certificates for development, and the authority that issues them.

Rules: results go to the standard output, progress and logs to the standard error; with `--json` the standard
output is one JSON object and nothing else. Text that came from a peer is made printable before it is shown.
A failure is one plain sentence, its alert and its clause, and an exit code of `exits`; a traceback only ever
means a bug.
"""
