"""The least that keeps sessions: what lucidtls.sessions.protocols asks of stores, and nothing else."""

from lucidtls.sessions.session import Session


class ClientShelf:
    """A client's sessions, the newest first."""

    def __init__(self) -> None:
        self._kept: dict[str, list[Session]] = {}

    def put(self, key: str, session: Session) -> None:
        self._kept.setdefault(key, []).insert(0, session)

    def take(self, key: str, now: float) -> Session | None:
        usable = [session for session in self._kept.get(key, []) if session.usable_at(now)]
        if not usable:
            return None
        if usable[0].single_use:
            self._kept[key].remove(usable[0])
        return usable[0]

    def discard(self, key: str, session: Session) -> None:
        if session in self._kept.get(key, []):
            self._kept[key].remove(session)


class ServerShelf:
    """A server's sessions."""

    def __init__(self) -> None:
        self._kept: dict[bytes, bytes] = {}

    def put(self, key: bytes, state: bytes, lifetime: int, now: float) -> bool:
        self._kept[key] = state
        return True

    def get(self, key: bytes, now: float) -> bytes | None:
        return self._kept.get(key)

    def take(self, key: bytes, now: float) -> bytes | None:
        return self._kept.pop(key, None)

    def discard(self, key: bytes) -> None:
        self._kept.pop(key, None)
