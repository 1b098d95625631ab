"""Real child processes, small ones: what they do is in their source."""

import asyncio
import contextlib
import os
import select
import signal
import subprocess
import sys
from collections.abc import AsyncIterator, Callable
from pathlib import Path

import pytest

from stream.shell.child import start_child
from stream.shell.process_metrics import ProcessMetrics
from stream.shell.processes import Patience, Processes, ProcessesFailedError

OBEDIENT = """
import signal, sys
signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
print("here", flush=True)
while True: signal.pause()
"""
STUBBORN = OBEDIENT.replace("lambda *_: sys.exit(0)", "signal.SIG_IGN")
UNTIDY = OBEDIENT.replace("sys.exit(0)", "sys.exit(3)")
MORTAL = "print('my disk is full', flush=True); raise SystemExit(70)"
MISUSED = "print('no such setting', flush=True); raise SystemExit(2)"

QUICK = Patience(stop=30, pause=0.01, pause_max=0.02, steady=600, deaths_max=3, silent=600)


class Nursery:
    """Starts children from their sources and keeps what they say."""

    def __init__(self, *sources: str, patience: Patience = QUICK) -> None:
        self.said: list[bytes] = []
        self.metrics = ProcessMetrics()
        self.started: dict[int, list[subprocess.Popen[bytes]]] = {
            n: [] for n in range(len(sources))
        }
        self._sources = sources
        self.all = Processes(len(sources), self._start, self.said.append, patience, self.metrics)

    def _start(self, number: int) -> subprocess.Popen[bytes]:
        command = [sys.executable, "-I", "-S", "-c", self._sources[number]]
        child = start_child(command, output=subprocess.PIPE)
        self.started[number].append(child)
        return child

    def heard(self, line: bytes) -> int:
        return self.said.count(line)

    def sample(self, name: str, number: int) -> float | None:
        return self.metrics.registry.get_sample_value(name, {"process": str(number)})

    def are_gone(self) -> bool:
        return all(c.poll() is not None for lives in self.started.values() for c in lives)


async def until(claim: Callable[[], bool]) -> None:
    async with asyncio.timeout(30):
        while True:
            if claim():
                return
            await asyncio.sleep(0.005)


async def answering(_: int) -> bool:
    return True


@contextlib.asynccontextmanager
async def running(nursery: Nursery) -> AsyncIterator[asyncio.Task[None]]:
    run = asyncio.create_task(nursery.all.run(answering))
    try:
        yield run
    finally:
        nursery.all.stop()
        with contextlib.suppress(ProcessesFailedError):
            await run


async def test_all_run_and_all_end_when_asked():
    nursery = Nursery(OBEDIENT, OBEDIENT)
    async with running(nursery) as run:
        await until(lambda: len(nursery.said) == 2)
        assert sorted(nursery.said) == [b"process=0 here\n", b"process=1 here\n"]
        assert [nursery.all.absence(n) for n in (0, 1)] == [None, None]
        assert nursery.sample("shoal_process_up", 1) == 1
        nursery.all.stop()
        await run
    assert nursery.are_gone()
    assert [lives[0].returncode for lives in nursery.started.values()] == [0, 0]
    assert nursery.sample("shoal_process_up", 1) == 0


async def test_who_is_killed_is_started_again_and_the_other_is_left_alone():
    nursery = Nursery(OBEDIENT, OBEDIENT)
    async with running(nursery):
        await until(lambda: len(nursery.said) == 2)
        nursery.started[0][0].send_signal(signal.SIGKILL)
        await until(lambda: nursery.heard(b"process=0 here\n") == 2)
        assert nursery.started[0][0].returncode == -signal.SIGKILL
        assert nursery.all.absence(0) is None
        assert nursery.sample("shoal_process_restarts_total", 0) == 1
        assert nursery.sample("shoal_process_restarts_total", 1) == 0
        assert len(nursery.started[1]) == 1
    assert nursery.are_gone()


async def test_who_keeps_dying_ends_them_all_with_its_last_words():
    nursery = Nursery(OBEDIENT, MORTAL)
    told = r"process 1 ended with exit code 70 3 times in a row: my disk is full"
    with pytest.raises(ProcessesFailedError, match=told):
        await nursery.all.run(answering)
    assert nursery.are_gone()
    assert (len(nursery.started[0]), len(nursery.started[1])) == (1, 3)


async def test_a_steady_life_makes_a_death_the_first_again():
    patience = Patience(pause=0.01, pause_max=0.01, steady=0.0, deaths_max=2)
    nursery = Nursery(MORTAL, patience=patience)
    async with running(nursery) as run:
        await until(lambda: len(nursery.started[0]) > 5)
        assert not run.done()


