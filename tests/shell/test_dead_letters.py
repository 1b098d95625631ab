from stream.engine.effects import DeadRecord, StoredRecord
from stream.shell.dead_letters import MESSAGE_CHARACTERS_MAX, PREFIX, dead_letter_headers


def headers(**changes) -> dict[str, bytes]:
    record = StoredRecord(17, 1, b"k", b'{"email":"anna@example.com"')
    dead = DeadRecord(
        record=record,
        reason=changes.get("reason", "not_json"),
        field="$.properties",
        message=changes.get("message", "Expected an object"),
    )
    return dict(dead_letter_headers(dead, "events", 3, "decode"))


def test_headers_say_where_from_why_and_when():
    found = headers()
    assert {name.removeprefix(PREFIX) for name in found} == {
        "topic", "partition", "offset", "reason", "field", "stage", "message", "version",
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
