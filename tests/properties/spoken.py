"""Conditions and customers at random, by a seed: the whole language, and events for it."""

from __future__ import annotations

from random import Random

from stream.events import records as r
from tests.properties.interpreter import DAY, HOUR, MINUTE, Happened
from tests.state.shopping import MICROS, START_MS, head

SETTINGS = {"few": 2.0, "cheap": 5.5, "lately": 9.0 * DAY}
HEAD = "timezone: Europe/Berlin\nsettings: {few: 2, cheap: 5.5, lately: 9 * DAY}\nsegments:\n"
CATEGORIES = ("tea", "coffee", "cups")
HORIZON_MS = 60 * DAY


class Speaker:
    """Says conditions at random."""

    def __init__(self, random: Random) -> None:
        self.random = random

    def pick(self, *choices: str) -> str:
        return self.random.choice(choices)

    def condition(self, above: list[str], depth: int = 0) -> str:
        kind = self.random.random()
        if depth < 3 and kind < 0.35:
            word = self.pick(" and ", " or ", "\n    and ", "\n    or  # or else\n    ")
            return f"({self.condition(above, depth + 1)}{word}{self.condition(above, depth + 1)})"
        if depth < 3 and kind < 0.45:
            return f"not {self.leaf(above)}"
        return self.leaf(above)

    def leaf(self, above: list[str]) -> str:
        number, sign = self.number(), self.pick("<", "<=", ">", ">=", "==", "!=")
        computed = f"{number} {self.pick('+', '-', '*', '/')} {self.number()}"
        hours = f"({self.random.randrange(9)}, {self.random.randrange(9, 24)})"
        days = f"(1, {self.random.randrange(1, 7)})"
        said = [
            f"{number} {sign} {self.pick('0', '1', 'few', '3', '2.5')}",
            f"{self.pick('1', 'few', '4')} {self.pick('<', '<=', '>', '>=')} {number}",
            f"{computed} {sign} {self.pick('1', 'few')}",
            f"since({self.instant()}) {self.pick('<', '<=', '>', '>=')} {self.time()}",
            f"since({self.instant()}) {self.pick('<', '>=')} {self.number()} * {self.time()}",
            f"until({self.instant()}) {self.pick('<', '<=', '>', '>=')} -1 * {self.time()}",
            f"{self.instant()} - {self.instant()} {self.pick('<', '>=')} {self.time()}",
            f"ratio_to_past({self.counted()}) {self.pick('<', '>=')} {self.pick('0.5', '1')}",
            f"bought('{self.random.choice(CATEGORIES)}')",
            f"bought('{self.random.choice(CATEGORIES)}', within={self.time()})",
            f"habit({self.pick('', repr('tea') + ', ')}hours={hours}, at_least=2)",
            f"habit(weekday={days}, at_least=1, within={self.time()})",
            self.sequence(),
            self.pick("trait('vip')", "trait('age') >= 18", "trait('level') == 'gold'"),
            self.pick("last", "first") + "(order_completed.channel) == 'web'",
            f"percentile(orders.revenue) {self.pick('>=', '<')} 0.9",
            *(f"in_segment('{name}')" for name in above[-1:]),
        ]
        return self.random.choice(said)

    def timed(self) -> str:
        """A condition that time turns after what happened, or back."""
        event = self.event()
        where, within = self.where(event), f"within={self.time()}"
        days = self.random.randrange(2, 9)
        before = f"within={days} * DAY, before={self.random.randrange(1, 2 * days)} * DAY"
        return self.pick(
            f"since({self.instant()}) {self.pick('<', '<=', '>', '>=')} {self.time()}",
            f"count({event}, {within}{where}) {self.pick('>=', '<')} {self.pick('1', 'few')}",
            f"count({event}, {before}{where}) {self.pick('>=', '<')} 1",
            f"distinct({event}.channel, {within}) {self.pick('>=', '<')} {self.pick('1', 'few')}",
            f"bought('{self.random.choice(CATEGORIES)}', {within})",
            self.sequence(),
        )

    def time(self) -> str:
        number = self.random.randrange(1, 30)
        return self.pick(
            "lately", f"{number} * DAY", f"{2 * number} * HOUR", "0.7 * HOUR", "2 * WEEK", "DAY / 3"
        )

    def event(self) -> str:
        return self.pick("product_viewed", "order_completed", '"Ping"', "product_viewed")

    def window(self, *, before: bool = True) -> str:
        said = self.random.random()
        if said < 0.3:
            return ""
        if said < 0.75 or not before:
            return f", within={self.time()}"
        days = self.random.randrange(2, 9)
        return f", within={days} * DAY, before={self.random.randrange(1, 2 * days)} * DAY"

    def where(self, event: str) -> str:
        of_event = [
            "channel == 'web'", "channel != 'store'", "hour >= 9", "weekday in (6, 7)",
            "not channel == 'app'", "channel not in ('web', 'app')", "'e' in channel",
        ]  # fmt: skip
        of_items = [
            "category == 'tea'", "price > cheap", "price == 2.01", "quantity >= few",
            "category in ('tea', 'cups')", "(price <= 2.01 or quantity > 1)",
            "not (category == 'tea' and price > 5)",
        ]  # fmt: skip
        of_orders = ["revenue > 10", "lines >= 2", "revenue >= cheap and category == 'cups'"]
        known = of_event + (of_items if event != '"Ping"' else [])
        known += of_orders if event == "order_completed" else []
        if self.random.random() < 0.4:
            return ""
        said = self.random.choice(known)
        if self.random.random() < 0.3:
            said += f" {self.pick('and', 'or')} {self.random.choice(known)}"
        return f", where={said}"

    def counted(self) -> str:
        event = self.event()
        within = f", within={self.random.randrange(2, 12)} * DAY"
        return f"count({event}{within}{self.where(event)})"

    def number(self) -> str:
        event, any_event = self.pick("product_viewed", "order_completed"), self.event()
        where, added = self.where(event), self.pick("sum", "avg")
        counted = f"count({any_event}{self.window()}{self.where(any_event)})"
        price, kind = self.pick("price", "quantity"), self.pick("category", "channel")
        return self.pick(
            counted,
            counted,
            f"{added}({event}.{price}{self.window()}{where})",
            f"{added}(order_completed.revenue{self.window()})",
            f"distinct({event}.{kind}{self.window(before=False)}{where})",
            "orders.count",
        )

    def instant(self) -> str:
        event = self.event()
        return self.random.choice([
            "orders.last", "seen.first",
            f"last({event}{self.where(event)})", f"first({event}{self.where(event)})",
            self.sequence(),
        ])  # fmt: skip

    def sequence(self) -> str:
        def step() -> str:
            event = self.event()
            where = self.where(event)
            return f"{event}({where[2:]})" if where and event != '"Ping"' else event

        negated = self.pick("", "not ")
        return f"sequence({step()}, then={negated}{step()}, within={self.time()})"


