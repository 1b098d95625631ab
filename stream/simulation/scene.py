"""A scene: one customer on one device (or a server that speaks of the customer) for a while.

It holds the scene's own clock and writes events into the shop's log. Client clocks, queued
sending, retries and broken bytes are all here, because a fault is a matter of sending: what
happened in the shop is the same with and without faults.
"""

from __future__ import annotations

import math

from stream.simulation.customers import Customer
from stream.simulation.devices import Device
from stream.simulation.envelopes import OPENINGS, PHONE, SERVER, STORE, close, text
from stream.simulation.shop import Action, Shop, SimulatedEvent
from stream.simulation.traffic_faults import draw_late_ms, draw_retry_ms, malform

THINK_MIN_MS = 600
"""Nobody clicks faster, unless the shop surges; the network's jitter stays far below it."""

_SERVER_LATENCY_MS = 15
_SERVER_CONTEXT = {
    SERVER: b'"ip":"203.0.113.8","library":{"name":"analytics-python","version":"2.3.3"},'
    b'"app":{"name":"order-service","version":"24.11.2","namespace":"commerce"},'
    b'"timezone":"Etc/UTC"',
    STORE: b'"ip":"203.0.113.40","library":{"name":"analytics-python","version":"2.3.3"},'
    b'"app":{"name":"pos-gateway","version":"3.8.0","namespace":"retail"},'
    b'"timezone":"Europe/Berlin"',
    PHONE: b'"ip":"203.0.113.51","library":{"name":"analytics-python","version":"2.3.3"},'
    b'"app":{"name":"call-desk","version":"2.1.0","namespace":"service"},'
    b'"timezone":"Europe/Berlin"',
}


class Scene:
    """What a customer does from `time_ms` on.

    `random` is the scene's own; it draws nothing for faults, so that they change nothing else.
    """

    __slots__ = (
        "_head", "_key", "_openings", "_skew_ms", "channel", "customer", "device", "hurry",
        "latency_ms", "random", "shop", "time_ms",
    )  # fmt: skip

    def __init__(self, shop: Shop, customer: Customer, time_ms: int) -> None:
        self.shop = shop
        self.customer = customer
        self.time_ms = time_ms
        self.random = shop.random
        self.hurry = shop.config.hurry if time_ms >= shop.config.surge_ms else 1.0
        self.device: Device | None = None

    def on_device(self, device: Device, campaign: bytes = b"") -> None:
        """Speak as the customer's browser or app from now on; `campaign` is a context member."""
        self.device = device
        self.channel = device.model.channel
        self._openings = OPENINGS[self.channel]
        self.latency_ms = device.latency_ms
        self._skew_ms = device.skew_ms
        customer = self.customer
        user_id = customer.user_id if device.is_logged_in else None
        ids = b'{"anonymousId":"%b"' % device.anonymous_id.encode()
        if user_id is not None:
            ids += b',"userId":"%b"' % user_id.encode()
        self._head = b'%b,"context":{"ip":"%b",%b,%b%b' % (
            ids,
            device.ip.encode(),
            customer.zone.context,
            device.model.context,
            campaign,
        )
        self._key = (user_id or device.anonymous_id).encode()

    def on_server(self, channel: str, campaign: bytes = b"", guest: Device | None = None) -> None:
        """Speak as a server (mail, orders) or a till: about the account, or a guest's browser."""
        self.device = None
        self.channel = channel
        self._openings = OPENINGS[channel]
        self.latency_ms = _SERVER_LATENCY_MS
        self._skew_ms = 0
        customer = self.customer
        name = b"anonymousId" if guest else b"userId"
        ident = guest.anonymous_id if guest else customer.user_id
        assert ident is not None
        self._key = ident.encode()
        self._head = b'{"%b":"%b","context":{%b,"traits":{"email":%b}%b' % (
            name,
            self._key,
            _SERVER_CONTEXT[channel],
            text(customer.email),
            campaign,
        )

    def think(self, mean_ms: float) -> None:
        """Let time pass: a minimum, then exponentially."""
        passed_ms = THINK_MIN_MS - math.log(1.0 - self.random.random()) * mean_ms
        self.time_ms += int(passed_ms / self.hurry)

    def write(self, kind: str, properties: bytes = b"", page: bytes = b"") -> None:
        """Send an event now. `properties` and `page` are members, each with a comma before it."""
        shop = self.shop
        draw = self.random.getrandbits(132)
        head = self._head
        body = b'%b%b%b%b},"integrations":{},"messageId":"%033x","originalTimestamp":"' % (
            head, page, self._openings[kind], properties, draw,
        )  # fmt: skip
        sent_ms = self.time_ms + 2 + (draw & 15)
        if shop.is_faulty:
            self._send_faulty(kind, body, sent_ms)
        else:
            self._send(kind, body, sent_ms, None)
        # More than the jitter above: events of a scene are received in the order of their times.
        self.time_ms += 20

    def write_alias(self, former_id: str) -> None:
        """Say that an id was the account's."""
        head = self._head
        self._head = b'{"previousId":"%b",%b' % (former_id.encode(), head[1:])
        self.write("alias")
        self._head = head

    def _send(self, kind: str, body: bytes, sent_ms: int, fault: str | None) -> None:
        """Add the instants, and write it. The network takes `latency_ms` after `sent_ms`."""
        created_ms = self.time_ms
        received_ms = sent_ms + self.latency_ms
        value = body + close(created_ms, sent_ms, received_ms, self._skew_ms)
        self.shop.write(
            SimulatedEvent(
                value,
                self._key,
                created_ms + self.latency_ms,
                received_ms,
                self.customer.index,
                kind,
                fault,
            )
        )

    def _send_faulty(self, kind: str, body: bytes, sent_ms: int) -> None:
        config = self.shop.config
        random = self.shop.fault_random
        fault = None
        if random.random() < config.late:
            fault = "late"
            sent_ms += draw_late_ms(random)
        self._send(kind, body, sent_ms, fault)
        if random.random() < config.duplicates:
            self._send(kind, body, sent_ms + draw_retry_ms(random), "duplicate")
        if random.random() < config.malformed:
            received_ms = sent_ms + self.latency_ms
            how, value = malform(body, received_ms, random)
            self.shop.write(
                SimulatedEvent(
                    value,
                    self._key,
                    received_ms,
                    received_ms,
                    self.customer.index,
                    kind,
                    f"malformed:{how}",
                )
            )

    def later(self, shop_ms: float, action: Action, matter: object = None) -> None:
        """Put on the agenda what this customer does after some of the shop's time."""
        time_ms = self.shop.rhythm.later(self.time_ms, shop_ms)
        self.shop.schedule(time_ms, self.customer.index, action, matter)
