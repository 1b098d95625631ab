"""Two workers whom the group has told, each of them, that the same partition is theirs."""

import asyncio

from stream.shell.owner import OwnerFailedError
from tests.simulation.chaos.chaos_round import EPOCH_MS, Round, on_memory
from tests.simulation.chaos.virtual_time import VirtualLoop, run_virtually
from tests.simulation.chaos.worker_process import WorkerProcess


async def _split(loop: VirtualLoop) -> tuple[list[WorkerProcess], list[WorkerProcess], float]:
    """Who has ended after two minutes, who goes on, and how often that one then commits."""
    stage = Round(3, 10, loop)
    stage.has_disks = False
    with on_memory(stage):
        workers = [stage.new_worker(), stage.new_worker()]
        for worker in workers:
            await worker.assign({0}, worker is workers[0], 1)
        await asyncio.sleep(120)
        gone = [worker for worker in workers if worker.machine.is_dead]
        left = [worker for worker in workers if worker not in gone]
        before = sum(map(_batches, left))
        await asyncio.sleep(30)
        more = sum(map(_batches, left)) - before
        for worker in left:
            await worker.stop()
    return gone, left, more


def _batches(worker: WorkerProcess) -> float:
    return worker.metrics.registry.get_sample_value("shoal_commit_seconds_count") or 0


def test_one_of_the_two_ends_and_the_other_works_on():
    (gone,), (left,), more = run_virtually(_split, EPOCH_MS)
    assert isinstance(gone.failure, OwnerFailedError)
    assert "lost touch with the group" in str(gone.failure)
    assert left.failure is None
    assert more > 0
