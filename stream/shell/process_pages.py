"""Metrics and health of all processes of a machine on one address.

Prometheus has one target a machine, however many processes work there; each sample carries the
number of its process in the label `process`. The children listen on sockets in a folder of the
parent's: no ports to choose, to publish or to collide.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable
from http import HTTPStatus
from pathlib import Path

import msgspec
from aiohttp import ClientError, ClientSession, ClientTimeout, UnixConnector, web
from prometheus_client import CONTENT_TYPE_LATEST, CollectorRegistry, generate_latest

from stream.shell.health import Address, PageServer, answer
from stream.shell.http_tokens import HttpTokens

ANSWER_TIMEOUT_S = 3.0
"""Below a scrape's usual time-out; a child that is busy with a batch answers after it."""

PARENT = "parent"


class _Answer(msgspec.Struct):
    causes: list[str]


_decode_answer = msgspec.json.Decoder(_Answer).decode


class ProcessPages(PageServer):
    """Serves /metrics, /livez and /readyz for all children together.

    Parameters
    ----------
    sockets
        Where each child listens.
    absence
        Why a child is not there; None: it runs.
    """

    def __init__(
        self,
        address: Address,
        sockets: list[Path],
        registry: CollectorRegistry,
        absence: Callable[[int], str | None],
        tokens: HttpTokens | None = None,
    ) -> None:
        pages = {"/metrics": self._metrics, "/livez": self._livez, "/readyz": self._readyz}
        super().__init__(address, pages, tokens)
        self._sockets = sockets
        self._registry = registry
        self._absence = absence

    async def answers(self, number: int) -> bool:
        """Whether the child answers at all; what, is its own watchdog's business."""
        return await self._ask(number, "/livez") is not None

    async def _metrics(self, _: web.Request) -> web.Response:
        own = generate_latest(self._registry).decode()
        children = range(len(self._sockets))
        pages = await asyncio.gather(*(self._ask(n, "/metrics") for n in children))
        told = [
            (str(n), page[1])
            for n, page in zip(children, pages, strict=True)
            if page is not None and page[0] == HTTPStatus.OK
        ]
        body = merge_metrics([(PARENT, own), *told]).encode()
        return web.Response(body=body, headers={"Content-Type": CONTENT_TYPE_LATEST})

    async def _livez(self, _: web.Request) -> web.Response:
        """All is well while this is answered.

        A child that stands still ends itself and is started again alone; a probe that restarted
        all of them for it would stop the work of the others.
        """
        return answer([])

    async def _readyz(self, _: web.Request) -> web.Response:
        causes = await asyncio.gather(*(self._unready(n) for n in range(len(self._sockets))))
        return answer([cause for found in causes for cause in found])

    async def _unready(self, number: int) -> list[str]:
        absence = self._absence(number)
        causes = None
        if absence is None and (page := await self._ask(number, "/readyz")) is not None:
            causes = causes_on(page[1])
        if causes is None:
            causes = [absence or "it does not answer yet"]
        return [f"process {number}: {cause}" for cause in causes]

    async def _ask(self, number: int, path: str) -> tuple[int, str] | None:
        """Status and text of a child's page; None where it does not answer."""
        timeout = ClientTimeout(total=ANSWER_TIMEOUT_S)
        connector = UnixConnector(str(self._sockets[number]))
        try:
            async with (
                ClientSession(connector=connector, timeout=timeout) as session,
                session.get(f"http://process{path}") as found,
            ):
                return found.status, await found.text(errors="replace")
        except (ClientError, OSError, TimeoutError):
            return None


def causes_on(page: str) -> list[str] | None:
    """What a child says is wrong; None for a page that is not such an answer.

    >>> causes_on('{"ok": false, "causes": ["a"]}'), causes_on("500 Internal Server Error")
    (['a'], None)
    """
    try:
        return _decode_answer(page).causes
    except msgspec.DecodeError:
        return None


def merge_metrics(pages: Iterable[tuple[str, str]]) -> str:
    r"""One page of several in Prometheus' text format, each sample labelled with its process.

    Samples of a family must stand together, under its HELP and TYPE once. A sample that says
    itself which process it is about keeps that.

    >>> page = "# HELP a_total Of it\n# TYPE a_total counter\na_total 1.0\n"
    >>> print(merge_metrics([("0", page), ("1", page.replace("1.0", "2.0"))]), end="")
    # HELP a_total Of it
    # TYPE a_total counter
    a_total{process="0"} 1.0
    a_total{process="1"} 2.0
    """
    heads: dict[str, list[str]] = {}
    samples: dict[str, list[str]] = {}
    for process, page in pages:
        family, known = "", set(heads)
        for line in page.splitlines():
            if line.startswith("# "):
                family = line.split(" ", 3)[2]
                if family not in known:
                    heads.setdefault(family, []).append(line)
            elif line:
                samples.setdefault(family, []).append(_labelled(line, process))
    lines: list[str] = []
    for family, head in heads.items():
        lines += [*head, *samples.get(family, [])]
    return "\n".join(lines) + "\n"


def _labelled(sample: str, process: str) -> str:
    """A sample's line with one more label.

    >>> _labelled('a{le="0.1"} 3', "1"), _labelled('up{process="0"} 1', "parent")
    ('a{process="1",le="0.1"} 3', 'up{process="0"} 1')
    """
    name, brace, rest = sample.partition("{")
    if not brace:
        name, _, value = sample.partition(" ")
        return f'{name}{{process="{process}"}} {value}'
    return sample if rest.startswith('process="') else f'{name}{{process="{process}",{rest}'
