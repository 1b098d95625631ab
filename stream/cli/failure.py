"""A command's way to fail: what happened, and what to do next."""

from __future__ import annotations


class CommandFailedError(Exception):
    """Ends the command with one line on stderr.

    Parameters
    ----------
    what
        What happened, as a fact: "port 9092 is taken".
    then
        What to do next: "choose another with --port".
    exit_code
        1, it found something wrong or the work failed; 2, it was called wrongly or given what
        cannot be used.
    """

    def __init__(self, what: str, then: str, exit_code: int = 1) -> None:
        super().__init__(f"{what}; {then}")
        self.exit_code = exit_code
