"""A producer is closed in a bounded time, and how its client ends is nobody else's affair."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from types import SimpleNamespace

import pytest
from aiokafka.errors import KafkaError

from stream.shell import delivery
from stream.shell.delivery import close_producer


async def hangs() -> None:
    await asyncio.get_running_loop().create_future()


async def is_cancelled() -> None:
    future = asyncio.get_running_loop().create_future()
    future.cancel()
    await future


async def fails() -> None:
    raise KafkaError("closed before")


@pytest.mark.parametrize("stop", [hangs, fails])
@pytest.mark.parametrize("close", [hangs, is_cancelled, fails])
async def test_who_closes_a_producer_goes_on_soon_and_is_not_cancelled(
    monkeypatch: pytest.MonkeyPatch,
    stop: Callable[[], Awaitable[None]],
    close: Callable[[], Awaitable[None]],
):
    monkeypatch.setattr(delivery, "CLOSE_TIMEOUT_S", 0.01)
    client = SimpleNamespace(close=close)
    own = {"_txn_manager": None, "_sender": object(), "_message_accumulator": object()}
    producer = SimpleNamespace(stop=stop, client=client, **own)
    closing = asyncio.create_task(close_producer(producer))
    done, _ = await asyncio.wait([closing], timeout=10)
    assert done
    assert not closing.cancelled()
    assert closing.exception() is None
