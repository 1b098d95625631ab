import argparse
import socket

import pytest

from stream.cli.failure import CommandFailedError
from stream.cli.main import main
from stream.cli.worker_processes import AUTO, count_processes, processes_wanted


@pytest.mark.parametrize("text", ["0", "-1", "two", "1.5", ""])
def test_a_number_of_processes_is_one_or_more_or_auto(text):
    with pytest.raises(argparse.ArgumentTypeError, match="neither a number from 1 nor auto"):
        processes_wanted(text)


def test_auto_is_one_a_core_and_no_more_than_partitions(caplog):
    assert count_processes(AUTO, partitions=8, cores=4) == 4
    assert not caplog.records
    assert count_processes(AUTO, partitions=8, cores=64) == 8
    assert "64 cores, but 8 partitions" in caplog.text


def test_as_many_as_are_asked_for_are_started_however_few_cores_there_are():
    assert count_processes(6, partitions=8, cores=2) == 6
    assert count_processes(8, partitions=8, cores=2) == 8


def test_more_than_partitions_is_refused_with_what_to_do(monkeypatch, capsys):
    monkeypatch.setenv("SHOAL_PARTITIONS", "4")
    assert main(["worker", "--processes", "5"]) == 2
    told = capsys.readouterr().err
    assert "there are 4 partitions" in told
    assert "so that 1 would stand idle" in told
    assert "use at most 4 on all machines together" in told


def test_a_port_that_is_taken_ends_it_before_a_process_is_started(monkeypatch, capsys):
    with socket.create_server(("127.0.0.1", 0)) as taken:
        monkeypatch.setenv("SHOAL_HTTP_PORT", str(taken.getsockname()[1]))
        assert main(["worker", "--processes", "2"]) == 1
    assert "SHOAL_HTTP_PORT: 127.0.0.1:" in capsys.readouterr().err


def test_the_error_carries_its_exit_code():
    with pytest.raises(CommandFailedError) as refused:
        count_processes(9, partitions=8, cores=2)
    assert refused.value.exit_code == 2
