"""The command `shoal`: one file per command, found by its name.

A command file has `add_parser(subparsers)` and `run(args) -> int`, the exit code: 0 done,
1 it failed, 2 it was called wrongly.
Lives here: arguments, words on the terminal, the wiring of rooms below.
Never here: anything that another program would want to import.
"""
