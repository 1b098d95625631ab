from __future__ import annotations

import pytest

from stream.engine.effects import EngineStateError, UnreadableVersionError
from stream.engine.erasure import marker_of
from stream.engine.meta import ERASED_PREFIX, META_KEY
from stream.engine.partition import PartitionEngine
from stream.engine.settings import EngineSettings
from stream.events.records import Alias, Erase, Markers
from stream.state.codec import uncompressed
from stream.state.merge import ALIASES_MAX
from tests.engine.lane import Lane, Turn, definitions, expect_counts_to_add_up
from tests.engine.linked import link, live
from tests.state.shopping import DAY, HOUR, MINUTE, START_MS, added, order, page

CART = definitions(
    "name: cart, enter: cart.items > 0",
    "name: buyer, enter: orders.count >= 1",
)
ERASED_MS = START_MS + 10 * HOUR


def erase(at_ms: int = ERASED_MS, *, refuses: bool = False, lifts: bool = False) -> Erase:
    return Erase(time_ms=at_ms, received_ms=at_ms, request="r1", refuses=refuses, lifts=lifts)


def bytes_kept(lane: Lane) -> bytes:
    """All that the changelog holds, keys and values, with what is compressed in it."""
    rows = (value for key, value in lane.changelog.items() if not key.startswith(b"\0"))
    kept = (*lane.changelog.keys(), *lane.changelog.values(), *map(uncompressed, rows))
    return b"".join(kept)


def customers(lane: Lane) -> set[str]:
    return {key.decode() for key in lane.changelog if not key.startswith(b"\0")}


def receipts(lane: Lane) -> list:
    return [receipt for found in lane.effects for receipt in found.receipts]


def test_the_row_goes_with_its_memberships_and_the_exits_give_no_evidence():
    lane = Lane(CART)
    live(lane, "kim", added(START_MS), order(START_MS + HOUR, "1"), added(START_MS + 2 * HOUR, "b"))
    assert lane.put("kim", erase()) == [
        Turn("kim", "buyer", False, ERASED_MS, "erasure"),
        Turn("kim", "cart", False, ERASED_MS, "erasure"),
    ]
    last = lane.effects[-1]
    assert [change.evidence for change in last.changes] == [(), ()]
    assert not any(change.historic for change in last.changes)
    assert last.memberships == {"kim": None}
    assert last.rows[b"kim"] is None
    assert customers(lane) == set()
    assert b"kim" not in bytes_kept(lane)
    assert {s: n for s, n in lane.engine.members.items() if n} == {}
    assert lane.restored().store.keys() == []


def test_who_was_in_no_segment_is_told_of_by_a_tombstone_among_the_memberships():
    lane = Lane(CART)
    lane.put("kim", page(START_MS))
    assert lane.put("kim", erase()) == []
    assert lane.effects[-1].memberships == {"kim": None}


def test_exits_act_even_where_the_worker_was_hours_behind():
    lane = Lane(CART)
    lane.put("kim", added(START_MS))
    lane.put("kim", erase(), stamp_ms=ERASED_MS + 5 * DAY)
    assert [change.historic for change in lane.effects[-1].changes] == [False]


def test_what_comes_late_is_refused_and_has_an_end_of_its_own():
    lane = Lane(CART)
    live(lane, "kim", added(START_MS), erase())
    assert lane.put("kim", added(ERASED_MS, "b"), order(ERASED_MS - DAY, "1")) == []
    assert customers(lane) == set()
    counts = lane.counts()
    assert (counts.erased, counts.control) == (2, 2)
    expect_counts_to_add_up(counts)


def test_who_comes_again_is_a_new_customer_and_its_numbers_go_on():
    lane = Lane(CART)
    live(lane, "kim", added(START_MS), erase())
    assert lane.put("kim", added(ERASED_MS + 1, "b")) == [
        Turn("kim", "cart", True, ERASED_MS + 1, "event")
    ]
    assert lane.row("kim").events == 1
    assert [change.sequence for change in lane.changes] == [1, 2, 3]
    assert len({change.id for change in lane.changes}) == 3


def test_of_who_came_again_what_was_before_is_refused_still():
    lane = Lane(CART)
    live(lane, "kim", added(START_MS), erase(), page(ERASED_MS + 1))
    lane.put("kim", order(ERASED_MS - 1, "1"))
    assert lane.row("kim").orders is None
    assert lane.counts().erased == 1


def test_an_erasure_of_nobody_leaves_a_marker_too():
    lane = Lane(CART)
    live(lane, "kim", erase(), added(ERASED_MS))
    assert customers(lane) == set()
    assert [receipt.removed for receipt in receipts(lane)] == [{}]


def test_ids_that_point_to_the_customer_go_too_with_state_or_without():
    lane = Lane(CART)
    live(lane, "device-1", added(START_MS), link("kim", START_MS + 1))
    live(lane, "device-2", link("kim", START_MS + 2))
    live(lane, "kim", page(START_MS + 3), erase())
    assert customers(lane) == set()
    kept = bytes_kept(lane)
    assert b"kim" not in kept
    assert b"device" not in kept
    live(lane, "device-2", added(ERASED_MS))
    assert customers(lane) == set()
    expect_counts_to_add_up(lane.counts())