def happened(random: Random, time_ms: int) -> Happened:
    channel = random.choice(["web", "app", "store", None])
    said = {} if channel is None else {"channel": channel}

    def item() -> dict[str, object]:
        category = random.choice(CATEGORIES)
        found: dict[str, object] = {"category": category, "quantity": random.choice([1, 1, 2, 3])}
        if random.random() < 0.8:
            found["price"] = random.choice([2.01, 5.5, 9.0])
        return found

    match random.randrange(8):
        case 0 | 1:
            items = tuple(item() for _ in range(random.randrange(4)))
            revenue = random.choice([3.0, 8.29, 20.0])
            return Happened("order_completed", time_ms, {**said, "revenue": revenue}, items)
        case 2 | 3:
            return Happened("Ping", time_ms, said)
        case 4:
            traits = {"vip": [True, False, "yes"], "age": [17, 18.5], "level": ["gold", "tin"]}
            name = random.choice(list(traits))
            return Happened("identified", time_ms, {name: random.choice(traits[name])})
    return Happened("product_viewed", time_ms, said, (item(),))


def record(event: Happened, number: int) -> r.CustomerEvent:
    """The event as the customers' log holds it."""

    def thing(said: dict[str, object]) -> r.Item:
        price = said.get("price")
        micros = None if price is None else round(float(str(price)) * MICROS)
        return r.Item(category=str(said["category"]), quantity=int(str(said["quantity"])),
                      price_micros=micros)  # fmt: skip

    fields = head(event.time_ms, channel=event.said.get("channel"))
    items = tuple(thing(one) for one in event.items)
    match event.name:
        case "order_completed":
            revenue = round(event.said["revenue"] * MICROS)
            return r.OrderCompleted(
                **fields, order_id=f"n{number}", revenue_micros=revenue, items=items
            )
        case "Ping":
            return r.Custom(**fields, name="Ping")
        case "identified":
            return r.Identified(**fields, traits=event.said)
    return r.ProductViewed(**fields, item=items[0])


def story(random: Random, length: int = 18) -> list[Happened]:
    """What a customer did, in order; no two things at one instant."""
    gaps = [7 * MINUTE, 40 * MINUTE, 5 * HOUR, 30 * HOUR, 9 * DAY]
    now_ms, found = START_MS + random.randrange(DAY), []
    for _ in range(length):
        now_ms += 1 + random.randrange(random.choice(gaps))
        found.append(happened(random, now_ms))
    return found


def file_of(enter: dict[str, str], leave: dict[str, str]) -> bytes:
    """A definitions file of conditions that go over several lines."""
    lines = []
    for name, text in enter.items():
        conditions = {"enter": text, **({"exit": leave[name]} if name in leave else {})}
        lines.append(f"  - name: {name}\n    purpose: p\n")
        for field, said in conditions.items():
            indented = said.replace("\n", "\n    ")
            lines.append(f"    {field}: |\n      {indented}\n")
    return (HEAD + "".join(lines)).encode()
