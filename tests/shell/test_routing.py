from types import SimpleNamespace

from stream.clock import LATENESS_MS, NEVER_MS, rfc3339
from stream.engine.effects import StoredRecord
from stream.engine.meta import SourceState
from stream.engine.router import Router
from stream.shell.broker_time import BrokerTime
from stream.shell.routing import NOTHING_WRITTEN, Source

EVENT_MS = 1_795_000_000_000
APPEND_MS = EVENT_MS + 300


class Setting:
    """A source whose broker's time is the monotonic clock plus `AHEAD_MS`, and whose proof is
    what the test says."""

    ahead_ms = EVENT_MS - 50_000

    def __init__(self) -> None:
        self.proof = None
        now_s = 100.0
        broker_time = BrokerTime(lambda: now_s)
        broker_time.appended(self.ahead_ms + int(now_s * 1000))
        self.source = Source(Router(0, 4), broker_time, lambda: self.proof)

    def fetch(self, *times_ms: int, start: int = 0) -> None:
        backlog = self.source.backlog
        found = [
            StoredRecord(start + n, APPEND_MS + n, None, event(time_ms))
            for n, time_ms in enumerate(times_ms)
        ]
        backlog.add(found, backlog.reading)

    def prove(self, after: int | None, broker_ms: int) -> None:
        """The fetch that proved the end was sent at `broker_ms` of the broker's time."""
        self.proof = SimpleNamespace(after=after, sent_s=(broker_ms - self.ahead_ms) / 1000)


def event(time_ms: int) -> bytes:
    return (
        f'{{"type":"track","event":"Product Viewed","userId":"c","messageId":"{time_ms}",'
        f'"timestamp":"{rfc3339(time_ms)}"}}'
    ).encode()


def test_a_source_never_written_has_no_watermark():
    setting = Setting()
    setting.prove(None, APPEND_MS)
    assert setting.source.watermark_ms() == NOTHING_WRITTEN


def test_the_watermark_is_the_highest_event_time_less_the_lateness():
    setting = Setting()
    setting.fetch(EVENT_MS, EVENT_MS + 200, EVENT_MS + 100)
    setting.source.route(10, NEVER_MS)
    assert setting.source.watermark_ms() == EVENT_MS + 200 - LATENESS_MS


def test_idle_time_counts_up_to_when_the_proving_fetch_was_sent():
    setting = Setting()
    setting.fetch(EVENT_MS)
    setting.source.route(10, NEVER_MS)
    setting.prove(0, APPEND_MS + 7_000)
    assert setting.source.watermark_ms() == EVENT_MS + 7_000 - LATENESS_MS


def test_a_proof_from_before_the_last_record_counts_nothing():
    setting = Setting()
    setting.fetch(EVENT_MS)
    setting.source.route(10, NEVER_MS)
    setting.prove(0, APPEND_MS - 400)
    assert setting.source.watermark_ms() == EVENT_MS - LATENESS_MS


def test_a_proof_about_records_still_on_their_way_counts_nothing():
    setting = Setting()
    setting.fetch(EVENT_MS)
    setting.source.route(10, NEVER_MS)
    setting.prove(5, APPEND_MS + 7_000)
    assert setting.source.watermark_ms() == EVENT_MS - LATENESS_MS


def test_records_that_wait_for_their_batch_stop_idle_time():
    setting = Setting()
    setting.fetch(EVENT_MS)
    setting.source.route(10, NEVER_MS)
    setting.prove(0, APPEND_MS + 7_000)
    setting.fetch(EVENT_MS + 1, start=1)
    assert setting.source.watermark_ms() == EVENT_MS - LATENESS_MS


def test_after_a_restart_idle_time_counts_from_the_last_record_before_it():
    setting = Setting()
    state = SourceState(next_offset=9, max_time_ms=EVENT_MS, broker_ms=APPEND_MS)
    setting.source.resume(state)
    assert setting.source.watermark_ms() == EVENT_MS - LATENESS_MS
    setting.prove(None, APPEND_MS + 3_000)
    assert setting.source.watermark_ms() == EVENT_MS + 3_000 - LATENESS_MS


def test_an_event_past_the_limit_waits_but_has_been_seen():
    setting = Setting()
    setting.fetch(EVENT_MS - 90_000, EVENT_MS)
    routed = setting.source.route(10, EVENT_MS - 30_000)
    assert routed.consumed == 1
    assert not setting.source.is_ready(EVENT_MS - 30_000)
    assert setting.source.is_ready(EVENT_MS + 1)
    assert setting.source.watermark_ms() == EVENT_MS - LATENESS_MS
    assert setting.source.route(10, EVENT_MS + 1).consumed == 1


def test_the_state_to_keep_is_a_copy_that_later_routing_does_not_touch():
    setting = Setting()
    setting.fetch(EVENT_MS)
    setting.source.route(10, NEVER_MS)
    kept = setting.source.state()
    setting.fetch(EVENT_MS + 5, start=1)
    setting.source.route(10, NEVER_MS)
    assert (kept.next_offset, setting.source.state().next_offset) == (1, 2)


class EarlySetting(Setting):
    """Now is ten seconds after `EVENT_MS`, by the broker."""

    ahead_ms = EVENT_MS - 90_000


def test_a_fast_clients_clock_does_not_run_ahead_of_the_brokers():
    setting = EarlySetting()
    setting.fetch(EVENT_MS + 25_000)
    setting.source.route(10, NEVER_MS)
    assert setting.source.watermark_ms() == EVENT_MS + 10_000 - LATENESS_MS
