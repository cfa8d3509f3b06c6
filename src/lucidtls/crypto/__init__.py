"""The algorithms of TLS, one row each, over hashlib and pyca/cryptography."""
