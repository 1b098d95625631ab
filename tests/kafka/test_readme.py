"""The consumer that the README offers works as it is pasted."""

from __future__ import annotations

import asyncio
import re
import subprocess
import sys
import time
from pathlib import Path

import pytest

from stream.shell.embedded import EmbeddedBroker
from tests.kafka.installation import event
from tests.kafka.pipeline import Pipeline


@pytest.fixture
def consumer(project_root: Path, tmp_path: Path) -> Path:
    """The README's Python, in a file."""
    readme = (project_root / "README.md").read_text(encoding="utf-8")
    blocks = re.findall(r"```python\n(.*?)```", readme, re.DOTALL)
    (found,) = [block for block in blocks if "AIOKafkaConsumer" in block]
    path = tmp_path / "consumer.py"
    path.write_text(found, encoding="utf-8")
    return path


def test_the_readmes_consumer_prints_changes(consumer: Path) -> None:
    with EmbeddedBroker() as broker:
        pipeline = Pipeline(broker, topic_prefix="")
        asyncio.run(pipeline.create())
        process = subprocess.Popen(
            [sys.executable, "-u", str(consumer)],
            env=pipeline.environment(),
            stdout=subprocess.PIPE,
            text=True,
        )
        try:
            pipeline.work()
            now = [(b"anna", event("anna", n, _now_ms() - 1000 + n)) for n in range(3)]
            asyncio.run(pipeline.send_keyed(now, history_ends=True))
            assert process.stdout is not None
            line = process.stdout.readline()
            assert line.startswith("anna shoal.segment.entered new_visitor [{'leaf': ")
        finally:
            process.kill()
            process.communicate()
            pipeline.end()


def _now_ms() -> int:
    return int(time.time() * 1000)
