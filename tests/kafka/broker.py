"""A real Apache Kafka as a child process: one node, KRaft, on loopback, with its own data folder.

The jars come from Maven once and stay in the user's cache folder. Nothing here needs pytest: the
benchmarks start the same broker.
"""

from __future__ import annotations

import base64
import os
import shutil
import signal
import socket
import subprocess
import tempfile
import time
import uuid
from collections.abc import Sequence
from pathlib import Path

from stream.shell.child import start_child

KAFKA_VERSION = "4.1.0"
START_TIMEOUT_S = 120.0
STOP_TIMEOUT_S = 20.0
RESOLVE_TIMEOUT_S = 600.0

QUICK = ("-XX:TieredStopAtLevel=1",)
"""A start takes a third less, and what a test asks of a broker is soon done."""

_STARTED_BY = "kafka.server.KafkaRaftServer"
_STARTED = b"Kafka Server started"

_POM = f"""<project xmlns="http://maven.apache.org/POM/4.0.0">
  <modelVersion>4.0.0</modelVersion>
  <groupId>shoal</groupId><artifactId>kafka-for-tests</artifactId><version>1</version>
  <dependencies><dependency>
    <groupId>org.apache.kafka</groupId><artifactId>kafka_2.13</artifactId>
    <version>{KAFKA_VERSION}</version>
  </dependency><dependency>
    <groupId>org.slf4j</groupId><artifactId>slf4j-simple</artifactId><version>1.7.36</version>
  </dependency></dependencies>
</project>
"""

_PROPERTIES = """process.roles=broker,controller
node.id=1
controller.quorum.voters=1@127.0.0.1:{controller}
listeners=PLAINTEXT://127.0.0.1:{port},CONTROLLER://127.0.0.1:{controller}{secure}{behind}
advertised.listeners=PLAINTEXT://127.0.0.1:{port}{secure}{proxied}
controller.listener.names=CONTROLLER
inter.broker.listener.name=PLAINTEXT
listener.security.protocol.map=PLAINTEXT:PLAINTEXT,CONTROLLER:PLAINTEXT,PROXIED:PLAINTEXT,SECURE:SASL_SSL
log.dirs={data}
log.message.timestamp.type=LogAppendTime
auto.create.topics.enable=false
delete.topic.enable=true
offsets.topic.replication.factor=1
offsets.topic.num.partitions=4
transaction.state.log.replication.factor=1
transaction.state.log.min.isr=1
transaction.state.log.num.partitions=8
group.initial.rebalance.delay.ms=0
group.min.session.timeout.ms=500
broker.session.timeout.ms=2000
broker.heartbeat.interval.ms=300
log.cleaner.backoff.ms=500
log.initial.task.delay.ms=500
message.max.bytes=4194304
replica.fetch.max.bytes=4194304
"""

SECURE_USER, SECURE_PASSWORD = "shoal", "s3cret"

_SECURE_PROPERTIES = f"""listener.name.secure.ssl.keystore.location={{keystore}}
listener.name.secure.ssl.keystore.password=changeit
listener.name.secure.ssl.key.password=changeit
listener.name.secure.ssl.keystore.type=PKCS12
listener.name.secure.sasl.enabled.mechanisms=PLAIN
listener.name.secure.plain.sasl.jaas.config=\\
 org.apache.kafka.common.security.plain.PlainLoginModule required \\
 user_{SECURE_USER}="{SECURE_PASSWORD}";
"""


class BrokerUnavailableError(RuntimeError):
    """This machine cannot run Kafka: Java or Maven is missing, or the jars cannot be had."""