def test_an_erasure_of_a_device_is_one_of_its_customer():
    lane = Lane(CART)
    live(lane, "first", added(START_MS), link("second", START_MS + 1))
    live(lane, "second", link("kim", START_MS + 2))
    live(lane, "other", added(START_MS))
    live(lane, "first", erase())
    assert customers(lane) == {"other"}
    assert all(name not in bytes_kept(lane) for name in (b"kim", b"first", b"second"))


def test_the_receipts_of_a_request_add_up_and_name_nobody():
    lane = Lane(CART)
    live(lane, "device-1", added(START_MS), link("kim", START_MS + 1))
    live(lane, "device-2", link("kim", START_MS + 2))
    live(lane, "device-1", erase())
    found = receipts(lane)
    assert {receipt.request for receipt in found} == {"r1"}
    assert len(found) == 1 + sum(receipt.sent_on for receipt in found)
    assert marker_of(b"kim", b"shoal").hex() in {receipt.subject for receipt in found}
    assert "kim" not in str(found)
    assert "device" not in str(found)
    assert sum(receipt.removed.get("memberships", 0) for receipt in found) == 1


def test_a_merge_still_on_its_way_is_refused_and_its_sender_erased():
    lane = Lane(CART)
    lane.put("device", added(START_MS))
    lane.put("device", link("kim", START_MS + 1))
    ((_, merge),) = lane.effects[-1].forwards
    lane.put("kim", erase())
    lane.put("kim", merge)
    lane.deliver()
    assert customers(lane) == set()
    assert lane.counts().erased == 1
    assert b"kim" not in bytes_kept(lane)


def test_ids_behind_the_sender_of_a_merge_on_its_way_are_erased_too():
    lane = Lane(CART)
    live(lane, "first", added(START_MS), link("device", START_MS + 1))
    lane.put("device", link("kim", START_MS + 2))
    ((_, merge),) = lane.effects[-1].forwards
    lane.put("kim", erase())
    lane.put("kim", merge)
    lane.deliver()
    assert customers(lane) == set()
    kept = bytes_kept(lane)
    assert all(name not in kept for name in (b"kim", b"device", b"first"))


@pytest.mark.parametrize("asked_of", ["device", "lee"])
def test_whom_an_erased_device_belonged_to_before_lets_go_of_its_name(asked_of: str):
    """Wherever the erasure begins: at the device, or at who has it now."""
    lane = Lane(CART)
    live(lane, "device", page(START_MS), link("kim", START_MS + 1))
    live(lane, "kim", added(START_MS + 2))
    live(lane, "device", link("lee", START_MS + 2 * DAY))
    live(lane, asked_of, erase(START_MS + 3 * DAY))
    assert customers(lane) == {"kim"}
    assert b"device" not in bytes_kept(lane)
    assert lane.segments("kim").keys() == {"cart"}


def test_a_link_still_on_its_way_leaves_no_address():
    lane = Lane(CART)
    live(lane, "device", added(START_MS))
    live(lane, "kim", page(START_MS), erase())
    live(lane, "device", link("kim", ERASED_MS - 1))
    assert customers(lane) == set()
    assert b"kim" not in bytes_kept(lane)


def test_an_id_that_points_to_the_erased_unknown_to_it_goes_when_it_sends_something_on():
    lane = Lane(CART)
    live(lane, "device", link("kim"))
    lane.row("kim").aliases.clear()  # as rows of former builds have it
    live(lane, "kim", erase())
    assert customers(lane) == {"device"}
    live(lane, "device", page(ERASED_MS - 1))
    assert customers(lane) == set()


def test_a_device_that_somebody_else_uses_now_stays_theirs_and_forgets_the_erased():
    lane = Lane(CART)
    live(lane, "device", page(START_MS), link("kim", START_MS + 1))
    live(lane, "device", link("lee", START_MS + 2 * DAY))
    live(lane, "lee", added(START_MS + 2 * DAY))
    live(lane, "kim", erase(START_MS + 3 * DAY))
    assert customers(lane) == {"device", "lee"}
    assert lane.row("device").forward_to == "lee"
    assert b"kim" not in bytes_kept(lane)
    assert lane.segments("lee").keys() == {"cart"}


def test_more_ids_than_a_row_names_are_kept_by_its_aliases_and_found():
    lane = Lane(CART)
    count = 3 * ALIASES_MAX
    for number in range(count):
        state = [added(START_MS + number)] if number % 2 else []
        live(lane, f"device-{number}", *state, link("kim", START_MS + number + 1))
    live(lane, "kim", erase())
    assert customers(lane) == set()
    assert b"device" not in bytes_kept(lane)
    assert lane.counts().dead == 0


def test_a_suppressed_id_stays_refused_until_that_is_lifted():
    lane = Lane(CART)
    live(lane, "kim", added(START_MS), erase(refuses=True), added(ERASED_MS + DAY))
    assert customers(lane) == set()
    live(lane, "kim", erase(ERASED_MS + 2 * DAY, lifts=True), added(ERASED_MS + 2 * DAY))
    assert lane.row("kim").events == 1
    assert [r.outcome for r in receipts(lane)] == ["suppressed", "lifted"]


