"""lucidtls: TLS you can see through."""
