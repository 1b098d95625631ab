"""What a worker is told by its environment: `SHOAL_*`, read once, checked at start."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from stream.events.topics import EVENTS, FIRST_RUN, TOPICS, Topic
from stream.shell.environment import Environment, SettingError, existing_file, one_of
from stream.shell.http_tokens import require_tokens_off_loopback
from stream.shell.privacy import Privacy, read_privacy
from stream.shell.security import Security, read_security

__all__ = ["PARTITIONS_MAX", "SettingError", "Settings", "read_settings"]

PARTITIONS_MAX = 1024

STALL_S_MIN = 15
"""Others take a dead broker's partitions once its session has ended, after 9 s, and they are
elected: whoever waits for that does not stand still."""

_OF_RUN = frozenset(topic.name for topic in TOPICS if topic.of_run)

MEMORY, ROCKSDB = "memory", "rocksdb"

CACHE_BYTES_MIN = 8 << 20
CACHE_BYTES_MAX = 1 << 40


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """A worker's settings, in the units that their names say.

    broker            bootstrap servers, host:port, comma separated
    app               names the consumer group and the transactional ids
    incarnation       names this run over the log; part of every change's id
    partitions        of every partitioned topic; another number needs another run (`shoal rebuild`)
    events_partitions  of the raw topic, where those are fewer; 0: as many
    topic_prefix      before every topic's name: several installations on one broker
    events_topic      the raw topic, where the shop already has one
    segments          file with the segment definitions; None: the built-in pack
    segments_at_start  yield to definitions that were published by command, or publish nevertheless
    clusters          learn clusters and assign customers to them
    cluster_interval_s  between two cluster models, at least
    http_tokens       file with the hashes of who may ask; needed where others can reach the host
    http_socket       where to listen instead of host and port; a parent of processes sets it
    store             where rows are: memory, or rocksdb, on disk with the hot ones in memory
    store_folder      of the local stores; this worker's alone
    store_cache_bytes  of memory, for all the stores of this worker together
    standby           keep the stores of other workers' partitions up as well
    delivery          transactional, plain, or auto: plain where the broker has no transactions
    """

    broker: str = "127.0.0.1:9092"
    app: str = "shoal"
    shop: str = "shop"
    incarnation: str = "1"
    partitions: int = 8
    events_partitions: int = 0
    topic_prefix: str = ""
    events_topic: str = "events"
    segments: Path | None = None
    http_host: str = "127.0.0.1"
    http_port: int = 9464
    http_socket: Path | None = None
    http_tokens: Path | None = None
    delivery: str = "auto"
    compression: str | None = None
    replication: int = 0
    create_topics: bool = False
    session_timeout_ms: int = 10_000
    commit_interval_max_ms: int = 100
    batch_records_max: int = 2_000
    tick_interval_ms: int = 250
    clusters: bool = True
    cluster_interval_s: int = 300
    stall_s: float = 120.0
    source_stall_s: float = 60.0
    log_level: str = "INFO"
    security: Security = field(default_factory=Security)
    privacy: Privacy = field(default_factory=Privacy)
    segments_at_start: str = "yield"
    store: str = MEMORY
    store_folder: Path | None = None
    store_cache_bytes: int = 256 << 20
    standby: bool = False

    def topic(self, name: str) -> str:
        """A registered topic's name on this broker."""
        if name == EVENTS.name:
            return self.topic_prefix + self.events_topic
        own = name in _OF_RUN and self.incarnation != FIRST_RUN
        return f"{self.topic_prefix}{name}.{self.incarnation}" if own else self.topic_prefix + name

    @property
    def group(self) -> str:
        """The consumer group, and what the transactional ids begin with: each run has its own."""
        return self.app if self.incarnation == FIRST_RUN else f"{self.app}.{self.incarnation}"

    @property
    def sources(self) -> int:
        """Partitions of the raw topic."""
        return self.events_partitions or self.partitions

    def partition_count(self, topic: Topic) -> int:
        """How many partitions a registered topic has in this installation."""
        return self.sources if topic == EVENTS else topic.partition_count(self.partitions)


