import json
import signal
import socket
import subprocess
import sys

import pytest

from stream.cli import main as cli

pytestmark = pytest.mark.skipif(
    sys.platform == "win32", reason="the embedded broker has no Windows build"
)


def test_it_says_where_it_listens_and_ends_cleanly_on_interrupt():
    command = [sys.executable, "-m", "stream.cli.main", "broker", "--port", "0", "--json"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        host, port = json.loads(process.stdout.readline())["broker"].split(":")
        socket.create_connection((host, int(port)), timeout=5).close()
        process.send_signal(signal.SIGINT)
        assert process.wait(10) == 0
    with pytest.raises(ConnectionRefusedError):
        socket.create_connection((host, int(port)), timeout=5)


def test_a_taken_port_is_named_with_the_way_out(capsys: pytest.CaptureFixture[str]):
    with socket.socket() as holder:
        holder.bind(("127.0.0.1", 0))
        holder.listen()
        port = holder.getsockname()[1]
        assert cli.main(["broker", "--port", str(port)]) == 1
    said = capsys.readouterr().err
    assert f"port {port} is taken" in said
    assert "--port" in said
