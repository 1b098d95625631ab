"""The schemas are those of the code, and what is really sent and written is valid by them."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import jsonschema
import msgspec
import pytest
import yaml
from referencing import Registry, Resource
from referencing.jsonschema import DRAFT202012

from stream.cli import schemas as command
from stream.cli.main import main
from stream.cli.schema_asyncapi import DEAD_LETTER_HEADERS
from stream.engine.effects import DeadRecord, StoredRecord
from stream.events.changes import Leaf, Membership, SegmentChanged
from stream.events.cloudevent import encode_change, encode_membership
from stream.events.records import CartAdded, Item, Tick, encode_record
from stream.events.topics import TOPICS
from stream.shell.dead_letters import dead_letter_headers

FOLDER = Path(__file__).parents[1] / "schemas"
FILES = sorted(FOLDER.glob("*.json"))


def schema(name: str) -> dict[str, Any]:
    content: dict[str, Any] = json.loads((FOLDER / name).read_text(encoding="utf-8"))
    return content


def errors(name: str, instance: Any) -> list[str]:
    validator = jsonschema.Draft202012Validator(
        schema(name), format_checker=jsonschema.Draft202012Validator.FORMAT_CHECKER
    )
    return [f"{error.json_path}: {error.message}" for error in validator.iter_errors(instance)]


def call(event: str, **properties: Any) -> dict[str, Any]:
    return {"type": "track", "event": event, "userId": "u", "properties": properties}


def test_the_folder_is_what_the_code_says(project_root: Path, tmp_path: Path):
    assert (
        command.stale_files(
            FOLDER, {name: command.text(document) for name, document in command.documents().items()}
        )
        == []
    )
    assert main(["schemas", "--check", "--to", str(tmp_path)]) == 1
    assert main(["schemas", "--to", str(tmp_path)]) == 0
    assert main(["schemas", "--check", "--to", str(tmp_path)]) == 0


def test_a_stale_file_is_named(tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    main(["schemas", "--to", str(tmp_path)])
    (tmp_path / "memberships.json").write_text("{}")
    (tmp_path / "forgotten.json").write_text("{}")
    capsys.readouterr()
    assert main(["schemas", "--check", "--to", str(tmp_path)]) == 1
    assert "forgotten.json, memberships.json" in capsys.readouterr().err


@pytest.mark.parametrize(
    "file", [f for f in FILES if f.name != "asyncapi.json"], ids=lambda f: f.name
)
def test_every_schema_is_one(file: Path):
    content = json.loads(file.read_text(encoding="utf-8"))
    jsonschema.Draft202012Validator.check_schema(content)
    registry = Registry().with_resource("", Resource(content, DRAFT202012))
    references = {
        part["$ref"] for part in nested(content) if isinstance(part, dict) and "$ref" in part
    }
    for reference in references:
        assert registry.resolver().lookup(reference).contents


def nested(node: Any) -> list[Any]:
    inner = node.values() if isinstance(node, dict) else node if isinstance(node, list) else ()
    return [node, *(found for child in inner for found in nested(child))]


CHANGE = SegmentChanged(
    id="00c5f3", customer="c-17", segment="abandoned_cart", entered=True,
    time_ms=1_795_256_100_000, sequence=17, definition="1a2b", cause="timer",
    evidence=(Leaf("cart.items > 0", None, True, 2),), next_flip_ms=1_795_857_300_000,
    segments=("abandoned_cart", "regular"), historic=False, initial=False, valid_until_ms=None,
    control=False, action={},
)  # fmt: skip


def test_a_written_change_is_valid_and_a_wrong_one_is_not():
    written = json.loads(encode_change(CHANGE, "toys"))
    assert errors("segment-changes.json", written) == []
    for field, wrong in (("time", 5), ("type", "entered"), ("sequence", "x"), ("specversion", "2")):
        assert errors("segment-changes.json", {**written, field: wrong})
    assert errors("segment-changes.json", {"data": {}})


def test_a_written_membership_is_valid():
    written = encode_membership(
        Membership("c-17", {"loyal": 1_795_256_100_000}, 3, 1_795_256_100_000)
    )
    assert errors("memberships.json", json.loads(written)) == []
    assert errors("memberships.json", {"customer": "c-17"})


@pytest.mark.parametrize(
    "record",
    [Tick(clock_ms=5), CartAdded(time_ms=1, message_id=2, received_ms=3, item=Item(sku="S"))],
)
def test_a_record_of_the_customer_log_is_valid(record: Any):
    assert errors("customer-events.json", msgspec.msgpack.decode(encode_record(record))) == []
    assert errors("customer-events.json", [99, 1])


@pytest.mark.parametrize(
    "event",
    [
        call("Product Added", product_id=507, price="19.99", quantity=1, cart_id="x"),
        call("Order Completed", order_id=7, revenue=25, products=[{"sku": "a", "price": 1.5}]),
        call("Something Else", anything=[1, {"goes": "here"}]),
        {"type": "page", "anonymousId": "a", "properties": {"path": "/", "unknown": 1}},
    ],
)
def test_a_call_of_the_specification_is_valid(event: dict[str, Any]):
    assert errors("events.json", event) == []


@pytest.mark.parametrize(
    ("event", "place"),
    [
        ({"type": "track", "event": "Product Added"}, "$"),
        ({"type": "tracks", "userId": "u"}, "$.type"),
        (call("Product Added", price={"amount": 3}), "$.properties.price"),
        (call("Order Completed", products="two"), "$.properties.products"),
    ],
)
def test_a_wrong_call_is_refused_at_the_field(event: dict[str, Any], place: str):
    assert place in {found.split(":")[0] for found in errors("events.json", event)}


@pytest.mark.real
def test_the_specifications_own_examples_are_valid(shared_data: Path):
    lines = (shared_data / "segment_spec" / "payloads.jsonl").read_text("utf-8").splitlines()
    calls = [json.loads(line)["payload"] for line in lines]
    wrong = [errors("events.json", c) for c in calls if "userId" in c or "anonymousId" in c]
    assert len(wrong) > 30
    assert [found for found in wrong if found] == []


def test_the_built_in_pack_is_valid_by_the_schema_for_editors(project_root: Path):
    packs = list((project_root / "stream" / "segments").glob("*.yaml"))
    assert packs
    for pack in packs:
        found = yaml.safe_load(pack.read_text(encoding="utf-8"))
        content = json.loads(json.dumps(found, default=str))  # dates are texts to editors
        assert errors("definitions.json", content) == []
    assert errors("definitions.json", {"segments": [{"name": "x"}]})
    assert errors("definitions.json", [{"name": "x", "purpose": "p", "enter": "true"}]) == []


def test_asyncapi_names_every_topic_and_its_parts_exist():
    document = schema("asyncapi.json")
    assert set(document["channels"]) == {topic.name for topic in TOPICS}
    for part in nested(document):
        if isinstance(part, dict) and (reference := part.get("$ref")):
            if reference.startswith("./"):
                assert (FOLDER / reference).is_file()
                continue
            found: Any = document
            for step in reference.removeprefix("#/").split("/"):
                found = found[step]
            assert found


def test_asyncapi_declares_the_headers_that_dead_letters_carry():
    dead = DeadRecord(StoredRecord(4, 0, None, b"x"), "not_json", "$", "Expected JSON")
    headers = {name for name, _ in dead_letter_headers(dead, "events", 3, "decode", "2")}
    declared = schema("asyncapi.json")["components"]["messages"]["DeadLetter"]["headers"]
    assert headers == set(declared["properties"])
    assert len(headers) == len(DEAD_LETTER_HEADERS)
