"""The worker's log: one line an entry, to stderr, without payloads."""

from __future__ import annotations

import logging

_FORMAT = "%(asctime)s %(levelname)s %(name)s: %(message)s"

_QUIET = {
    # It warns of every fetch and commit that a rebalance cuts short.
    "aiokafka": logging.ERROR,
    "faust": logging.WARNING,
    "mode": logging.WARNING,
    # Faust's services log under the name of the module that defines them.
    "stream.shell.faust_private": logging.WARNING,
}


_REPETITIVE = "aiokafka"
REPEAT_S = 10.0
"""Each owner's client says anew with every try that its broker is gone, hundreds of times a second:
one line of a kind in so long is enough, with the number of those that were left out."""


class Sparing(logging.Filter):
    """Lets through one line of each place in the Kafka client's code per `REPEAT_S`.

    Its memory is bounded by that code's number of such places.
    """

    def __init__(self) -> None:
        super().__init__()
        self._said: dict[tuple[str, int], tuple[float, int]] = {}

    def filter(self, record: logging.LogRecord) -> bool:
        if record.name.partition(".")[0] != _REPETITIVE:
            return True
        kind = (record.pathname, record.lineno)
        said_s, left_out = self._said.get(kind, (float("-inf"), 0))
        if 0 <= record.created - said_s < REPEAT_S:
            self._said[kind] = (said_s, left_out + 1)
            return False
        self._said[kind] = (record.created, 0)
        if left_out:
            record.msg = f"{record.getMessage()} ({left_out:,} more like this were left out)"
            record.args = ()
        return True


def configure_logs(level: str) -> None:
    """Log from `level` on; the libraries only what needs someone's attention, and not too often."""
    logging.basicConfig(level=level, format=_FORMAT, force=True)
    for handler in logging.getLogger().handlers:
        handler.addFilter(Sparing())
    for name, quiet_level in _QUIET.items():
        logging.getLogger(name).setLevel(max(quiet_level, logging.getLevelName(level)))
