"""Reads variables of the environment one at a time, and names the one whose value cannot be."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TypeVar

T = TypeVar("T")

SECRET_BYTES_MAX = 64 << 10
"""Of a file that holds one secret: a token of OAuth may have some KB."""


class SettingError(ValueError):
    """A variable of the environment has a value that cannot be."""

    def __init__(self, variable: str, problem: str) -> None:
        super().__init__(f"{variable}: {problem}")
        self.variable = variable


class Environment:
    """The variables `SHOAL_*`, by their names without that."""

    def __init__(self, environment: Mapping[str, str]) -> None:
        self._environment = environment

    def optional(self, name: str, parse: Callable[[str], T]) -> T | None:
        """The value, or None where it is not set, or blank.

        Raises
        ------
        SettingError
            `parse` took it for wrong.
        """
        text = self._environment.get(f"SHOAL_{name}", "").strip()
        if not text:
            return None
        try:
            return parse(text)
        except ValueError as error:
            raise SettingError(f"SHOAL_{name}", str(error)) from None

    def text(self, name: str, default: str, parse: Callable[[str], str]) -> str:
        """The value as a text."""
        value = self.optional(name, parse)
        return default if value is None else value

    def number(self, name: str, default: int, lowest: int, highest: int) -> int:
        """The value as a whole number from `lowest` to `highest`."""

        def parse(text: str) -> int:
            if not text.isascii() or not text.isdigit():
                raise ValueError(f"{text[:40]!r} is not a whole number")
            if not lowest <= int(text) <= highest:
                raise ValueError(f"{text} is not from {lowest} to {highest}")
            return int(text)

        value = self.optional(name, parse)
        return default if value is None else value

    def flag(self, name: str) -> bool:
        """Whether it is 1 or true."""
        return self.optional(name, one_of("1", "0", "true", "false")) in {"1", "true"}

    def path(self, name: str) -> str | None:
        """The path of a file that is there."""
        found = self.optional(name, existing_file)
        return None if found is None else str(found)

    def secret(self, name: str) -> str | None:
        """A secret: the variable itself, or the file that NAME_FILE names, less its last newline.

        What is wrong with it is said without it.
        """
        file = self.optional(f"{name}_FILE", existing_file)
        value = self.optional(name, str)
        if file is None:
            return value
        if value is not None:
            raise SettingError(f"SHOAL_{name}", f"is set, and SHOAL_{name}_FILE is, too; keep one")
        return read_secret(f"SHOAL_{name}_FILE", file)


def read_secret(variable: str, file: Path) -> str:
    """The one line that a file holds.

    Raises
    ------
    SettingError
        It cannot be read, is empty, or is no short text.
    """
    try:
        with file.open("rb") as opened:
            content = opened.read(SECRET_BYTES_MAX + 1)
        text = content.decode().rstrip("\r\n")
    except OSError as error:
        raise SettingError(variable, f"{file} cannot be read: {error.strerror}") from None
    except UnicodeDecodeError:
        raise SettingError(variable, f"{file} is not UTF-8 text") from None
    if len(content) > SECRET_BYTES_MAX:
        raise SettingError(variable, f"{file} has more than {SECRET_BYTES_MAX:,} bytes")
    if not text:
        raise SettingError(variable, f"{file} is empty; write the secret into it")
    return text


def one_of(*choices: str) -> Callable[[str], str]:
    """Takes one of these words."""

    def parse(text: str) -> str:
        if text not in choices:
            raise ValueError(f"{text[:40]!r} is none of {', '.join(choices)}")
        return text

    return parse


def existing_file(text: str) -> Path:
    """Takes the path of a file that is there."""
    path = Path(text)
    if not path.is_file():
        raise ValueError(f"there is no file {text[:200]!r}")
    return path
