"""Three real brokers on loopback, each a controller too, as deploy/production.env wants them.

One may fail then, and nothing that was committed is lost. What the file says of brokers is what
they are started with, so a setting that does not hold there is seen here.
"""

from __future__ import annotations

import re
import shutil
import tempfile
from pathlib import Path

from tests.kafka.broker import QUICK, Broker, free_ports, new_cluster_id

NODES = 3
PRODUCTION = Path(__file__).parents[2] / "deploy" / "production.env"

# Who may do what is asked of a secured broker elsewhere; here everybody comes unnamed.
_LEFT_OUT = ("authorizer.class.name",)


def documented_settings() -> dict[str, str]:
    """What deploy/production.env says of the brokers, by the names of Kafka's settings."""
    # Its table of them is indented; the sentences around it are not.
    table = [line for line in PRODUCTION.read_text().splitlines() if line.startswith("#   ")]
    found = dict(re.findall(r"(\S+)=(\S+)", "\n".join(table)))
    return {name: value for name, value in found.items() if name not in _LEFT_OUT}


class Node(Broker):
    """One of a cluster; it answers when most of them are up."""

    java_options = (*QUICK, "-Xmx256m")

    def __init__(self, folder: Path, number: int, ports: list[int], voters: str) -> None:
        super().__init__(folder)
        self.number = number
        self.port = ports[0]
        self._ports = ports
        self._voters = voters

    def choose_ports(self) -> list[int]:
        return self._ports

    def more_properties(self, controller: int) -> str:
        own = {"node.id": str(self.number), "controller.quorum.voters": self._voters}
        settings = own | documented_settings()
        return "".join(f"{name}={value}\n" for name, value in settings.items())


class Cluster:
    """Three nodes; what a round may ask of one broker it may ask of all of them."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        free = free_ports(4 * NODES)
        ports = [free[first : first + 4] for first in range(0, len(free), 4)]
        voters = ",".join(f"{n}@127.0.0.1:{each[1]}" for n, each in enumerate(ports, start=1))
        identity = new_cluster_id()
        self.nodes: dict[int, Node] = {}
        for number, each in enumerate(ports, start=1):
            own = folder / f"node-{number}"
            own.mkdir(parents=True)
            self.nodes[number] = Node(own, number, each, voters)
            self.nodes[number].cluster_id = identity

    @property
    def address(self) -> str:
        return ",".join(node.address for node in self.nodes.values())

    @property
    def is_running(self) -> bool:
        return all(node.is_running for node in self.nodes.values())

    def start(self) -> Cluster:
        """Start those that are down, together, and wait until each answers."""
        down = [node for node in self.nodes.values() if not node.is_running]
        for node in down:
            node.launch()
        for node in down:
            node.wait_until_it_answers()
        return self

    def resume(self) -> None:
        for node in self.nodes.values():
            node.resume()

    def kill(self) -> None:
        for node in self.nodes.values():
            node.kill()


def new_cluster() -> Cluster:
    """Three nodes in a new folder, not yet started."""
    return Cluster(Path(tempfile.mkdtemp(prefix="shoal-kafka-")))


def discard_cluster(cluster: Cluster) -> None:
    """End the nodes and remove their folders."""
    cluster.kill()
    shutil.rmtree(cluster.folder, ignore_errors=True)
