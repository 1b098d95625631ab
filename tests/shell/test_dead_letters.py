from types import SimpleNamespace
from typing import Any

import pytest

from stream.cli import main as cli
from stream.engine.effects import DeadRecord, StoredRecord
from stream.events.topics import RECORD_BYTES_MAX
from stream.shell.dead_letters import (
    MESSAGE_CHARACTERS_MAX,
    ORIGINAL_HEADERS_BYTES_MAX,
    PREFIX,
    RETRIED,
    RETRIES,
    Retried,
    dead_letter_content,
    dead_letter_headers,
    headers_again,
    pack_retried,
    read_letter,
    read_retried,
    source_of,
)
from stream.shell.retrying import Wanted


def headers(**changes) -> dict[str, bytes]:
    record = StoredRecord(17, 1, b"k", b'{"email":"anna@example.com"')
    dead = DeadRecord(
        record=record,
        reason=changes.get("reason", "not_json"),
        field="$.properties",
        message=changes.get("message", "Expected an object"),
    )
    return dict(dead_letter_headers(dead, "events", 3, "decode", "2"))


def test_headers_say_where_from_why_and_when():
    found = headers()
    assert {name.removeprefix(PREFIX) for name in found} == {
        "topic", "partition", "offset", "reason", "field", "stage", "message", "run", "version",
        "failed-at",
    }  # fmt: skip
    assert all(name.startswith("__shoal.errors.") for name in found)
    assert found[f"{PREFIX}topic"] == b"events"
    assert (found[f"{PREFIX}partition"], found[f"{PREFIX}offset"]) == (b"3", b"17")
    assert found[f"{PREFIX}failed-at"].endswith(b"Z")


def test_headers_have_nothing_of_the_payload():
    assert not any(b"anna" in value for value in headers().values())


def test_a_long_message_is_cut():
    assert len(headers(message="x" * 9_999)[f"{PREFIX}message"]) == MESSAGE_CHARACTERS_MAX


def sent(value: bytes | None = b"v", *own: tuple[str, bytes]) -> Any:
    """A record as the broker hands it out."""
    return SimpleNamespace(offset=17, timestamp=5, key=b"k", value=value, headers=list(own))


def buried(record: Any, run: str = "2", topic: str = "events") -> Any:
    """The letter of a record, as the broker hands it out."""
    dead = DeadRecord(record, "not_json", "$", "Expected an object")
    key, value, more = dead_letter_content(dead)
    told = [*dead_letter_headers(dead, topic, 3, "decode", run), *more]
    return SimpleNamespace(offset=2, timestamp=9, key=key, value=value, headers=told)


def test_a_letter_says_what_its_headers_say_and_keeps_the_records_own():
    letter = buried(sent(b"v", ("trace", b"t"), (RETRIES, b"2")))
    read = read_letter(1, letter)
    assert read is not None
    place = (read.place, read.offset, read.topic, read.partition, read.source_offset)
    assert place == (1, 2, "events", 3, 17)
    assert (read.reason, read.stage, read.retries, read.is_whole) == ("not_json", "decode", 2, True)
    assert headers_again(letter, 3) == [("trace", b"t"), (RETRIES, b"3")]


def test_a_header_of_an_earlier_death_does_not_say_where_a_record_came_from():
    forged = sent(b"v", (PREFIX + "topic", b"elsewhere"))
    assert dict(buried(forged).headers)[PREFIX + "topic"] == b"events"
    assert headers_again(buried(forged), 1) == [(RETRIES, b"1")]


def test_headers_without_bound_are_not_kept():
    letter = buried(sent(b"v", ("h", b"x" * ORIGINAL_HEADERS_BYTES_MAX)))
    assert headers_again(letter, 1) == [(RETRIES, b"1")]


def test_of_what_is_too_large_a_letter_has_the_size_and_no_bytes():
    assert buried(sent(b"x" * (RECORD_BYTES_MAX - 1))).value is not None
    letter = buried(sent(b"x" * RECORD_BYTES_MAX))
    assert (letter.key, letter.value) == (None, None)
    read = read_letter(0, letter)
    assert read is not None
    assert not read.is_whole
    assert dict(letter.headers)[PREFIX + "left-out"].startswith(b"1048577 bytes, blake2b ")


@pytest.mark.parametrize(
    "own", [[], [("trace", b"t")], [(PREFIX + "topic", b"events"), (PREFIX + "partition", b"-1")]]
)
def test_what_is_no_letter_is_none(own: list[tuple[str, bytes]]):
    assert read_letter(0, sent(b"v", *own)) is None


def test_a_note_of_what_was_sent_again_reads_back_and_a_letter_is_none():
    note = Retried([1, 5], ["a", "b"])
    assert read_retried(sent(pack_retried(note), (RETRIED, b"1"))) == note
    assert read_retried(sent(b'{"offsets":[1,5]}', (RETRIED, b"1"))) == Retried([1, 5])
    assert read_retried(sent(b"garbage", (RETRIED, b"1"))) == Retried([])
    assert read_retried(buried(sent())) is None


def source(record: Any) -> str:
    letter = read_letter(0, record)
    assert letter is not None
    return source_of(letter, record)


def test_letters_of_two_runs_of_one_record_are_of_the_same_source():
    first, second = buried(sent(), run="1"), buried(sent(), run="2")
    assert [read_letter(0, one).run for one in (first, second)] == ["1", "2"]
    assert source(first) == source(second)


def test_letters_of_other_records_are_of_other_sources():
    """Another log, another offset, other bytes at the offset of a topic made anew."""
    later = sent()
    later.offset = 18
    others = [buried(sent(), topic="customer-events"), buried(later), buried(sent(b"w"))]
    assert len({source(one) for one in (buried(sent()), *others)}) == 4


def test_letters_are_chosen_by_all_that_is_asked_for():
    letter = read_letter(0, buried(sent()))
    assert letter is not None
    assert Wanted().means(letter)
    assert Wanted(reasons=frozenset({"not_json"}), since_ms=9, until_ms=10).means(letter)
    for other in (
        Wanted(reasons=frozenset({"not_jso"})),
        Wanted(topics=frozenset({"customer-events"})),
        Wanted(stages=frozenset({"fold"})),
        Wanted(since_ms=10),
        Wanted(until_ms=9),
    ):
        assert not other.means(letter)


@pytest.mark.parametrize(
    ("words", "problem"),
    [
        (["retry"], "which letters"),
        (["retry", "--all", "--retries-max", "0"], "--retries-max"),
        (["list", "--from", "yesterday"], "--from"),
        (["list", "--stage", "route"], "--stage"),
    ],
)
def test_a_wrong_call_is_refused_before_the_broker_is_asked(
    words: list[str], problem: str, capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
):  # fmt: skip
    monkeypatch.setenv("SHOAL_BROKER", "127.0.0.1:1")
    assert cli.main(["dead-letters", *words]) == 2
    assert problem in capsys.readouterr().err
