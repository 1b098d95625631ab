"""What happens to a worker when something around it breaks."""

import signal
import time

import pytest

from tests.kafka.installation import Installation, event, until
from tests.kafka.lines_first import ends_after

pytestmark = pytest.mark.kafka


def views(count: int, start: int = 0) -> list[bytes]:
    begin_ms = int(time.time() * 1000) - 10_000
    return [event(f"c-{n % 50}", n, begin_ms + n) for n in range(start, start + count)]


async def applied(place: Installation) -> int:
    return len([r for r in await place.read("customer-events") if r.key is not None])


async def test_a_broker_that_stays_away_ends_the_worker_with_an_error(own_kafka, tmp_path):
    place = Installation(own_kafka)
    try:
        await place.create()
        worker = place.start_worker(**ends_after(4, tmp_path))
        await until(worker.is_ready)
        own_kafka.pause()
        assert worker.wait() == 1
        assert "no progress for 4 s" in worker.log
    finally:
        place.end()


async def test_sigterm_commits_the_running_batches_and_leaves_the_group(place):
    await place.create()
    worker = place.start_worker()
    await until(worker.is_ready)
    await place.send("events", views(2_000))
    assert worker.terminate() == 0, worker.log
    before = await applied(place)
    second = place.start_worker()
    started_s = time.monotonic()
    await until(second.is_ready)
    # It had left: nobody waits for its session to end.
    assert time.monotonic() - started_s < place.settings.session_timeout_ms / 1000 + 30
    await until(lambda: _reaches(place, 2_000))
    assert second.terminate() == 0, second.log
    assert before <= 2_000 == await applied(place)


async def _reaches(place: Installation, count: int) -> bool:
    return await applied(place) >= count


async def test_poison_ends_in_dead_letters_with_where_it_came_from(place):
    await place.create()
    worker = place.start_worker()
    poison = [b"{", b'{"type":"track"}', b"\xff\xfe", b"[]"]
    await place.send("events", [*poison, *views(8)])

    async def letters():
        found = await place.read("dead-letters")
        return found if len(found) == 4 else None

    found = await until(letters)
    assert {letter.value for letter in found} == set(poison)
    for letter in found:
        headers = dict(letter.headers)
        assert headers["__shoal.errors.topic"].decode() == place.topic("events")
        assert headers["__shoal.errors.stage"] == b"decode"
        assert int(headers["__shoal.errors.partition"]) == letter.partition
        assert headers["__shoal.errors.offset"] == b"0"
        assert headers["__shoal.errors.reason"]
    await until(lambda: _reaches(place, 8))
    assert worker.terminate() == 0, worker.log


async def test_a_stopped_process_that_wakes_up_gives_its_partitions_up(place):
    await place.create()
    sleeper = place.start_worker()
    await until(sleeper.is_ready)
    sleeper.signal(signal.SIGSTOP)
    heir = place.start_worker()
    await until(lambda: heir.port() and heir.metrics().get("shoal_partitions_owned") == 4)
    await until(heir.is_ready)
    await place.send("events", views(400, start=400))
    await until(lambda: _reaches(place, 400))
    sleeper.signal(signal.SIGCONT)
    await until(lambda: sleeper.metrics()["shoal_partitions_owned"] == 2)
    await until(sleeper.is_ready)
    await until(heir.is_ready)
    await place.send("events", views(400))
    await until(lambda: _reaches(place, 800))
    # Who wakes up asks the group first: it does not shut out who has its partitions now.
    assert heir.metrics()["shoal_fenced_total"] == 0
    assert sleeper.terminate() == 0, sleeper.log
    assert heir.terminate() == 0, heir.log
    assert await applied(place) == 800
