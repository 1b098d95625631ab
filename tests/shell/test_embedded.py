import os
import select
import signal
import socket
import subprocess
import sys
from pathlib import Path

import pytest
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, TopicPartition

from stream.shell.embedded import EmbeddedBroker, EmbeddedBrokerError, find_binary

pytestmark = pytest.mark.skipif(
    sys.platform == "win32", reason="the embedded broker has no Windows build"
)


async def test_what_is_produced_is_consumed_with_key_value_and_headers():
    with EmbeddedBroker() as broker:
        producer = AIOKafkaProducer(bootstrap_servers=broker.address, acks="all")
        await producer.start()
        await producer.send_and_wait("t", b"value", key=b"key", partition=0, headers=[("h", b"1")])
        await producer.stop()
        consumer = AIOKafkaConsumer(bootstrap_servers=broker.address)
        await consumer.start()
        consumer.assign([TopicPartition("t", 0)])
        await consumer.seek_to_beginning()
        record = await consumer.getone()
        await consumer.stop()
    assert (record.key, record.value, record.headers) == (b"key", b"value", (("h", b"1"),))


def test_it_listens_on_loopback_alone_and_ends_with_its_block():
    with EmbeddedBroker() as broker:
        assert broker.address == f"127.0.0.1:{broker.port}"
        assert broker.is_alive()
    assert not broker.is_alive()
    with pytest.raises(ConnectionRefusedError):
        socket.create_connection(("127.0.0.1", broker.port), timeout=5)


def test_two_brokers_take_different_ports():
    with EmbeddedBroker() as one, EmbeddedBroker() as other:
        assert one.port != other.port


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux tells a child of its parent's end")
def test_it_does_not_outlive_a_killed_parent():
    code = (
        "from stream.shell.embedded import EmbeddedBroker\n"
        "broker = EmbeddedBroker(); broker.start(); print(broker.pid, flush=True); input()"
    )
    with subprocess.Popen(
        [sys.executable, "-c", code], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as parent:
        assert parent.stdout is not None
        watch = os.pidfd_open(int(parent.stdout.readline()))
        parent.send_signal(signal.SIGKILL)
        parent.wait(5)
    # A pidfd becomes readable when its process has ended.
    ended, _, _ = select.select([watch], [], [], 10)
    os.close(watch)
    assert ended == [watch]


def test_a_missing_program_is_said_with_what_to_do(monkeypatch: pytest.MonkeyPatch, tmp_path: Path):
    monkeypatch.setenv("CALF_TANSU_BIN", str(tmp_path / "nothing"))
    with pytest.raises(EmbeddedBrokerError, match="is not a program; unset it"):
        find_binary()
