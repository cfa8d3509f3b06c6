"""What one extension looks like in one message: the row of the only declarative table in `wire`."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

from lucidtls.wire.codec import Reader
from lucidtls.wire.codepoints import EXTENSIONS, name_of

T = TypeVar("T")


@dataclass(frozen=True, slots=True, eq=False)
class ExtensionForm(Generic[T]):
    """How to read and write the body of extension `code` in `message`, and the text that says so.

    `where` is how errors call the place.
    """

    code: int
    name: str
    message: str
    read: Callable[[Reader], T]
    write: Callable[[T], bytes]
    source: str
    where: str

    def __repr__(self) -> str:
        return f"<ExtensionForm {self.message}.{self.name}>"


class FormTable:
    """The forms of one message, by code; `add` is how the modules beside this one fill it.

    `title` is what errors call the message, where that is not the name it has here.
    """

    def __init__(self, message: str, title: str | None = None) -> None:
        self.message = message
        self.title = title or message
        self.rows: dict[int, ExtensionForm[Any]] = {}

    def add(
        self, code: int, read: Callable[[Reader], T], write: Callable[[T], bytes], source: str
    ) -> ExtensionForm[T]:
        """Add the row for `code` and return it."""
        name = name_of(EXTENSIONS, code)
        row = ExtensionForm(code, name, self.message, read, write, source, f"{self.title}.{name}")
        self.rows[code] = row
        return row
