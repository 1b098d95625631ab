"""Metrics and health over HTTP, on loopback unless told otherwise.

`/livez` says whether the worker makes progress, whatever the broker does: a probe that restarts
workers because a broker is away makes it worse. `/readyz` says why a worker is not ready.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from http import HTTPStatus
from pathlib import Path
from typing import Any

from aiohttp import web
from prometheus_client import CONTENT_TYPE_LATEST, CollectorRegistry, generate_latest

from stream.shell.http_tokens import HEALTH, METRICS, HttpTokens
from stream.shell.settings import SettingError

_SCOPES = {"/metrics": METRICS, "/livez": HEALTH, "/readyz": HEALTH}

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]
Causes = Callable[[], list[str]]
Pages = Mapping[str, Callable[[web.Request], Awaitable[web.Response]]]
Address = tuple[str, int] | Path
"""Host and port, or the path of a socket on this machine."""

SOCKET_PATH_MAX = 107
"""Bytes of it: Linux' own limit."""


class PageServer:
    """Serves a few pages; knows nothing of what is on them.

    With `tokens` nothing is said to who shows none that is for the page.
    """

    def __init__(self, address: Address, pages: Pages, tokens: HttpTokens | None) -> None:
        self.address = address
        self._pages = pages
        self._tokens = tokens
        self._runner: web.AppRunner | None = None

    async def start(self) -> None:
        """Listen; with port 0 on a free one, which `address` then has.

        Raises
        ------
        SettingError
            The port is taken, the host is not this one, or the socket's path is too long.
        """
        guards = [] if self._tokens is None else [_guard(self._tokens)]
        app = web.Application(middlewares=guards)
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
        tokens: HttpTokens | None = None,
    ) -> None:
        pages = {"/metrics": self._metrics, "/livez": self._livez, "/readyz": self._readyz}
        super().__init__(address, pages, tokens)
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


def _guard(tokens: HttpTokens) -> Any:
    """Lets through who shows a token with the page's scope; 401 and 403 say what is wrong."""

    @web.middleware
    async def guard(request: web.Request, handler: Handler) -> web.StreamResponse:
        kind, _, presented = request.headers.get("Authorization", "").partition(" ")
        scopes = tokens.scopes(presented.strip()) if kind.lower() == "bearer" else None
        if scopes is None:
            cause = "show a token that is known: Authorization: Bearer TOKEN"
            return _refusal(HTTPStatus.UNAUTHORIZED, cause, 'Bearer realm="shoal"')
        wanted = _SCOPES.get(request.path)
        if wanted is not None and wanted not in scopes:
            cause = f"the token is not for this page; it needs the scope {wanted}"
            challenge = f'Bearer realm="shoal", error="insufficient_scope", scope="{wanted}"'
            return _refusal(HTTPStatus.FORBIDDEN, cause, challenge)
        return await handler(request)

    return guard


def _refusal(status: HTTPStatus, cause: str, challenge: str) -> web.Response:
    headers = {"WWW-Authenticate": challenge}
    return web.json_response({"ok": False, "causes": [cause]}, status=status, headers=headers)


def answer(causes: list[str]) -> web.Response:
    """What a probe is told: 200 and nothing, or 503 and why."""
    return web.json_response({"ok": not causes, "causes": causes}, status=503 if causes else 200)
