"""What a profile's table leaves out."""

from __future__ import annotations

from tests.bench.profile import shares_of


def test_waiting_and_importing_are_no_work_and_recursion_counts_once():
    stacks = [
        "main (run.py:1);walk (tree.py:3);walk (tree.py:4) 2\n",
        "main (run.py:2);encode (json.py:9) 6\n",
        "main (run.py:2);select (selectors.py:451) 90\n",
        "main (run.py:1);_find_and_load (<frozen importlib._bootstrap>:1);exec (x.py:1) 40\n",
    ]
    assert shares_of(stacks) == [
        ("encode (json.py)", 0.75, 0.75),
        ("walk (tree.py)", 0.25, 0.25),
    ]
