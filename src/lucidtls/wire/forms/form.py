"""What one extension looks like in one message: the row of the only declarative table in `wire`."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Generic, TypeVar

from lucidtls.wire.codec import Reader
from lucidtls.wire.codepoints import EXTENSIONS, name_of

T = TypeVar("T")


@dataclass(frozen=True, slots=True, eq=False)
class ExtensionForm(Generic[T]):
    """How to read and write the body of extension `code` in `message`, and the text that says so."""

    code: int
    name: str
    message: str
    read: Callable[[Reader], T]
    write: Callable[[T], bytes]
    source: str
    where: str = field(init=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "where", f"{self.message}.{self.name}")

    def __repr__(self) -> str:
        return f"<ExtensionForm {self.where}>"


class FormTable:
    """The forms of one message, by code; `add` is how the modules beside this one fill it."""

    def __init__(self, message: str) -> None:
        self.message = message
        self.rows: dict[int, ExtensionForm[Any]] = {}

    def add(
        self, code: int, read: Callable[[Reader], T], write: Callable[[T], bytes], source: str
    ) -> ExtensionForm[T]:
        """Add the row for `code` and return it."""
        row = ExtensionForm(code, name_of(EXTENSIONS, code), self.message, read, write, source)
        self.rows[code] = row
        return row
