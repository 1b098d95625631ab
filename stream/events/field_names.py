"""Names of fields that the specification has: a path may say these, and no other.

Who sends a trait by the name of a person, or an object by ids, would else be read in the headers
of dead letters.
"""

from __future__ import annotations

from typing import Final

import msgspec

from stream.events import calls, properties

UNSAID: Final = "[...]"
"""Stands for a name of the sender's own, as in msgspec's paths."""


def _named(module: object) -> set[str]:
    return {
        name
        for found in vars(module).values()
        if isinstance(found, type) and issubclass(found, msgspec.Struct)
        for name in found.__struct_encode_fields__
    }


FIELD_NAMES: Final = frozenset(_named(calls) | _named(properties))
