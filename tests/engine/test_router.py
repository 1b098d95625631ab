from __future__ import annotations

import json
from typing import Any
from zlib import crc32

from hypothesis import given, settings
from hypothesis import strategies as st

from stream.clock import DAY_MS, NEVER_MS, rfc3339
from stream.engine.effects import StoredRecord
from stream.engine.meta import SourceState
from stream.engine.routed import Routed
from stream.engine.router import ALIGNMENT_MS, Router, alignment_limit_ms
from stream.events.records import Link, PageViewed, decode_record
from tests.state.shopping import DAY, HOUR, MINUTE, START_MS

PARTITIONS = 5


def raw(offset: int, at_ms: int = START_MS, stamp_ms: int | None = None, **fields: Any):
    at = rfc3339(at_ms)
    call = {
        "type": "page", "userId": "u", "messageId": f"m{offset}",
        "originalTimestamp": at, "sentAt": at, "receivedAt": at, **fields,
    }  # fmt: skip
    value = json.dumps({k: v for k, v in call.items() if v is not None}).encode()
    return StoredRecord(offset, at_ms if stamp_ms is None else stamp_ms, b"any", value)


def routed(router: Router, *records: StoredRecord, limit_ms: int = NEVER_MS):
    return router.route(list(records), limit_ms)


def sent(result: Routed) -> list[tuple[bytes, Any]]:
    """What was sent, by key; each in the partition that the CRC-32 of its key says."""
    found = []
    for partition, records in enumerate(result.outputs):
        for key, value in records:
            assert partition == crc32(key) % PARTITIONS
            found.append((key, decode_record(value)))
    return found


def test_an_event_goes_to_the_partition_of_its_customer_whatever_its_own_key():
    router = Router(0, PARTITIONS)
    for number in range(20):
        ((key, record),) = sent(routed(router, raw(number, userId=f"u{number}")))
        assert key == f"u{number}".encode()
        assert isinstance(record, PageViewed)


def test_an_event_with_two_ids_links_the_lesser_one_after_itself():
    result = routed(Router(0, PARTITIONS), raw(0, anonymousId="anon"))
    found = dict(sent(result))
    assert set(found) == {b"u", b"anon"}
    assert isinstance(found[b"u"], PageViewed)
    assert found[b"anon"] == Link(target="u", time_ms=START_MS, received_ms=START_MS)


def test_a_link_is_sent_again_only_after_an_hour_or_for_another_customer():
    router = Router(0, PARTITIONS)
    times = [0, 1, HOUR - 1, HOUR, HOUR + 5]
    links = [
        len(sent(routed(router, raw(n, START_MS + at, anonymousId="anon")))) - 1
        for n, at in enumerate(times)
    ]
    assert links == [1, 0, 0, 1, 0]
    changed = routed(router, raw(9, START_MS + HOUR + 6, userId="v", anonymousId="anon"))
    assert len(sent(changed)) == 2
    back = routed(router, raw(10, START_MS + HOUR + 7, anonymousId="anon"))
    assert len(sent(back)) == 2


def test_an_undecodable_record_is_dead_with_its_reason_and_field():
    router = Router(0, PARTITIONS)
    record = StoredRecord(3, START_MS, None, b"{")
    result = routed(router, raw(2), record, raw(4))
    assert [(dead.record, dead.reason) for dead in result.dead] == [(record, "not_json")]
    assert (result.consumed, result.routed, router.next_offset) == (3, 2, 5)


def test_a_number_that_no_record_can_hold_is_dead():
    dear = raw(
        0, type="track", event="Order Completed",
        properties={"products": [{"price": 9e9, "quantity": 1_000_000}]},
    )  # fmt: skip
    many = raw(1, type="track", event="Products Searched", properties={"results_count": 10**30})
    parts = raw(
        2, type="track", event="Product Viewed",
        properties={"product_id": "p", "price": 9e9, "quantity": 999_999.5},
    )  # fmt: skip
    result = routed(Router(0, PARTITIONS), dear, many, parts)
    assert [dead.reason for dead in result.dead] == ["out_of_range"] * 3
    assert (result.consumed, result.routed, sent(result)) == (3, 0, [])


def test_routing_stops_before_the_first_event_at_the_limit_and_goes_on_from_it():
    router = Router(0, PARTITIONS)
    records = [raw(0), raw(1, START_MS + HOUR), raw(2, START_MS + 1)]
    first = routed(router, *records, limit_ms=START_MS + HOUR)
    assert (first.consumed, first.waiting_ms, router.next_offset) == (1, START_MS + HOUR, 1)
    assert router.max_time_ms == START_MS
    still = routed(router, *records[1:], limit_ms=START_MS + HOUR)
    assert (still.consumed, still.waiting_ms) == (0, START_MS + HOUR)
    rest = routed(router, *records[1:], limit_ms=START_MS + HOUR + 1)
    assert (rest.consumed, rest.waiting_ms, router.next_offset) == (2, None, 3)
    assert len(sent(rest)) == 2


def test_a_call_that_only_links_waits_too():
    alias = raw(0, START_MS + HOUR, type="alias", previousId="old")
    router = Router(0, PARTITIONS)
    assert routed(router, alias, limit_ms=START_MS + HOUR).waiting_ms == START_MS + HOUR
    passed = routed(router, alias, limit_ms=START_MS + HOUR + 1)
    ((key, link),) = sent(passed)
    assert (key, link.target) == (b"old", "u")
    assert (passed.control, passed.routed) == (1, 0)


def test_what_waited_is_not_taken_for_another_record():
    router = Router(0, PARTITIONS)
    routed(router, raw(5, START_MS + HOUR, userId="held"), limit_ms=START_MS)
    ((key, _),) = sent(routed(router, raw(6, START_MS, userId="next")))
    assert key == b"next"


def test_the_end_of_history_jumps_to_when_it_was_written_and_never_waits():
    router = Router(0, PARTITIONS)
    end = StoredRecord(0, START_MS + DAY, None, b'{"type":"history_ends"}')
    result = routed(router, raw(0), end, limit_ms=START_MS + 1)
    assert result.history_ended
    assert (result.consumed, router.max_time_ms) == (2, START_MS + DAY)
    assert router.state.event_ms == START_MS


def test_a_resumed_router_stands_where_it_is_told_and_remembers_no_links():
    router = Router(0, PARTITIONS)
    routed(router, raw(0, anonymousId="anon"))
    router.resume(SourceState(next_offset=7, max_time_ms=START_MS + MINUTE))
    assert (router.next_offset, router.max_time_ms) == (7, START_MS + MINUTE)
    assert len(sent(routed(router, raw(7, anonymousId="anon")))) == 2


def test_nothing_passes_before_the_first_tick():
    assert alignment_limit_ms(-1, START_MS) == 0


@given(st.integers(0, 3 * DAY), st.sampled_from([0, HOUR, 2 * DAY, 400 * DAY]))
@settings(derandomize=True, max_examples=200, deadline=None)
def test_the_limit_is_a_minute_near_the_present_and_the_days_end_always(since_ms, behind_ms):
    clock_ms = START_MS + since_ms
    limit_ms = alignment_limit_ms(clock_ms, clock_ms + behind_ms)
    to_midnight_ms = DAY_MS - clock_ms % DAY_MS
    assert limit_ms > clock_ms
    if to_midnight_ms > 5 * MINUTE:
        assert limit_ms <= clock_ms + to_midnight_ms
    if behind_ms < DAY:
        assert limit_ms <= clock_ms + ALIGNMENT_MS
    else:
        assert limit_ms % DAY_MS == 0
