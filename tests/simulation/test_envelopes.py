from __future__ import annotations

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from stream.clock import MINUTE_MS, instant_ms, rfc3339
from stream.simulation.envelopes import KINDS, OPENINGS, close, money, stamp

instants = st.integers(0, 4_000_000_000_000)


@given(instants)
def test_a_stamp_is_the_instant_as_the_clock_writes_it(time_ms: int):
    assert stamp(time_ms).decode() == rfc3339(time_ms)


@given(
    created_ms=instants,
    queued_ms=st.integers(0, 3 * MINUTE_MS),
    latency_ms=st.integers(0, 5_000),
    skew_ms=st.sampled_from([0, 0, -90_000, 1, 40_000_000]),
)
def test_the_end_of_an_event_corrects_the_clients_clock(
    created_ms: int, queued_ms: int, latency_ms: int, skew_ms: int
):
    created_ms += 50_000_000
    sent_ms = created_ms + queued_ms
    received_ms = sent_ms + latency_ms
    told = orjson.loads(
        b'{"originalTimestamp":"' + close(created_ms, sent_ms, received_ms, skew_ms)
    )
    at = {name: instant_ms(text) for name, text in told.items()}
    assert at["originalTimestamp"] == created_ms + skew_ms
    assert at["sentAt"] == sent_ms + skew_ms
    assert at["receivedAt"] == received_ms
    assert at["timestamp"] == at["receivedAt"] - (at["sentAt"] - at["originalTimestamp"])


@given(st.integers(-(10**12), 10**12))
def test_money_is_exact(cents: int):
    whole, _, fraction = money(cents).decode().partition(".")
    assert int(whole + fraction) == cents
    assert len(fraction) == 2


@pytest.mark.parametrize("channel", sorted(OPENINGS))
def test_every_kind_opens_in_every_channel(channel: str):
    assert set(OPENINGS[channel]) == set(KINDS)
    for kind, opening in OPENINGS[channel].items():
        told = orjson.loads(b'{"context":{' + opening + b"}}")
        assert told["type"] in {"track", "page", "screen", "identify", "alias"}
        assert kind in {told.get("event"), f"page {told.get('name')}", told["type"]}