async def test_a_wrong_call_is_not_tried_again():
    nursery = Nursery(MISUSED)
    with pytest.raises(ProcessesFailedError, match="ended with exit code 2: no such") as failed:
        await nursery.all.run(answering)
    assert len(nursery.started[0]) == 1
    assert failed.value.exit_code == 2


async def test_who_does_not_end_is_killed_when_the_patience_is_over_and_that_is_no_success():
    patience = Patience(stop=0.05)
    nursery = Nursery(STUBBORN, OBEDIENT, patience=patience)
    async with running(nursery) as run:
        await until(lambda: len(nursery.said) == 2)
        nursery.all.stop()
        with pytest.raises(ProcessesFailedError, match="process 0 did not end within"):
            await run
    assert nursery.started[0][0].returncode == -signal.SIGKILL
    assert nursery.are_gone()


async def test_an_end_by_an_error_when_asked_to_end_is_no_success():
    nursery = Nursery(UNTIDY)
    async with running(nursery) as run:
        await until(lambda: len(nursery.said) == 1)
        nursery.all.stop()
        with pytest.raises(ProcessesFailedError, match="ended with exit code 3 when asked to end"):
            await run


async def test_being_asked_to_end_cuts_the_pause_short():
    nursery = Nursery(MORTAL, patience=Patience(pause=600, pause_max=600))
    async with running(nursery) as run:
        await until(lambda: "starts again within 600 s" in (nursery.all.absence(0) or ""))
        nursery.all.stop()
        async with asyncio.timeout(30):
            await run
    assert len(nursery.started[0]) == 1


async def test_who_answers_nothing_is_killed_and_started_again():
    nursery = Nursery(OBEDIENT, patience=Patience(pause=0.01, silent=0.0, probe=0.01))

    async def second_life_answers(number: int) -> bool:
        return len(nursery.started[number]) > 1

    run = asyncio.create_task(nursery.all.run(second_life_answers))
    await until(lambda: len(nursery.started[0]) == 2)
    await until(lambda: nursery.heard(b"process=0 here\n") >= 1)
    nursery.all.stop()
    await run
    assert nursery.started[0][0].returncode == -signal.SIGKILL


async def test_a_question_that_fails_is_said_and_counts_as_no_answer(caplog):
    nursery = Nursery(OBEDIENT, patience=Patience(pause=0.01, silent=0.0, probe=0.01))

    async def first_life_cannot_be_asked(number: int) -> bool:
        if len(nursery.started[number]) == 1:
            raise ValueError("no such page")
        return True

    run = asyncio.create_task(nursery.all.run(first_life_cannot_be_asked))
    await until(lambda: len(nursery.started[0]) == 2)
    nursery.all.stop()
    await run
    assert nursery.started[0][0].returncode == -signal.SIGKILL
    assert "process 0 could not be asked: ValueError('no such page')" in caplog.text


async def test_a_long_line_is_cut_and_an_unfinished_one_is_passed_on():
    nursery = Nursery("print('x' * 20000); print('end', end=''); raise SystemExit(2)")
    with pytest.raises(ProcessesFailedError, match="exit code 2: end"):
        await nursery.all.run(answering)
    mark = b"process=0 "
    assert [line[: len(mark)] for line in nursery.said] == [mark] * 3
    texts = [line.removeprefix(mark) for line in nursery.said]
    assert texts == [b"x" * 16384 + b"\n", b"x" * 3616 + b"\n", b"end\n"]


@pytest.mark.skipif(sys.platform != "linux", reason="Linux ends children with their parent")
def test_no_child_outlives_a_parent_that_is_killed(tmp_path: Path):
    source = f"""
import asyncio, subprocess, sys
from stream.shell.child import start_child
from stream.shell.process_metrics import ProcessMetrics
from stream.shell.processes import Patience, Processes

def start(number):
    child = start_child([sys.executable, "-S", "-c", {OBEDIENT!r}], output=subprocess.PIPE)
    print(child.pid, flush=True)
    return child

async def answers(number):
    return True

asyncio.run(Processes(2, start, lambda line: None, Patience(), ProcessMetrics()).run(answers))
"""
    with subprocess.Popen([sys.executable, "-c", source], stdout=subprocess.PIPE) as parent:
        assert parent.stdout is not None
        children = [int(parent.stdout.readline()) for _ in range(2)]
        watched = [os.pidfd_open(child) for child in children]
        parent.kill()
    for handle in watched:
        gone = select.select([handle], [], [], 30)[0]
        os.close(handle)
        assert gone, "a child outlived its parent"