def read_settings(environment: Mapping[str, str]) -> Settings:
    """Settings from variables; one that is not set keeps its default.

    Raises
    ------
    SettingError
        Names the variable, what is wrong with its value, and what it may be.
    """
    read, usual = Environment(environment), Settings()
    http_host = read.text("HTTP_HOST", usual.http_host, str)
    tokens = read.optional("HTTP_TOKENS_FILE", existing_file)
    require_tokens_off_loopback(http_host, tokens)
    deliveries = one_of("auto", "transactional", "plain")
    partitions = read.number("PARTITIONS", usual.partitions, 1, PARTITIONS_MAX)
    session_ms = read.number("SESSION_TIMEOUT_MS", usual.session_timeout_ms, 500, 300_000)
    store = read.text("STORE", MEMORY, one_of(MEMORY, ROCKSDB))
    folder = read.optional("STORE_DIR", Path)
    if store == ROCKSDB and folder is None:
        raise SettingError("SHOAL_STORE_DIR", "SHOAL_STORE=rocksdb needs a folder of its own")
    if store == MEMORY and read.flag("STANDBY"):
        raise SettingError("SHOAL_STANDBY", "keeps local stores up: set SHOAL_STORE=rocksdb")
    return Settings(
        broker=read.text("BROKER", usual.broker, _addresses),
        app=read.text("APP", usual.app, _name),
        shop=read.text("SHOP", usual.shop, _name),
        incarnation=read.text("INCARNATION", usual.incarnation, _name),
        partitions=partitions,
        events_partitions=_sources(read, partitions),
        topic_prefix=read.text("TOPIC_PREFIX", usual.topic_prefix, _name),
        events_topic=read.text("EVENTS_TOPIC", usual.events_topic, _name),
        segments=read.optional("SEGMENTS", existing_file),
        http_host=http_host,
        http_port=read.number("HTTP_PORT", usual.http_port, 0, 65535),
        http_socket=read.optional("HTTP_SOCKET", Path),
        http_tokens=tokens,
        delivery=read.text("DELIVERY", usual.delivery, deliveries),
        compression=read.optional("COMPRESSION", one_of("gzip", "snappy", "lz4", "zstd")),
        replication=read.number("REPLICATION", usual.replication, 0, 16),
        create_topics=read.flag("CREATE_TOPICS"),
        session_timeout_ms=session_ms,
        commit_interval_max_ms=read.number("COMMIT_INTERVAL_MAX_MS", 100, 0, 10_000),
        batch_records_max=read.number("BATCH_RECORDS_MAX", 2_000, 1, 100_000),
        tick_interval_ms=read.number("TICK_INTERVAL_MS", 250, 10, 60_000),
        clusters=read.optional("CLUSTERS", one_of("on", "off")) != "off",
        cluster_interval_s=read.number("CLUSTER_INTERVAL_S", 300, 1, 86_400),
        stall_s=_stall_s(read, session_ms),
        source_stall_s=read.number("SOURCE_STALL_S", 60, 1, 86_400),
        log_level=read.text("LOG_LEVEL", "INFO", one_of("DEBUG", "INFO", "WARNING", "ERROR")),
        security=read_security(read),
        privacy=read_privacy(read),
        segments_at_start=read.text("SEGMENTS_AT_START", "yield", one_of("yield", "publish")),
        store=store,
        store_folder=folder if store == ROCKSDB else None,
        store_cache_bytes=read.number(
            "STORE_CACHE_BYTES", usual.store_cache_bytes, CACHE_BYTES_MIN, CACHE_BYTES_MAX
        ),
        standby=read.flag("STANDBY"),
    )


def _sources(read: Environment, partitions: int) -> int:
    """How many partitions the raw topic has; each is routed by the owner of its number."""
    sources = read.number("EVENTS_PARTITIONS", 0, 0, partitions)
    if sources == 1 < partitions:
        # One partition would be dealt with the clock's, and not with the customers' first one.
        raise SettingError("SHOAL_EVENTS_PARTITIONS", "give the raw topic 2 partitions at least")
    return sources


def _stall_s(read: Environment, session_ms: int) -> int:
    """When a worker that stands still ends: once it has waited for another's session to end."""
    stall_s = read.number("STALL_S", 120, STALL_S_MIN, 86_400)
    if stall_s * 1000 <= session_ms:
        raise SettingError(
            "SHOAL_STALL_S",
            f"{stall_s} s are over before a dead worker's session of {session_ms} ms; set more, or "
            "a shorter SHOAL_SESSION_TIMEOUT_MS",
        )
    return stall_s


def _name(text: str) -> str:
    # Kafka's rule for topics and groups, and there is no URL or file name that it would break.
    if not all(c.isascii() and (c.isalnum() or c in "._-") for c in text) or len(text) > 100:
        raise ValueError("may have letters, digits, '.', '_' and '-', and at most 100 of them")
    return text


def _addresses(text: str) -> str:
    for address in text.split(","):
        host, colon, port = address.strip().rpartition(":")
        if not host or not colon or not port.isdigit():
            raise ValueError(f"{address[:60]!r} is not host:port")
    return text
