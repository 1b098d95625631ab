"""Metrics and health over HTTP, on loopback unless told otherwise.

`/livez` says whether the worker makes progress, whatever the broker does: a probe that restarts
workers because a broker is away makes it worse. `/readyz` says why a worker is not ready.
"""

from __future__ import annotations

from collections.abc import Callable

from aiohttp import web
from prometheus_client import CONTENT_TYPE_LATEST, CollectorRegistry, generate_latest

from stream.shell.settings import SettingError

Causes = Callable[[], list[str]]


class HealthServer:
    """Serves /metrics, /livez and /readyz.

    Parameters
    ----------
    stalled, unready
        What is wrong now, each a sentence; none: all is well.
    """

    def __init__(
        self,
        address: tuple[str, int],
        registry: CollectorRegistry,
        stalled: Causes,
        unready: Causes,
    ) -> None:
        self.address = address
        self._registry = registry
        self._stalled = stalled
        self._unready = unready
        self._runner: web.AppRunner | None = None

    async def start(self) -> None:
        """Listen; with port 0 on a free one, which `address` then has.

        Raises
        ------
        SettingError
            The port is taken, or the host is not this one.
        """
        app = web.Application()
        app.router.add_get("/metrics", self._metrics)
        app.router.add_get("/livez", self._livez)
        app.router.add_get("/readyz", self._readyz)
        self._runner = web.AppRunner(app, access_log=None, handle_signals=False)
        await self._runner.setup()
        host, port = self.address
        try:
            await web.TCPSite(self._runner, host, port).start()
        except OSError as error:
            raise SettingError(
                "SHOAL_HTTP_PORT", f"{host}:{port} cannot be used: {error}"
            ) from error
        self.address = (host, self._runner.addresses[0][1])

    async def stop(self) -> None:
        """Stop listening."""
        if self._runner is not None:
            await self._runner.cleanup()

    async def _metrics(self, _: web.Request) -> web.Response:
        body = generate_latest(self._registry)
        return web.Response(body=body, headers={"Content-Type": CONTENT_TYPE_LATEST})

    async def _livez(self, _: web.Request) -> web.Response:
        return _answer(self._stalled())

    async def _readyz(self, _: web.Request) -> web.Response:
        return _answer(self._unready())


def _answer(causes: list[str]) -> web.Response:
    return web.json_response({"ok": not causes, "causes": causes}, status=503 if causes else 200)
