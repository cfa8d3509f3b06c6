"""The bytes of TLS: messages, extensions, code points."""
