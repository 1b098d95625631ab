"""A bad network: a TCP proxy before the broker that can be slow, silent, deaf or cut.

It has a thread and an event loop of its own, so that it goes on while a round waits for something.
"""

from __future__ import annotations

import asyncio
import contextlib
import threading
from collections.abc import Coroutine
from typing import Any

CHUNK_BYTES = 16 << 10
START_TIMEOUT_S = 10.0


class Proxy:
    """Listens on `port` of loopback and passes everything on to `target_port` there.

    The target may be set later: nobody is let in before.
    """

    def __init__(self) -> None:
        self.port = 0
        self.target_port = 0
        self.connections_accepted = 0
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name="proxy", daemon=True)
        self._writers: set[asyncio.StreamWriter] = set()
        self._is_cut = False
        self._chunk_delay_s = 0.0
        self._asks: asyncio.Event
        self._answers: asyncio.Event
        self._server: asyncio.Server

    def __enter__(self) -> Proxy:
        self._thread.start()
        self._run(self._listen())
        return self

    def __exit__(self, *_: object) -> None:
        self.cut()
        self._run(self._close())
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(START_TIMEOUT_S)
        self._loop.close()

    @property
    def address(self) -> str:
        return f"127.0.0.1:{self.port}"

    # Its faults; each holds until `heal`

    def cut(self) -> None:
        """Reset every connection, and each new one at once."""
        self._run(self._cut())

    def reset(self) -> None:
        """Reset every connection; new ones are let through."""
        self._run(self._reset())

    def slow(self, chunk_delay_s: float) -> None:
        """Hold up each 16 KB of a connection, either way, so long: latency and little bandwidth."""
        self._chunk_delay_s = chunk_delay_s

    def silence(self) -> None:
        """Let nothing through either way; connections stay, and what was sent comes later."""
        self._run(self._gate(asks=False, answers=False))

    def deafen(self) -> None:
        """Let requests through and hold the answers: what they did is not known."""
        self._run(self._gate(asks=True, answers=False))

    def heal(self) -> None:
        """Be a good network again."""
        self._is_cut, self._chunk_delay_s = False, 0.0
        self._run(self._gate(asks=True, answers=True))

    # Its means

    def _run(self, work: Coroutine[Any, Any, None]) -> None:
        asyncio.run_coroutine_threadsafe(work, self._loop).result(START_TIMEOUT_S)

    async def _listen(self) -> None:
        self._asks, self._answers = asyncio.Event(), asyncio.Event()
        await self._gate(asks=True, answers=True)
        self._server = await asyncio.start_server(self._accept, "127.0.0.1", 0)
        self.port = self._server.sockets[0].getsockname()[1]

    async def _close(self) -> None:
        self._server.close()
        mine = asyncio.current_task()
        others = [task for task in asyncio.all_tasks() if task is not mine]
        for task in others:
            task.cancel()
        await asyncio.gather(*others, return_exceptions=True)

    async def _gate(self, *, asks: bool, answers: bool) -> None:
        for event, is_open in ((self._asks, asks), (self._answers, answers)):
            if is_open:
                event.set()
            else:
                event.clear()

    async def _cut(self) -> None:
        self._is_cut = True
        await self._reset()

    async def _reset(self) -> None:
        for writer in list(self._writers):
            writer.transport.abort()

    async def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections_accepted += 1
        if self._is_cut:
            writer.transport.abort()
            return
        try:
            behind = await asyncio.open_connection("127.0.0.1", self.target_port)
        except OSError:
            # The broker is away: as without the proxy, the connection fails.
            writer.transport.abort()
            return
        both = {writer, behind[1]}
        self._writers |= both
        try:
            await asyncio.gather(
                self._pump(reader, behind[1], self._asks),
                self._pump(behind[0], writer, self._answers),
            )
        finally:
            self._writers -= both
            for each in both:
                each.transport.abort()

    async def _pump(
        self, source: asyncio.StreamReader, sink: asyncio.StreamWriter, gate: asyncio.Event
    ) -> None:
        with contextlib.suppress(OSError):
            while data := await source.read(CHUNK_BYTES):
                if self._chunk_delay_s:
                    await asyncio.sleep(self._chunk_delay_s)
                await gate.wait()
                sink.write(data)
                await sink.drain()
        # One end is gone, so the other one is: nobody here speaks half.
        sink.transport.abort()
