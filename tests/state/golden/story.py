"""What the golden files are of: a log written by hand, and rows with everything in them.

`python -m tests.state.golden.story format-N` writes them as the build at hand packs them: rows and
a changelog as hex (.json), the log as a dump (.jsonl). They are written once, by the last build
before a format changes, and never again. Those of format 1 are of the last build that wrote it,
which kept no windows of past events.
"""

from __future__ import annotations

import base64
import json
import sys
from pathlib import Path

from stream.events.records import Link, encode_record
from stream.state.codec import pack
from stream.state.row import Row
from tests.engine.lane import Lane
from tests.state import shopping
from tests.state.shopping import DAY, HOUR, MINUTE, START_MS

DEFINITIONS = b"""
segments:
  - {name: buyer, purpose: p, enter: orders.count >= 1}
  - {name: filled_cart, purpose: p, enter: cart.items > 0}
  - {name: gold, purpose: p, enter: orders.revenue >= 45}
  - {name: silent, purpose: p, enter: orders.count >= 1 and since(orders.last) >= 30 * DAY}
  - {name: top, purpose: p, enter: percentile(orders.revenue) >= 0.9}
"""

COMING = (
    DEFINITIONS
    + b"""\
  - {name: viewer, purpose: p, enter: 'count("Product Viewed", within=7 * DAY) >= 2'}
"""
)

LINKED_MS = START_MS + 3 * HOUR


def told() -> tuple[Lane, bytes]:
    """The log of a shop's first days; the merge that nobody has folded yet is given beside it.

    anna  says that her plan is gold, and orders for 49.99; 3 of it are refunded a day later
    anon  views a product and puts two in the cart; then it is known as ben
    """
    lane = Lane(DEFINITIONS)
    shopping._numbers = iter(range(1, 100))
    lane.put("anna", shopping.identified(START_MS, plan="gold", age=42, member=True, score=0.5))
    lane.put("anna", shopping.order(START_MS + HOUR, "o-1", 49.99, coupon="X", currency="EUR"))
    lane.put("anon", shopping.product(START_MS + 2 * HOUR, "b"))
    lane.put("anon", shopping.added(START_MS + 2 * HOUR + MINUTE, "b", 2, 20))
    lane.tick(START_MS + 2 * HOUR + 2 * MINUTE)
    lane.thresholds(START_MS + 2 * HOUR, p90=100)
    lane.define(COMING, START_MS + 10 * DAY)
    link = Link(target="ben", time_ms=LINKED_MS, received_ms=LINKED_MS)
    lane.put("anon", link)
    [(target, merge)] = lane.effects[-1].forwards
    assert target == "ben"
    lane.tick(START_MS + DAY + MINUTE)
    lane.put("anna", shopping.refunded(START_MS + DAY + 2 * MINUTE, "o-1", 3))
    return lane, encode_record(merge)


def rows() -> dict[str, bytes]:
    """An empty row, and one in which nothing is as it is by default."""
    return {"empty": pack(Row()), "full": pack(full())}


def full() -> Row:
    """Every field set, nested ones too, so that one which is read into another's place shows."""
    from stream.state import kept  # noqa: PLC0415 format 1 had none of it
    from stream.state import row_parts as r  # noqa: PLC0415
    from stream.state.dedupe import new_ids  # noqa: PLC0415

    at = START_MS
    found = Row(timer_ms=at + 1, segments={"loyal": at + 2}, first_ms=at + 3, last_ms=at + 4)
    found.time_ms, found.sequence, found.activation, found.bits = at + 5, 6, 7, [3, 13]
    found.cluster, found.buckets, found.events = "c2", {"orders.revenue": 812}, 8
    found.ids, found.ids_since_ms = new_ids([3], [1, 2**64 - 1]), at + 9
    found.sessions = r.Sessions(1, at, at + 10, True, 2, 3, 4, at - 1, 5, 6, 7, 8, 9)
    found.cart = r.Cart({"b": r.CartLine(2, 20_000_000, at + 11)}, 2, at + 11, 3)
    found.checkout = r.Checkout(at + 12, at + 13, 2, "card", 4_900_000, at + 13)
    found.browse = r.Browse({"a": at + 14}, at + 14)
    first = r.FirstPurchase(at + 15, 49_990_000, 2, "a", "X", "web", True, True)
    latest = r.Order(77, at + 15, 49_990_000, 3_000_000, True, True, True, 2, True, 16)
    found.orders = r.Orders(
        [latest], 1, at + 15, at + 16, 49_990_000, 3_000_000, 2, 3, 4, 5, at + 17, 18, 1.5, 6,
        7_000_000, 8_000_000, 9, "EUR", first, 10, 11, 12,
    )  # fmt: skip
    found.messages = r.Messages(1, 2, 3, 4, 5, 6, at + 19, at + 20, ("email",))
    found.traits = {"plan": "gold", "age": 42, "member": True, "score": 0.5}
    found.channels, found.forward_to, found.shared = {"web": 3}, "ben", True
    found.targets, found.aliases = [("u", at + 21)], ["anon"]
    found.traits_ms, found.learned_ms, found.changed_ms = at + 22, at + 23, at + 24
    found.windows = {
        "a": kept.Tally(1, 2, at, at + 1, "x", 2.5),
        "b": kept.Buckets([5, 9], [1, 2], [10, 20]),
        "c": kept.Values({"red": at}),
        "d": kept.Steps(3_600_000, [at], [at + 1], at + 2, 1),
    }
    found.shadows, found.past = {"tried": at + 25}, {"loyal": (at + 26, at + 27)}
    found.filled, found.consent = {"a": [28]}, {"email/marketing": (at + 29, False)}
    spoken = r.Spoken("loyal", 30, at + 31, at + 32, at + 33, "v1", ("email",))
    found.voice = r.Voice(
        34, at + 35, spoken, {"gold": (at + 36, at + 37, at + 38)}, {"loyal": spoken},
        {"email": [at + 39]},
    )  # fmt: skip
    found.flip_ms, found.looks, found.wishes = at + 40, {"a": at + 41}, {"b": at + 42}
    found.ways = (("ben", at + 43), ("", at + 44))
    return found


def main(path: Path) -> None:
    lane, merge = told()
    document = {
        "rows": {name: packed.hex() for name, packed in rows().items()},
        "changelog": [[key.hex(), value.hex()] for key, value in lane.changelog.items()],
    }
    path.with_suffix(".json").write_text(json.dumps(document, indent=1) + "\n")
    lane.record("ben", merge, stamp_ms=LINKED_MS)
    with path.with_suffix(".jsonl").open("w") as dump:
        for one in lane.log:
            key = one.key and base64.b64encode(one.key).decode()
            value = base64.b64encode(one.value or b"").decode()
            line = {"partition": 0, "offset": one.offset, "timestamp": one.timestamp}
            dump.write(json.dumps({**line, "key": key, "value": value}) + "\n")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
