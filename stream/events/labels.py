"""Ids as text: shops send numbers, too."""

from __future__ import annotations


def label(value: str | float) -> str:
    """An id as text; a whole number that went through a double loses its `.0`.

    >>> label(17850.0), label(7), label("A-1")
    ('17850', '7', 'A-1')
    """
    if isinstance(value, float) and value.is_integer():
        return str(int(value))
    return str(value)


def text_label(value: str | int | None) -> str | None:
    """An optional id as text."""
    return value if value is None or isinstance(value, str) else label(value)
