"""The worker: everything wired together, started in order, ended in good order."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
import threading
from collections.abc import Callable, Coroutine
from typing import Any

from stream.engine.committed_rows import CommittedRows
from stream.engine.partition import PartitionEngine
from stream.engine.router import Router
from stream.engine.settings import EngineSettings
from stream.engine.store import HOT_ROWS_MAX
from stream.events.topics import CLOCK, CUSTOMER_EVENTS, EVENTS
from stream.shell.aiokafka_private import hasten_transactions
from stream.shell.app import new_app
from stream.shell.broker_time import BrokerTime
from stream.shell.collector import calm_collector
from stream.shell.definitions import publish_definitions
from stream.shell.delivery_choice import has_transactions, new_delivery, say_delivery
from stream.shell.ending import cancel_until_ended
from stream.shell.faust_private import GroupApp, check_pins
from stream.shell.group import CancelledByNobodyError, Group
from stream.shell.health import HealthServer
from stream.shell.http_tokens import HttpTokens
from stream.shell.known_topics import KnownTopics, known_topics
from stream.shell.lag import LagObserver
from stream.shell.learning import Summaries
from stream.shell.log_reader import ends_of
from stream.shell.metrics import Metrics
from stream.shell.owner import PartitionOwner
from stream.shell.permissions import require_permissions
from stream.shell.reconnects import await_brokers, calm_reconnects
from stream.shell.reference_tail import ReferenceTail
from stream.shell.row_keeping import RowKeeper
from stream.shell.settings import MEMORY, SettingError, Settings
from stream.shell.standby import Standby
from stream.shell.standstill import Lookout
from stream.shell.time_keeper import TimeKeeper
from stream.shell.topic_admin import create_topics, require_topics
from stream.shell.watchdog import StalledError, Watchdog
from stream.shell.whereabouts import whereabouts
from stream.shell.workshop import Workshop

STOP_TIMEOUT_S = 30.0
FAILED_STOP_TIMEOUT_S = 5.0
"""What is broken may not answer: then nothing more is asked of it than a moment's patience."""

EXIT_FAILED = 1

logger = logging.getLogger(__name__)


