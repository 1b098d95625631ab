import logging

from stream.shell.logs import REPEAT_S, Sparing


def said(sparing: Sparing, name: str, line: int, at_s: float, number: int = 0) -> str | None:
    record = logging.LogRecord(name, logging.ERROR, "client.py", line, "try %d", (number,), None)
    record.created = at_s
    return record.getMessage() if sparing.filter(record) else None


def test_a_client_whose_broker_is_gone_says_so_once_in_a_while_with_what_was_left_out():
    sparing = Sparing()
    heard = [said(sparing, "aiokafka.conn", 1, n * REPEAT_S / 100, n) for n in range(201)]
    assert [text for text in heard if text] == [
        "try 0",
        "try 100 (99 more like this were left out)",
        "try 200 (99 more like this were left out)",
    ]


def test_what_is_said_elsewhere_is_heard_at_once():
    sparing = Sparing()
    assert said(sparing, "aiokafka.conn", 1, 0.0)
    assert said(sparing, "aiokafka.conn", 2, 0.0)
    assert not said(sparing, "aiokafka.conn", 2, 0.1)


def test_our_own_lines_are_never_left_out():
    sparing = Sparing()
    assert all(said(sparing, "stream.shell.owner", 1, 0.0) for _ in range(3))


def test_a_clock_that_is_put_back_silences_nothing():
    sparing = Sparing()
    assert said(sparing, "aiokafka.conn", 1, 3_600.0)
    assert said(sparing, "aiokafka.conn", 1, 0.0)
