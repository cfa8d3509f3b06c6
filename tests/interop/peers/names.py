"""The libraries' names for what the RFCs name otherwise."""


def plain_version(name: str | None) -> str | None:
    """Return the RFC's name of a version for any library's."""
    if name is None:
        return None
    return {"TLSv1": "TLS 1.0"}.get(name, name.replace("TLSv", "TLS "))
