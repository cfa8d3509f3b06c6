"""The extension table: one module per message that carries extensions, one row per extension in it.

Which extension may stand in which message (RFC 9846 §4.3) is not said a second time anywhere: an
extension is allowed in a message when that message's table has a row for it, it is recognised when
any table has. The modules are named like the columns of the RFC's table:

`ch` ClientHello, `sh` ServerHello, `hrr` HelloRetryRequest, `ee` EncryptedExtensions,
`cr` CertificateRequest, `ct` Certificate, `nst` NewSessionTicket; and `sh12`, which that table lacks, for the
ServerHello of TLS 1.2 and older.
"""
