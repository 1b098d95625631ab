"""A client whose broker is gone asks less and less often, and finds it again when it is back."""

import asyncio
import socket
import time
from collections.abc import AsyncIterator, Iterator

import pytest
from aiokafka.client import AIOKafkaClient
from aiokafka.structs import BrokerMetadata

from stream.shell.reconnects import FIRST_WAIT_S, WAIT_MAX_S, calm_reconnects
from tests.kafka.fixtures import kafka

__all__ = ["kafka"]

NODE = 1


@pytest.fixture(autouse=True)
def calm() -> Iterator[None]:
    usual = AIOKafkaClient._get_conn
    calm_reconnects()
    yield
    AIOKafkaClient._get_conn = usual


@pytest.fixture
def port() -> Iterator[int]:
    """Of an address that nobody listens at."""
    with socket.socket() as held:
        held.bind(("127.0.0.1", 0))
        yield held.getsockname()[1]


@pytest.fixture
async def client(port: int) -> AsyncIterator[AIOKafkaClient]:
    """One that knows the address as a node's."""
    found = AIOKafkaClient(bootstrap_servers=f"127.0.0.1:{port}")
    found.cluster._brokers[NODE] = BrokerMetadata(NODE, "127.0.0.1", port, None)
    yield found
    await found.close()


async def refused(client: AIOKafkaClient, times: int) -> float:
    """Seconds that so many attempts take."""
    started_s = time.monotonic()
    for _ in range(times):
        assert await client._get_conn(NODE) is None
    return time.monotonic() - started_s


async def test_the_wait_doubles_with_each_refusal(client):
    # Five attempts have four waits between them.
    assert await refused(client, 5) >= (1 + 2 + 4 + 8) * FIRST_WAIT_S


async def test_many_that_ask_at_once_count_as_one_refusal(client):
    await asyncio.gather(*(refused(client, 1) for _ in range(20)))
    started_s = time.monotonic()
    await refused(client, 1)
    assert time.monotonic() - started_s < WAIT_MAX_S


async def test_another_node_is_not_waited_for(client, port):
    client.cluster._brokers[2] = BrokerMetadata(2, "127.0.0.1", port, None)
    for _ in range(4):
        await refused(client, 1)
    started_s = time.monotonic()
    assert await client._get_conn(2) is None
    assert time.monotonic() - started_s < 8 * FIRST_WAIT_S


@pytest.mark.kafka
async def test_a_node_that_is_reached_again_is_as_if_it_had_never_been_gone(client, port, kafka):
    await refused(client, 5)
    client.cluster._brokers[NODE] = BrokerMetadata(NODE, "127.0.0.1", kafka.port, None)
    connection = await client._get_conn(NODE)
    assert connection is not None
    connection.close()
    client.cluster._brokers[NODE] = BrokerMetadata(NODE, "127.0.0.1", port, None)
    started_s = time.monotonic()
    await refused(client, 1)
    assert time.monotonic() - started_s < 8 * FIRST_WAIT_S


def test_wrapping_twice_is_wrapping_once():
    once = AIOKafkaClient._get_conn
    calm_reconnects()
    assert AIOKafkaClient._get_conn is once
