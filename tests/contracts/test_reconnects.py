"""A client whose broker is gone asks less and less often, and finds it again when it is back."""

import asyncio
import math
import socket
import sys
import time
from collections.abc import AsyncIterator, Iterator

import pytest
from aiokafka.client import AIOKafkaClient
from aiokafka.errors import CoordinatorNotAvailableError, KafkaConnectionError
from aiokafka.structs import BrokerMetadata

from stream.shell import delivery
from stream.shell.broker_time import BrokerTime
from stream.shell.connection import new_producer
from stream.shell.delivery import PlainDelivery, TransactionalDelivery
from stream.shell.delivery_choice import has_transactions
from stream.shell.embedded import EmbeddedBroker
from stream.shell.reconnects import FIRST_WAIT_S, WAIT_MAX_S, await_brokers, calm_reconnects
from stream.shell.settings import Settings
from tests.kafka.fixtures import kafka

__all__ = ["kafka"]

NODE = 1


@pytest.fixture(autouse=True)
def calm() -> Iterator[None]:
    usual = AIOKafkaClient._get_conn, AIOKafkaClient.coordinator_lookup
    calm_reconnects()
    yield
    AIOKafkaClient._get_conn, AIOKafkaClient.coordinator_lookup = usual


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


async def test_a_cluster_that_names_no_broker_fails_an_assertion_and_then_is_one_to_wait_for():
    nameless = AIOKafkaClient(bootstrap_servers="127.0.0.1:1")
    AIOKafkaClient.coordinator_lookup = getattr(
        AIOKafkaClient.coordinator_lookup, "__wrapped__", AIOKafkaClient.coordinator_lookup
    )
    with pytest.raises(AssertionError, match="Did we not perform bootstrap"):
        await nameless.coordinator_lookup(0, "group")
    await_brokers()
    with pytest.raises(CoordinatorNotAvailableError) as told:
        await nameless.coordinator_lookup(0, "group")
    # Producers of transactions and members of groups ask again for such a one.
    assert told.value.retriable
    once = AIOKafkaClient.coordinator_lookup
    await_brokers()
    assert AIOKafkaClient.coordinator_lookup is once


@pytest.fixture
def settings() -> Iterator[Settings]:
    if sys.platform == "win32":
        pytest.skip("the embedded broker has no Windows build")
    with EmbeddedBroker() as broker:
        yield Settings(broker=broker.address, partitions=1)


def nameless_for(monkeypatch: pytest.MonkeyPatch, times: float) -> None:
    """The cluster names no broker so many times."""
    left = times
    usual = AIOKafkaClient.get_random_node

    def get_random_node(client: AIOKafkaClient) -> int | None:
        nonlocal left
        left -= 1
        return usual(client) if left < 0 else None

    monkeypatch.setattr(AIOKafkaClient, "get_random_node", get_random_node)


async def test_a_worker_that_starts_before_the_cluster_names_a_broker_asks_again(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
):
    nameless_for(monkeypatch, 3)
    assert await has_transactions(settings) is False  # the embedded broker's own answer


@pytest.mark.parametrize("kind", ["probe", "transactional", "plain"])
async def test_a_cluster_that_never_names_a_broker_is_one_that_is_not_there(
    settings: Settings, monkeypatch: pytest.MonkeyPatch, kind: str
):
    monkeypatch.setattr(delivery, "OPEN_TIMEOUT_S", 0.3)
    nameless_for(monkeypatch, math.inf)
    if kind == "plain":
        # It looks no coordinator up: what it waits for is the bootstrap alone.
        opened = PlainDelivery(settings, BrokerTime(), [])
        await opened.open()
        await opened.close()
        return
    opening = (
        has_transactions(settings)
        if kind == "probe"
        else TransactionalDelivery(settings, "0", BrokerTime()).open()
    )
    with pytest.raises(KafkaConnectionError, match="no producer could begin within"):
        await opening


async def test_a_producer_waits_for_brokers_in_a_command_too(settings: Settings):
    producer = new_producer(settings)
    assert AIOKafkaClient.coordinator_lookup.is_patient
    await producer.stop()