class Broker:
    """One broker's life.

    Parameters
    ----------
    folder
        Holds data, configuration and the log of this broker; survives `kill` and `start`.
    is_secure
        Whether it also listens with TLS and passwords, at `secure_address`.
    proxied_port
        Of a proxy before the listener at `port_behind_proxy`: who asks there is sent there for all.
    """

    java_options: Sequence[str] = (*QUICK, "-Xmx512m")

    def __init__(
        self, folder: Path, *, is_secure: bool = False, proxied_port: int | None = None
    ) -> None:
        self.folder = folder
        self.port = 0
        self.secure_port = 0
        self.port_behind_proxy = 0
        self.cluster_id = new_cluster_id()
        self._is_secure = is_secure
        self._proxied_port = proxied_port
        self._process: subprocess.Popen[bytes] | None = None
        self._logged_bytes = 0

    @property
    def address(self) -> str:
        return f"127.0.0.1:{self.port}"

    @property
    def secure_address(self) -> str:
        return f"127.0.0.1:{self.secure_port}"

    @property
    def certificate(self) -> Path:
        """What clients of `secure_address` verify it with."""
        return self.folder / "certificate.pem"

    @property
    def is_running(self) -> bool:
        return self._process is not None and self._process.poll() is None

    @property
    def pid(self) -> int:
        """Of the running process."""
        assert self._process is not None
        return self._process.pid

    @property
    def log(self) -> Path:
        return self.folder / "broker.log"

    def start(self) -> Broker:
        """Format the data folder at the first start, run the broker, wait until it answers."""
        self.launch()
        self.wait_until_it_answers()
        return self

    def launch(self) -> None:
        """The same without the wait: of a cluster none answers before most are there."""
        libraries = kafka_libraries()
        properties = self.folder / "server.properties"
        if not properties.exists():
            self._format(libraries, properties)
        with self.log.open("ab") as log:
            words = [*self._java(libraries), "kafka.Kafka", str(properties)]
            self._process = start_child(words, output=log)

    def stop(self) -> None:
        """Shut down in good order; leaders and coordinators close their logs."""
        self._end(signal.SIGTERM)

    def kill(self) -> None:
        self._end(signal.SIGKILL)

    def pause(self) -> None:
        """Freeze the process: connections stay open and nobody answers."""
        self._signal(signal.SIGSTOP)

    def resume(self) -> None:
        self._signal(signal.SIGCONT)

    def _format(self, libraries: Path, properties: Path) -> None:
        self.port, controller, self.secure_port, self.port_behind_proxy = self.choose_ports()
        is_proxied = self._proxied_port is not None
        text = _PROPERTIES.format(
            port=self.port,
            controller=controller,
            data=self.folder / "data",
            secure=f",SECURE://{self.secure_address}" if self._is_secure else "",
            behind=f",PROXIED://127.0.0.1:{self.port_behind_proxy}" if is_proxied else "",
            proxied=f",PROXIED://127.0.0.1:{self._proxied_port}" if is_proxied else "",
        )
        if self._is_secure:
            text += _SECURE_PROPERTIES.format(keystore=self._make_keystore())
        properties.write_text(text + self.more_properties(controller))
        words = [*self._java(libraries), "kafka.tools.StorageTool", "format"]
        words += ["-t", self.cluster_id, "-c", str(properties), *self.format_words()]
        done = subprocess.run(words, capture_output=True, text=True, check=False, timeout=60)
        if done.returncode != 0:
            said = (done.stderr or done.stdout)[-500:]
            raise BrokerUnavailableError(
                f"formatting the data folder failed ({done.returncode}): {said}"
            )

    def choose_ports(self) -> list[int]:
        """For clients, the controller, TLS and who comes by a proxy."""
        return free_ports(4)

    def more_properties(self, controller: int) -> str:
        """More lines of its configuration, which outrank those above; `controller` is a port."""
        return ""

    def format_words(self) -> list[str]:
        """More words for the tool that formats the data folder."""
        return []

    def _make_keystore(self) -> Path:
        keystore = self.folder / "keystore.p12"
        common = ["-keystore", str(keystore), "-storepass", "changeit", "-alias", "broker"]
        pair = ["-genkeypair", "-keyalg", "RSA", "-storetype", "PKCS12", "-dname", "CN=broker"]
        _keytool(*pair, "-ext", "SAN=ip:127.0.0.1", *common)
        _keytool("-exportcert", "-rfc", "-file", str(self.certificate), *common)
        return keystore

    def wait_until_it_answers(self) -> None:
        """Wait for its word that it is up.

        Raises
        ------
        BrokerUnavailableError
            It ended, or said nothing in time.
        """
        deadline = time.monotonic() + START_TIMEOUT_S
        while time.monotonic() < deadline:
            if self._process is None or self._process.poll() is not None:
                raise BrokerUnavailableError(f"the broker ended at once: {self._tail()}")
            if _STARTED in self.log.read_bytes()[self._logged_bytes :]:
                self._logged_bytes = self.log.stat().st_size
                return
            time.sleep(0.05)
        self.kill()
        raise BrokerUnavailableError(f"no answer within {START_TIMEOUT_S:.0f} s: {self._tail()}")

    def _java(self, libraries: Path) -> list[str]:
        # Warnings, and the one line that says that the broker is up.
        logging = "-Dorg.slf4j.simpleLogger"
        levels = [f"{logging}.defaultLogLevel=warn", f"{logging}.log.{_STARTED_BY}=info"]
        return ["java", *self.java_options, "-XX:+UseG1GC", *levels, "-cp", f"{libraries}/*"]

    def _tail(self) -> str:
        return self.log.read_text(errors="replace")[-800:]

    def _signal(self, number: int) -> None:
        if self._process is not None and self._process.poll() is None:
            self._process.send_signal(number)

    def _end(self, number: int) -> None:
        if self._process is None:
            return
        self._signal(signal.SIGCONT)
        self._signal(number)
        try:
            self._process.wait(STOP_TIMEOUT_S)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait(STOP_TIMEOUT_S)
        self._process = None


