import subprocess
import sys

import pytest

import stream
from stream.cli import main as cli


def shoal(*words: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "stream.cli.main", *words],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


def test_without_a_word_it_shows_the_commands_and_fails_as_usage():
    done = shoal()
    assert done.returncode == 2
    assert "usage: shoal COMMAND" in done.stdout


def test_help_lists_every_command_with_a_line():
    listing = shoal("--help")
    assert listing.returncode == 0
    for name in cli.find_commands():
        line = next(line for line in listing.stdout.splitlines() if line.startswith(f"  {name} "))
        assert len(line.split(maxsplit=1)[1]) > 10, line


def test_help_imports_no_command():
    code = (
        "import sys; from stream.cli import main as m; m.main(['--help'])\n"
        "loaded = {'faust', 'aiokafka', 'river', 'numpy', 'msgspec', 'rich'} & set(sys.modules)\n"
        "sys.exit(repr(loaded) if loaded else 0)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


def test_version_is_the_package_version():
    assert shoal("--version").stdout == f"shoal {stream.__version__}\n"


def test_a_mistyped_command_is_answered_with_the_near_one(capsys: pytest.CaptureFixture[str]):
    assert cli.main(["brokr"]) == 2
    said = capsys.readouterr().err
    assert "brokr" in said
    assert "`shoal broker`" in said
    assert said.count("\n") == 1


@pytest.mark.parametrize("name", sorted(cli.find_commands()))
def test_every_command_helps_with_an_example(name: str, capsys: pytest.CaptureFixture[str]):
    assert cli.main([name, "--help"]) == 0
    text = capsys.readouterr().out
    assert f"shoal {name}" in text
    assert "example" in text.lower()


@pytest.mark.parametrize("name", sorted(cli.find_commands()))
def test_an_unknown_option_is_usage_not_failure(name: str, capsys: pytest.CaptureFixture[str]):
    assert cli.main([name, "--no-such-option"]) == 2
    assert capsys.readouterr().err.startswith(f"shoal {name}")


def test_a_failure_is_one_line_that_says_what_to_do(capsys: pytest.CaptureFixture[str]):
    assert cli.main(["broker", "--port", "70000"]) == 2
    said = capsys.readouterr().err
    assert said == "shoal broker: 70000 is no port; choose one from 0 to 65535\n"
