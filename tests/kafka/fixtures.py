"""Fixtures on one real broker for the whole run; import them by name where they are needed."""

from __future__ import annotations

import atexit
from collections.abc import Iterator
from functools import cache

import pytest

from tests.kafka.broker import Broker, discard, new_broker
from tests.kafka.installation import Installation


@cache
def shared_broker() -> Broker:
    """The run's broker, started when the first test asks for it."""
    broker = new_broker()
    atexit.register(discard, broker)
    return broker.start()


@pytest.fixture(scope="session")
def kafka() -> Broker:
    """A real broker that every test may use and none may stop."""
    return shared_broker()


@pytest.fixture
def own_kafka() -> Iterator[Broker]:
    """A real broker that the test may do anything to."""
    broker = new_broker()
    try:
        yield broker.start()
    finally:
        discard(broker)


@pytest.fixture
def place(kafka: Broker) -> Iterator[Installation]:
    """An installation of its own on the run's broker; its workers end with the test."""
    installation = Installation(kafka)
    try:
        yield installation
    finally:
        installation.end()