def lasting_broker() -> Broker:
    """For measurements: it has time to compile itself well."""
    broker = new_broker()
    broker.java_options = ("-Xmx512m",)
    return broker


def new_broker(*, is_secure: bool = False, proxied_port: int | None = None) -> Broker:
    """A broker in a new folder under the system's temporary folder, not yet started."""
    folder = Path(tempfile.mkdtemp(prefix="shoal-kafka-"))
    return Broker(folder, is_secure=is_secure, proxied_port=proxied_port)


def discard(broker: Broker) -> None:
    """Stop the broker and remove its folder."""
    broker.kill()
    shutil.rmtree(broker.folder, ignore_errors=True)


def kafka_libraries() -> Path:
    """The folder with Kafka's jars; resolves them with Maven when it is not there yet.

    Raises
    ------
    BrokerUnavailableError
        Java or Maven is missing, or Maven could not resolve the jars.
    """
    if shutil.which("java") is None:
        raise BrokerUnavailableError("java is missing: install a Java 17 runtime")
    cache = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
    home = cache / "shoal" / f"kafka-{KAFKA_VERSION}"
    libraries = home / "libs"
    if not libraries.is_dir():
        _resolve(home, libraries)
    return libraries


def _resolve(home: Path, libraries: Path) -> None:
    if shutil.which("mvn") is None:
        raise BrokerUnavailableError("mvn is missing: install Maven, it fetches Kafka's jars")
    home.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=home) as work:
        pom = Path(work) / "pom.xml"
        pom.write_text(_POM)
        fresh = Path(work) / "libs"
        words = ["mvn", "-q", "-B", "-f", str(pom), "dependency:copy-dependencies"]
        words += [f"-DoutputDirectory={fresh}", "-DincludeScope=runtime"]
        try:
            done = subprocess.run(
                words, capture_output=True, text=True, check=False, timeout=RESOLVE_TIMEOUT_S
            )
        except subprocess.TimeoutExpired:
            raise BrokerUnavailableError("Maven did not resolve Kafka's jars in time") from None
        if done.returncode != 0:
            raise BrokerUnavailableError(f"Maven failed: {done.stdout[-500:]}")
        # Another run may have been quicker: its folder is as good.
        if not libraries.exists():
            fresh.rename(libraries)


def _keytool(*words: str) -> None:
    subprocess.run(["keytool", *words], capture_output=True, check=True, timeout=60)


def new_cluster_id() -> str:
    """What all nodes of a cluster are formatted with."""
    # One that begins with "-", as one of 64 does, would be read as an option.
    identity = b"\0" + uuid.uuid4().bytes[1:]
    return base64.urlsafe_b64encode(identity).decode().rstrip("=")


def free_ports(count: int) -> list[int]:
    """Ports of this machine that nobody listens on now."""
    sockets = [socket.socket() for _ in range(count)]
    try:
        for each in sockets:
            each.bind(("127.0.0.1", 0))
        return [each.getsockname()[1] for each in sockets]
    finally:
        for each in sockets:
            each.close()
