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


def configure_logs(level: str) -> None:
    """Log from `level` on; the libraries only what needs someone's attention."""
    logging.basicConfig(level=level, format=_FORMAT, force=True)
    for name, quiet_level in _QUIET.items():
        logging.getLogger(name).setLevel(max(quiet_level, logging.getLevelName(level)))
