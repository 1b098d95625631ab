"""Properties as bytes, to one typed struct of `properties`."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final, Generic, TypeVar, get_args

import msgspec
from msgspec import Struct, structs

from stream.events.labels import label
from stream.events.properties import ITEMS_MAX, TEXT_MAX, Product, Text
from stream.events.rejection import RejectedEventError, of_validation

P = TypeVar("P", bound=Struct)


class PropertiesDecoder(Generic[P]):
    """Decodes one kind of properties: typed at first, and leniently where that fails.

    The lenient way costs ten times as much. It cuts what is too long, makes text of numbers where
    text is due, and reads PHP's empty array as the empty object that it stands for.
    """

    def __init__(self, kind: type[P]) -> None:
        self.kind = kind
        self._texts = _text_names(kind)
        self.decode: Callable[[bytes | msgspec.Raw], P] = msgspec.json.Decoder(
            kind, strict=False
        ).decode

    def decode_leniently(
        self, raw: bytes | msgspec.Raw, error: msgspec.ValidationError
    ) -> tuple[P, bool]:
        """The properties after the typed decode's `error`, and whether something was cut.

        Raises
        ------
        RejectedEventError
            `wrong_type` or `out_of_range`, with the path below `$.properties`.
        """
        try:
            content = msgspec.json.decode(raw) or {}
        except msgspec.ValidationError:
            raise of_validation(error, "$.properties") from None
        try:
            if not isinstance(content, dict):
                raise RejectedEventError("wrong_type", "$.properties", "Expected `object`")
            cut = _tidy(content, self._texts)
            products = content.get("products")
            if isinstance(products, list):
                cut |= len(products) > ITEMS_MAX
                content["products"] = products[:ITEMS_MAX]
                for product in products[:ITEMS_MAX]:
                    if isinstance(product, dict):
                        cut |= _tidy(product, _PRODUCT_TEXTS)
            return msgspec.convert(content, self.kind, strict=False), cut
        except msgspec.ValidationError as again:
            raise of_validation(again, "$.properties") from None


def _text_names(kind: type[Struct]) -> frozenset[str]:
    """Names of the fields in which a text of any length, or a number, stands for a short text."""
    return frozenset(
        found.encode_name for found in structs.fields(kind) if Text in get_args(found.type)
    )


def _tidy(content: dict[str, Any], texts: frozenset[str]) -> bool:
    cut = False
    for name in texts.intersection(content):
        value = content[name]
        if isinstance(value, int | float) and not isinstance(value, bool):
            content[name] = value = label(value)
        if isinstance(value, str) and len(value) > TEXT_MAX:
            content[name] = value[:TEXT_MAX]
            cut = True
    return cut


_PRODUCT_TEXTS: Final = _text_names(Product)