def test_a_new_device_of_a_suppressed_customer_keeps_no_address():
    lane = Lane(CART)
    live(lane, "kim", erase(refuses=True))
    live(lane, "device", page(ERASED_MS + DAY), link("kim", ERASED_MS + DAY))
    assert b"kim" not in bytes_kept(lane)


def test_pending_timers_wake_nobody():
    lane = Lane(
        definitions("name: left, enter: cart.items > 0 and since(cart.last_activity) > 1 * HOUR")
    )
    live(lane, "kim", added(START_MS), erase(START_MS + MINUTE))
    assert lane.tick(START_MS + 2 * DAY) == []
    assert lane.counts().timers_fired == 0


def test_a_poison_record_after_it_does_not_bring_it_back():
    lane = Lane(CART)
    lane.put("kim", added(START_MS))
    lane.put("kim", erase(), b"\xc1", added(ERASED_MS - 1))
    assert customers(lane) == set()
    assert lane.counts().dead == 1


def test_a_restored_partition_refuses_the_same():
    lane = Lane(CART)
    live(lane, "kim", added(START_MS), erase())
    engine = lane.restored()
    record = lane.record("kim", added(ERASED_MS))
    assert engine.fold([record]).counts.erased == 1


def test_markers_of_a_secret_that_is_gone_are_no_start():
    lane = Lane(CART)
    lane.engine = keyed(b"old")
    lane.define(CART)
    live(lane, "kim", erase())
    markers = {k: v for k, v in lane.changelog.items() if k.startswith(ERASED_PREFIX)}
    assert markers.keys() == {ERASED_PREFIX + marker_of(b"kim", b"old")}
    for secrets, is_known in (((b"new",), False), ((b"new", b"old"), True)):
        engine = keyed(*secrets)
        for key, value in lane.changelog.items():
            engine.restore(key, value)
        if is_known:
            engine.restored()
            assert engine.fold([lane.record("kim", page(ERASED_MS))]).counts.erased == 1
        else:
            with pytest.raises(EngineStateError, match="SHOAL_ERASURE_KEY_FILE"):
                engine.restored()


def keyed(*secrets: bytes) -> PartitionEngine:
    return PartitionEngine(0, EngineSettings(shop="s", incarnation="1", erasure_secrets=secrets))


def test_an_alias_of_nobody_begins_a_row_and_decides_nothing():
    lane = Lane(CART)
    alias = Alias(source="device", time_ms=START_MS, received_ms=START_MS)
    assert lane.put("kim", alias) == []
    assert lane.row("kim").aliases == ["device"]
    assert META_KEY in lane.changelog


def former_markers(lane: Lane) -> Markers:
    """As a new run is given them, from the changelog of the former one."""
    prefix = len(ERASED_PREFIX)
    return Markers(
        packed={k[prefix:]: v for k, v in lane.changelog.items() if k.startswith(ERASED_PREFIX)}
    )


def test_a_new_run_refuses_whom_the_former_erased_and_a_replay_of_its_log_does_too():
    former, lane = Lane(CART), Lane(None)
    live(former, "kim", added(START_MS), erase())
    lane.put(None, former_markers(former))
    lane.define(CART)
    lane.put("kim", added(START_MS), stamp_ms=ERASED_MS)
    lane.put("kim", added(ERASED_MS + 1, "b"))
    assert [(one.time_ms, one.sequence) for one in lane.changes] == [(ERASED_MS + 1, 3)]
    assert lane.counts().erased == 1
    expect_counts_to_add_up(lane.counts())
    replayed = PartitionEngine(0, EngineSettings(shop="s"))
    effects = replayed.fold(lane.log)
    assert effects.changes == lane.changes
    assert lane.restored().erasure.markers == replayed.erasure.markers != {}


def test_of_a_marker_that_the_new_run_has_too_the_newer_one_counts():
    former = Lane(CART)
    live(former, "kim", added(START_MS), erase())
    for at_ms in (ERASED_MS - DAY, ERASED_MS + DAY):
        lane = Lane(CART)
        lane.put("kim", erase(at_ms, refuses=True))
        lane.put(None, former_markers(former))
        [marker] = lane.engine.erasure.markers.values()
        assert (marker.time_ms, marker.refuses) == (max(at_ms, ERASED_MS), at_ms > ERASED_MS)
        assert marker.sequence == 2


def test_a_new_run_without_the_secret_of_the_former_one_does_not_go_on():
    former = Lane(CART)
    former.engine = keyed(b"old")
    live(former, "kim", added(START_MS), erase())
    lane = Lane(None)
    lane.engine = keyed(b"new")
    with pytest.raises(UnreadableVersionError, match="put it back as a further line"):
        lane.put(None, former_markers(former))
    lane.engine = keyed(b"new", b"old")
    lane.put(None, former_markers(former))
    assert lane.engine.erasure.erased_ms(b"kim") == ERASED_MS
