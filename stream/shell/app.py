"""The Faust app of a worker: group membership and nothing else."""

from __future__ import annotations

from typing import Any

import faust

from stream.shell.assignor import LeanAssignor
from stream.shell.faust_private import GroupApp, QuickTables
from stream.shell.oauth import token_provider
from stream.shell.security import OAUTHBEARER, Security
from stream.shell.settings import Settings

POLL_RECORDS_MAX = 5_000
"""Records of one poll, of all partitions together."""


def new_app(settings: Settings, *, are_ends_exact: bool = True) -> GroupApp:
    """An app that is not yet started.

    `are_ends_exact` is False for the embedded broker, whose partitions seem to end too early.
    """
    session_s = settings.session_timeout_ms / 1000
    addresses = settings.broker.replace(",", ";kafka://")
    app = GroupApp(
        settings.group,
        broker=f"kafka://{addresses}",
        broker_credentials=_credentials(settings.security),
        broker_session_timeout=session_s,
        broker_heartbeat_interval=min(3.0, session_s / 4),
        broker_request_timeout=max(30.0, 3 * session_s),
        broker_rebalance_timeout=max(30.0, 3 * session_s),
        # Polls stop while backlogs are full, and a restore may take long: progress is watched
        # by the watchdog, which knows the difference.
        broker_max_poll_interval=86_400.0,
        broker_max_poll_records=POLL_RECORDS_MAX,
        # Nothing is acknowledged to Faust; the group's offsets go with the transactions.
        broker_commit_interval=86_400.0,
        consumer_auto_offset_reset="earliest",
        stream_wait_empty=False,
        topic_allow_declare=False,
        topic_disable_leader=True,
        # With 0 Faust deals partitions with another assignor, which ignores co-partitioning.
        table_standby_replicas=1,
        TableManager=QuickTables,
        PartitionAssignor=LeanAssignor,
        web_enabled=False,
        key_serializer="raw",
        value_serializer="raw",
    )
    app.are_ends_exact = are_ends_exact
    return app


def _credentials(security: Security) -> Any:
    context = security.ssl_context()
    if security.has_sasl and security.mechanism == OAUTHBEARER:
        return faust.OAuthCredentials(oauth_cb=token_provider(security.oauth), ssl_context=context)
    if security.has_sasl:
        return faust.SASLCredentials(
            username=security.username,
            password=security.password,
            mechanism=security.mechanism,
            ssl_context=context,
        )
    return None if context is None else faust.SSLCredentials(context=context)
