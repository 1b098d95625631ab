"""What the simulated shop sells, before any seed: shelves with prices, sizes and habits."""

from __future__ import annotations

from dataclasses import dataclass

CLOTHES = ("XS", "S", "M", "L", "XL", "XXL")
SHOES = ("37", "38", "39", "40", "41", "42", "43", "44")


@dataclass(frozen=True, slots=True)
class Category:
    """A shelf.

    median_cents     price in the middle of the shelf
    sizes            of a product's variants; of packs, the pack size in `unit`
    return_factor    multiplies a customer's return ratio: shoes come back, coffee does not
    margin           share of the list price that is not cost
    refill_days      how long a pack of the middle size lasts; 0 for what is not used up
    life_days        how long a piece lasts in use; 0 for what does not wear
    """

    name: str
    nouns: tuple[str, ...]
    median_cents: int
    sizes: tuple[str, ...]
    return_factor: float
    margin: float
    refill_days: int = 0
    unit: str = ""
    life_days: int = 0


CATEGORIES: tuple[Category, ...] = (
    Category("Shoes", ("Sneaker", "Boot", "Loafer", "Runner"), 8990, SHOES, 1.3, 0.52,
             life_days=240),
    Category("Dresses", ("Wrap Dress", "Midi Dress", "Shirt Dress"), 6990, CLOTHES, 1.3, 0.58),
    Category("Shirts", ("Oxford Shirt", "Tee", "Polo", "Blouse"), 3490, CLOTHES, 1.1, 0.60),
    Category("Jackets", ("Parka", "Blazer", "Rain Jacket"), 13990, CLOTHES, 1.2, 0.55),
    Category("Trousers", ("Chino", "Jeans", "Joggers"), 5990, CLOTHES, 1.3, 0.56),
    Category("Bags", ("Backpack", "Tote", "Weekender"), 7990, ("one",), 0.8, 0.55),
    Category("Coffee", ("Espresso", "Filter Roast"), 1290, ("0.25", "0.5", "1"), 0.05, 0.42,
             18, "kg"),
    Category("Pet Food", ("Dry Food", "Wet Food"), 2690, ("2", "5", "10"), 0.05, 0.35, 26, "kg"),
    Category("Skin Care", ("Day Cream", "Serum", "Cleanser"), 2390, ("30", "50", "100"), 0.3, 0.65,
             40, "ml"),
    Category("Kitchen", ("Skillet", "Knife", "Grinder", "Carafe"), 4990, ("one",), 0.6, 0.45),
    Category("Lighting", ("Desk Lamp", "Floor Lamp", "Pendant"), 6490, ("one",), 0.8, 0.50),
    Category("Audio", ("Headphones", "Speaker", "Earbuds"), 11990, ("one",), 0.9, 0.28,
             life_days=540),
    Category("Toys", ("Building Set", "Puzzle", "Plush"), 2790, ("one",), 0.4, 0.42),
)  # fmt: skip

BRANDS = ("Nordvik", "Alder & Finch", "Marlo", "Kestrel", "Ostra", "Fjell", "Lumen", "Hazel Row")
ADJECTIVES = ("Classic", "Light", "Urban", "Pure", "Heritage", "Soft", "Bold", "Everyday")
COLOURS = ("black", "white", "navy", "olive", "sand", "rust", "grey")

QUERIES = {
    "Shoes": ("sneaker", "boots", "running shoes"),
    "Dresses": ("summer dress", "dress black", "midi"),
    "Shirts": ("white shirt", "polo", "t-shirt organic"),
    "Jackets": ("rain jacket", "parka", "blazer"),
    "Trousers": ("jeans", "chino slim"),
    "Bags": ("backpack", "tote bag"),
    "Coffee": ("espresso beans", "coffee"),
    "Pet Food": ("dog food", "cat food"),
    "Skin Care": ("serum", "day cream"),
    "Kitchen": ("skillet", "chef knife"),
    "Lighting": ("desk lamp", "pendant"),
    "Audio": ("headphones", "bluetooth speaker"),
    "Toys": ("puzzle", "building set"),
}
VAIN_QUERIES = ("gift card wrap xxl", "snekers", "vegan leather 52", "model k-900", "old mug")
"""Searches that the shop has no answer to."""
