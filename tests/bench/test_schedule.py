"""Schedules, stamps, quantiles: what latencies are computed from."""

from __future__ import annotations

from itertools import islice, pairwise

from stream.events.envelope import decode
from stream.state.codec import pack, unpack
from stream.state.row import Row
from tests.bench.clones import cloned, suffix, templates, with_suffix
from tests.bench.generator import PROBE_PATIENCE_MS, Sent, Task, probes, traffic
from tests.bench.latency import matched
from tests.bench.log import LogPlan
from tests.bench.options import Mix
from tests.bench.schedule import at_present, by_window, due_ms, opening_of, quantile, told_quantiles

PLAN = LogPlan(400, 20, Mix(malformed=0.05, late=0.1))
START_MS = 1_800_000_000_000


def test_the_pace_is_constant_and_never_early():
    dues = [due_ms(START_MS, 5_000, number) for number in range(10_001)]
    assert dues[0] == START_MS
    assert dues[-1] == START_MS + 2_000
    assert all(0 <= later - earlier <= 1 for earlier, later in pairwise(dues))


def test_an_event_at_present_has_that_event_time_and_lateness():
    good = [e for e in PLAN.simulated() if e.fault is None]
    for event in islice(good, 50):
        opening = opening_of(event)
        assert opening is not None
        decoded = decode(at_present(opening, START_MS, 90_000), START_MS + 100_000, None)
        assert (decoded.time_ms, decoded.received_ms) == (START_MS, START_MS + 90_000)
        assert decoded.key == event.key.decode()


def test_broken_events_are_sent_as_they_are():
    broken = [e for e in PLAN.simulated() if e.fault and e.fault.startswith("malformed")]
    assert broken
    assert {opening_of(event) for event in broken} == {None}


def test_a_clone_event_decodes_to_the_clones_id():
    for event in islice((e for e in PLAN.simulated() if e.fault is None), 100):
        decoded = decode(with_suffix(event.value, suffix(7)), START_MS, None)
        assert decoded.key == event.key.decode() + "~00007"
        assert all(end.endswith("~00007") for link in decoded.links for end in link)


def test_a_cloned_row_points_to_the_clones_of_others():
    plain, moved = Row(events=3), Row(forward_to="c9", targets=[("c9", 5)], aliases=["a"])
    rows = templates({b"p": pack(plain), b"m": pack(moved)})
    found = dict(cloned(rows, 12))
    assert set(found) == {b"p~00012", b"m~00012"}
    assert unpack(found[b"p~00012"]) == plain
    row = unpack(found[b"m~00012"])
    assert (row.forward_to, row.targets, row.aliases) == (
        "c9~00012",
        [("c9~00012", 5)],
        ["a~00012"],
    )


def test_clones_of_a_row_do_not_share_memory():
    rows = templates({b"p": pack(Row())})
    (_, first), (_, second) = *cloned(rows, 1), *cloned(rows, 2)
    assert first == second
    assert first is not second


def test_probes_are_due_at_their_instants_and_ask_for_half_an_hour_earlier():
    task = Task(
        broker="", plan=PLAN, start_ms=START_MS, rate=100, seconds=20, probes_per_s=4,
        probes_from_ms=START_MS + 10_000,
    )  # fmt: skip
    found = probes(task)
    assert len(found) == 40
    assert [item.probe_at_ms for item in found[:3]] == [
        START_MS + 10_000 + n for n in (0, 250, 500)
    ]
    decoded = decode(found[0].opening, START_MS, None)
    assert decoded.time_ms == found[0].probe_at_ms - PROBE_PATIENCE_MS
    assert len({item.key for item in found}) == 40
    assert len(traffic(task)) == 400


def change(subject: str, time: str, cause: str, segment: str = "regular", at: str = "") -> bytes:
    late = f',"at":"{at}"' if at else ""
    data = f'{{"cause":"{cause}","segment":"{segment}"{late}}}'
    return f'{{"subject":"{subject}","time":"{time}","data":{data}}}'.encode()


def test_changes_are_matched_with_what_caused_them():
    sent = Sent(
        keys=[b"a", b"b", b"b"], due_ms=[1_000, 2_000, 3_000], append_ms=[1_004, 2_010, 3_001],
        send_lag_ms=[0.1, 0.2, 0.3], probe_due_ms=[2_500, 2_600],
    )  # fmt: skip
    heard = [
        (1_050.0, change("a", "1970-01-01T00:00:01.000Z", "event")),
        (2_080.0, change("b", "1970-01-01T00:00:02.000Z", "event")),
        (2_090.0, change("c", "1970-01-01T00:00:02.000Z", "event")),  # b's event, forwarded
        (3_040.0, change("b", "1970-01-01T00:00:02.999Z", "event")),  # of nobody's event
        (3_050.0, change("b", "1970-01-01T00:00:03.000Z", "event", at="1970-01-01T00:00:02.000Z")),
        (9_000.0, change("b", "1970-01-01T00:00:03.000Z", "merge")),
        (7_700.0, change("probe-0", "1970-01-01T00:00:02.500Z", "timer", "abandoned_checkout")),
        (7_700.0, change("probe-0", "1970-01-01T00:00:02.500Z", "timer", "new_visitor")),
    ]
    found = matched(heard, sent, from_ms=1_500)
    assert found.events == [(2_000, 80.0), (2_000, 90.0)]  # the first was still the warm-up
    assert found.behind == [70.0]
    assert found.timers == [(2_500, 5_200.0)]
    assert found.facts["changes left out"] == 2
    assert found.facts["timers never seen"] == 1
    assert found.doubts


def test_quantiles_are_values_that_were_seen():
    values = [float(n) for n in range(1, 1_001)]
    assert quantile(values, 0.5) == 500.0
    assert quantile(values, 0.99) == 990.0
    assert quantile(values, 0.999) == 999.0
    assert quantile([7.0], 0.999) == 7.0


def test_a_quantile_is_told_when_there_are_samples_beyond_it():
    assert set(told_quantiles(3_000)) == {"p50", "p99", "p99.9"}
    assert set(told_quantiles(2_999)) == {"p50", "p99"}
    assert set(told_quantiles(299)) == {"p50"}
    assert not told_quantiles(3)


def test_windows_are_thirds_of_the_span():
    samples = [(float(n), float(n // 10)) for n in range(30)]
    assert by_window(samples, 0.5) == [0.0, 1.0, 2.0]
    assert by_window([(5.0, 1.0)], 0.5) == [1.0]