class Worker:
    """One worker process's life.

    Parameters
    ----------
    settings
        Checked settings; see `read_settings`.
    """

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self.metrics = Metrics()
        self._broker_time = BrokerTime()
        self._reference = ReferenceTail(settings, self.metrics)
        self._stopping = asyncio.Event()
        self._failure: BaseException | None = None
        self._tasks: list[asyncio.Task[None]] = []
        self._transactional = True
        self._topics = KnownTopics(settings)
        self._stores: RowKeeper | None = None
        self._app: GroupApp
        self._group: Group
        self.health: HealthServer

    def stop(self) -> None:
        """Ask it to end in good order; `run` returns when that is done."""
        self._stopping.set()

    def say_where(self) -> None:
        """Write to the log where every task waits."""
        loops = [asyncio.get_running_loop()]
        logger.warning(whereabouts(self._app.loops() if hasattr(self, "_app") else loops))

    async def run(self) -> None:
        """Work until `stop`.

        Raises
        ------
        Exception
            What has ended the worker, when nobody asked it to.
        """
        check_pins()
        hasten_transactions()
        calm_reconnects()
        await_brokers()
        await self._prepare()
        self._wire()
        async with contextlib.AsyncExitStack() as stack:
            await self.health.start()
            logger.info("health and metrics on %s", self.health.url)
            stack.push_async_callback(self.health.stop)
            stack.push_async_callback(self._end)
            self._spawn("reference", self._reference.run())
            await self._until(self._reference.is_complete.wait())
            calm_collector()
            await self._until(self._app.start())
            self._spawn("watchdog", self._watchdog.run())
            self._spawn("lookout", self._lookout.run())
            self._spawn("lag", self._lag.run())
            if self._stores is not None and self.settings.standby:
                owned = self._group.owners
                standby = Standby(self.settings, self._stores, self.metrics, lambda: owned)
                self._spawn("standby", standby.run())
            self._spawn("group", self._app.until_crashed())
            await self._stopping.wait()
        if self._failure is not None:
            raise self._failure
        logger.info("ended as asked; what it had committed counts, and others go on from there")

    async def _prepare(self) -> None:
        settings = self.settings
        self._transactional = await has_transactions(settings)
        say_delivery(settings, transactional=self._transactional)
        # The embedded broker starts empty each time, so there is nothing to protect.
        if settings.create_topics or not self._transactional:
            await create_topics(settings)
        if self._transactional:
            await require_permissions(settings)
        await require_topics(settings)
        if self._transactional:
            self._topics = await known_topics(settings)
        await publish_definitions(settings)
        await self._open_stores()

    async def _open_stores(self) -> None:
        """Take the folder of local stores, where rows are to be kept there."""
        settings = self.settings
        if settings.store == MEMORY:
            return
        if not self._transactional:
            # Its topics begin empty each time: a store could not be brought up to them.
            logger.warning("rows are kept in memory: this broker keeps nothing either")
            return
        try:
            from stream.shell.local_stores import LocalStores  # noqa: PLC0415 an optional extra
        except ImportError as error:
            raise SettingError(
                "SHOAL_STORE", "rocksdb is not installed: pip install shoal[rocksdb]"
            ) from error
        stores = LocalStores(settings, self.metrics, self._broker_time.now)
        await stores.start()
        self._stores = stores

    def _wire(self) -> None:
        settings = self.settings
        self._app = app = new_app(settings, are_ends_exact=self._transactional)
        shop = Workshop(
            settings=settings,
            metrics=self.metrics,
            broker_time=self._broker_time,
            new_engine=self._new_engine,
            new_router=self._new_router,
            new_delivery=self._new_delivery,
            topics=self._topics,
            newest_summary=Summaries(settings).newest,
            end_proof=app.end_proof,
            read_from=app.read_from,
            owned_count=lambda: len(self._group.owners),
            heartbeats_s=3 * app.heartbeat_s,
            keeper=self._stores,
        )
        self._group = Group(
            settings,
            self.metrics,
            lambda partition: PartitionOwner(partition, shop),
            lambda: TimeKeeper(shop),
            self._fail,
        )
        names = [settings.topic(t.name) for t in (EVENTS, CUSTOMER_EVENTS, CLOCK)]
        app.join(names, self._group)
        self._lag = LagObserver(
            self._group, app.lag, self.metrics, self._broker_time, self._unready
        )
        self._lookout = Lookout(
            settings.stall_s,
            lambda: {tp: app.position(tp) for tp in self._group.wanted()},
            lambda places: ends_of(settings, places),
            lambda places: ends_of(settings, places, committed=False),
        )
        self._watchdog = Watchdog(
            self._group,
            settings.stall_s,
            app.answered_s,
            self.metrics.loop_lag.set,
            self._lookout.stuck,
        )
        self.health = HealthServer(
            settings.http_socket or (settings.http_host, settings.http_port),
            self.metrics.registry,
            self._watchdog.stalled,
            self._unready,
            self._tokens(),
        )

    def _tokens(self) -> HttpTokens | None:
        """Who may ask; the parent of processes asks by a socket of its own, and needs none."""
        settings = self.settings
        if settings.http_tokens is None or settings.http_socket is not None:
            return None
        return HttpTokens(settings.http_tokens)

    def _new_engine(self, partition: int, below: CommittedRows | None) -> PartitionEngine:
        told = EngineSettings(
            shop=self.settings.shop,
            incarnation=self.settings.incarnation,
            hot_rows_max=HOT_ROWS_MAX // max(1, len(self._group.owners)),
            erasure_secrets=self.settings.privacy.erasure_secrets,
        )
        return PartitionEngine(partition, told, below)

    def _new_router(self, partition: int) -> Router:
        return Router(
            partition,
            self.settings.partitions,
            self._reference.book,
            refuses_erased=self.settings.privacy.after_erasure == "refuse",
        )

    def _new_delivery(self, writer: str) -> Any:
        return new_delivery(
            self.settings, self._broker_time, writer, transactional=self._transactional
        )

    def _unready(self) -> list[str]:
        causes = self._group.unready() or self._watchdog.unready()
        if not self._reference.is_complete.is_set():
            causes.append("the reference topic is still being read")
        return causes

    def _spawn(self, name: str, work: Coroutine[Any, Any, None]) -> None:
        task = asyncio.create_task(work, name=name)
        task.add_done_callback(self._task_ended)
        self._tasks.append(task)

    def _task_ended(self, task: asyncio.Task[None]) -> None:
        if task.cancelled():
            if not self._stopping.is_set():
                self._fail(CancelledByNobodyError(task.get_name()))
        elif (error := task.exception()) is not None:
            self._fail(error)

    def _fail(self, error: BaseException) -> None:
        if self._failure is None:
            logger.error("ending: %s: %s", type(error).__name__, error)
            if isinstance(error, StalledError):
                self.say_where()
            self._failure = error
            # The consumer's thread may hang with its broker, and would keep the process alive.
            last_resort = threading.Timer(4 * FAILED_STOP_TIMEOUT_S, os._exit, [EXIT_FAILED])
            last_resort.daemon = True
            last_resort.start()
        self._stopping.set()

    async def _until(self, work: Coroutine[Any, Any, Any]) -> None:
        """Wait for a step of the start, unless the worker is to end before it is done."""
        step = asyncio.ensure_future(work)
        stopping = asyncio.ensure_future(self._stopping.wait())
        await asyncio.wait({step, stopping}, return_when=asyncio.FIRST_COMPLETED)
        stopping.cancel()
        if step.done():
            step.result()
        else:
            step.cancel()

    async def _end(self) -> None:
        """Finish running batches, commit, leave the group."""
        self._stopping.set()
        timeout_s = STOP_TIMEOUT_S if self._failure is None else FAILED_STOP_TIMEOUT_S
        steps: list[Callable[[], Coroutine[Any, Any, Any]]] = [self._group.stop, self._app.stop]
        for step in steps:
            try:
                async with asyncio.timeout(timeout_s):
                    await step()
            except TimeoutError:
                logger.warning("ending takes too long; what is open is aborted by the broker")
        await cancel_until_ended(self._tasks)
        if self._stores is not None:
            await self._stores.stop()
