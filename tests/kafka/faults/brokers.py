"""Faults of the broker and of the way to it."""

from __future__ import annotations

import asyncio

from tests.kafka.faults.round import SESSION_MS, Kind, Round

BEYOND_SESSION_S = SESSION_MS / 1000 + 2.0


async def kill_broker(round_: Round) -> None:
    """The broker is killed and started again, at once or after a while."""
    await round_.sent(round_.random.uniform(0.1, 0.5))
    round_.broker.kill()
    await asyncio.sleep(round_.random.choice((0.0, 2.0, BEYOND_SESSION_S)))
    round_.broker.start()


async def restart_broker(round_: Round) -> None:
    """The broker is shut down in good order and started again."""
    await round_.sent(round_.random.uniform(0.1, 0.5))
    round_.broker.stop()
    round_.broker.start()


async def freeze_broker(round_: Round) -> None:
    """The broker stands still, beyond all sessions, with every connection open."""
    await round_.sent(round_.random.uniform(0.1, 0.5))
    round_.broker.pause()
    await asyncio.sleep(BEYOND_SESSION_S)
    round_.broker.resume()


async def kill_both(round_: Round) -> None:
    """The broker and a worker are killed together."""
    await round_.sent(round_.random.uniform(0.1, 0.5))
    round_.kill(round_.pick())
    round_.broker.kill()
    round_.broker.start()
    await round_.start()


async def cut(round_: Round) -> None:
    """One worker's connections are reset and refused, for less or more than its session."""
    await round_.sent(round_.random.uniform(0.1, 0.5))
    round_.proxy.cut()
    await asyncio.sleep(round_.random.choice((0.5, BEYOND_SESSION_S)))
    round_.proxy.heal()


async def resets(round_: Round) -> None:
    """All workers' connections are reset again and again."""
    for _ in range(8):
        await round_.sent(0.05)
        round_.proxy.reset()
        await asyncio.sleep(round_.random.uniform(0.1, 0.5))


async def silence(round_: Round) -> None:
    """Nothing comes through for longer than the session, and then what was sent before does."""
    await round_.sent(round_.random.uniform(0.1, 0.5))
    round_.proxy.silence()
    await asyncio.sleep(BEYOND_SESSION_S)
    round_.proxy.heal()


async def lost_answers(round_: Round) -> None:
    """The broker does what it is asked, and no answer arrives before the connection is reset."""
    for _ in range(3):
        await round_.sent(0.05)
        round_.proxy.deafen()
        await asyncio.sleep(round_.random.uniform(0.05, 1.0))
        round_.proxy.reset()
        round_.proxy.heal()
        await asyncio.sleep(round_.random.uniform(0.5, 1.0))


async def slow(round_: Round) -> None:
    """Each 16 KB of a connection take 20 to 150 ms, one worker's or both workers'."""
    await round_.sent(0.1)
    round_.proxy.slow(round_.random.uniform(0.02, 0.15))
    await round_.sent(0.9)


KINDS = (
    Kind("broker killed", "SIGKILL of the broker, up again after 0, 2 or 5 s", kill_broker),
    Kind("broker restarted", "SIGTERM of the broker, and up again", restart_broker),
    Kind("broker frozen", "SIGSTOP of the broker beyond all sessions", freeze_broker),
    Kind("both killed", "SIGKILL of a worker and of the broker together", kill_both),
    Kind("cut", "one of two workers cut off, for 0.5 s or beyond its session", cut, proxied=1),
    Kind("resets", "every connection reset, eight times", resets, proxied=2),
    Kind("silence", "packets held beyond the session, and then delivered", silence, proxied=1),
    Kind("lost answers", "requests arrive, answers never do", lost_answers, proxied=2),
    Kind("slow", "20 to 150 ms for each 16 KB of a connection", slow, proxied=1),
)
