"""What rows let go of because they are bounded: by which rule, and how much of it, by part.

    part             bound                 what goes for a new one
    message_ids      2 * 512 (dedupe)      the older generation, though younger than a day: a retry
                                           of one of its events counts again
    cart_lines       50 (cart)             the line changed longest ago; of a whole cart, its end
    products_viewed  20 (cart)             the product seen longest ago, be it the new one
    first_looks      20 (looks)            the earliest first look
    wishes           20 (wishes)           the product wished for longest ago
    orders           32 (orders)           the oldest; it stays in the sums, and what is refunded of
                                           it later counts in those alone
    traits           50 (fold, merge)      the new trait
    channels         8 (fold, merge)       the new channel
    media            8 (messages)          the new medium; its word of consent is kept
    consent_words    32 (consents)         for a no the oldest yes, else the oldest no that matters
                                           less, else the new word
    values           64 (windows)          the value seen longest ago: a count of them stops there
    steps            8 (windows)           the oldest step of a sequence
    pasts_filled     64 (filled)           the mark of the oldest backfill that was taken in
    voice_channels   16 (voice)            the channel spoken on longest ago; in a merge the new one
    actions_waiting  16 (engine/arbiter)   the action of the least priority
    ways             8 (engine/identity)   the oldest address of what comes for the id

The newest is kept of what is a fact of its time, and the first of what is a name: names that come
later are usually a sender's mistake without end, such as a trait named by a date.

What is no loss is not counted: aliases beyond 64, which others keep; buckets that have left their
window, starts beyond what a cap can ask for, looks at the stock beyond the latest 24. Metrics alone
read these counts. They are the process's, which folds one batch at a time.
"""

from __future__ import annotations

_counts: dict[str, int] = {}


def shed(part: str, count: int = 1) -> None:
    """Count what a row has let go of."""
    _counts[part] = _counts.get(part, 0) + count


def take_shed() -> dict[str, int]:
    """What was let go of since this was last asked, by part."""
    found = dict(_counts)
    _counts.clear()
    return found
