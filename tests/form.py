"""Which form of the code is tested: the source, or extension modules made of it."""

from __future__ import annotations

import os

IS_COMPILED = bool(os.environ.get("SHOAL_TEST_COMPILED"))


def examples(count: int) -> int:
    """So many examples of a property; a quarter on extension modules.

    They are the first ones of the same sequence, on code of the same source, which has passed all.
    """
    return count // 4 if IS_COMPILED else count
