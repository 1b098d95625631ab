"""Metrics and health over HTTP, on loopback unless told otherwise.

`/livez` says whether the worker makes progress, whatever the broker does: a probe that restarts
workers because a broker is away makes it worse. `/readyz` says why a worker is not ready.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from pathlib import Path

from aiohttp import web
from prometheus_client import CONTENT_TYPE_LATEST, CollectorRegistry, generate_latest

from stream.shell.settings import SettingError

Causes = Callable[[], list[str]]
Pages = Mapping[str, Callable[[web.Request], Awaitable[web.Response]]]
Address = tuple[str, int] | Path
"""Host and port, or the path of a socket on this machine."""

SOCKET_PATH_MAX = 107
"""Bytes of it: Linux' own limit."""


class PageServer:
    """Serves a few pages; knows nothing of what is on them."""

    def __init__(self, address: Address, pages: Pages) -> None:
        self.address = address
        self._pages = pages
        self._runner: web.AppRunner | None = None

    async def start(self) -> None:
        """Listen; with port 0 on a free one, which `address` then has.

        Raises
        ------
        SettingError
            The port is taken, the host is not this one, or the socket's path is too long.
        """
        app = web.Application()
        for path, page in self._pages.items():
            app.router.add_get(path, page)
        self._runner = web.AppRunner(app, access_log=None, handle_signals=False)
        await self._runner.setup()
        if isinstance(self.address, Path):
            try:
                await web.UnixSite(self._runner, str(self.address)).start()
            except OSError as error:
                raise SettingError(
                    "TMPDIR",
                    f"the socket {self.address} cannot be used: {error}; "
                    f"set a shorter one, a socket's path has at most {SOCKET_PATH_MAX} bytes",
                ) from error
            return
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

    @property
    def url(self) -> str:
        """Where it listens, for a log."""
        if isinstance(self.address, Path):
            return f"unix:{self.address}"
        return "http://{}:{}/".format(*self.address)


class HealthServer(PageServer):
    """Serves /metrics, /livez and /readyz.

    Parameters
    ----------
    stalled, unready
        What is wrong now, each a sentence; none: all is well.
    """

    def __init__(
        self,
        address: Address,
        registry: CollectorRegistry,
        stalled: Causes,
        unready: Causes,
    ) -> None:
        pages = {"/metrics": self._metrics, "/livez": self._livez, "/readyz": self._readyz}
        super().__init__(address, pages)
        self._registry = registry
        self._stalled = stalled
        self._unready = unready

    async def _metrics(self, _: web.Request) -> web.Response:
        body = generate_latest(self._registry)
        return web.Response(body=body, headers={"Content-Type": CONTENT_TYPE_LATEST})

    async def _livez(self, _: web.Request) -> web.Response:
        return answer(self._stalled())

    async def _readyz(self, _: web.Request) -> web.Response:
        return answer(self._unready())


def answer(causes: list[str]) -> web.Response:
    """What a probe is told: 200 and nothing, or 503 and why."""
    return web.json_response({"ok": not causes, "causes": causes}, status=503 if causes else 200)
