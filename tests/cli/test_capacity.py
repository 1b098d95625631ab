"""The arithmetic against numbers worked out by hand or by brute force."""

import dataclasses
import itertools
import json

import numpy as np
import pytest

from stream.cli.capacity_faults import simulate_death, simulate_rolling
from stream.cli.capacity_figures import FIELDS, Figures, measured_in
from stream.cli.capacity_limits import Heat, find_limits, limits_of
from stream.cli.capacity_plan import Plan, compute, event_us, fan_of
from stream.cli.capacity_skew import activity, loads_of, sample_skew
from stream.cli.main import main

FREE = Figures(
    keyed_ratio=1,
    log_records=1,
    worker_event_us=50,
    writer_transaction_us=0,
    writer_batch_us=0,
    reader_batch_us=0,
    transaction_ms=0,
    transaction_batch_ms=0,
    replication=1,
)
"""A world in which transactions cost nothing: what is left can be reckoned in the head."""


def world(**changes: float) -> Figures:
    return dataclasses.replace(FREE, **changes)


@pytest.mark.parametrize(("partitions", "events"), [(2, 3), (3, 4), (4, 5)])
def test_a_transaction_reaches_as_many_partitions_as_a_mean_over_all_ways_says(partitions, events):
    ways = list(itertools.product(range(partitions), repeat=events))
    mean = sum(len(set(way)) for way in ways) / len(ways)
    figures = Figures(log_records=1)
    assert fan_of(figures, partitions, events) == pytest.approx(mean)


def test_an_events_cost_is_its_own_and_its_share_of_the_transaction():
    figures = world(writer_transaction_us=1000, writer_batch_us=10, reader_batch_us=5)
    # A transaction of a partition every 6.4 ms, and a report with 6.4% of them.
    # 50 + (1000 + 4.064 batches written * 10 + 1 batch read * 5) / 100
    assert event_us(figures, 64, 100) == pytest.approx(60.4564)


def plan_by_hand() -> Plan:
    return compute(world(events=100_000, customers=10e6, partitions=40, worker_use=0.5))


def test_workers_partitions_and_memory():
    plan = plan_by_hand()
    # 100,000 * 50 us are 5 cores, at half use 10; 4 partitions each.
    assert (plan.workers, plan.partitions, plan.owned) == (10, 40, 4)
    assert plan.worker_busy == pytest.approx(0.5)
    # 1 M rows of 733 bytes, 10,000 live ones of 9 KB, and 150 MB.
    assert plan.worker_memory_gb == pytest.approx(0.733 + 0.090 + 0.150)
    # 16 cores and 64 GB a machine: cores decide.
    assert plan.machines == 1


def test_disks_and_changelog():
    plan = compute(
        world(
            events=1000, customers=1e6, partitions=4, mean_ratio=0.5, raw_kept_days=1,
            log_kept_days=2, changes_kept_days=10, raw_bytes=1000, log_bytes=100, changes=0.1,
            change_bytes=1000, row_bytes=500, dirty_ratio=0.5, segment_mb=50, replication=3,
        )
    )  # fmt: skip
    # Rows 0.5 GB, as much superseded, and 4 newest files of 50 MB.
    assert plan.changelog_gb == pytest.approx(1.2)
    # 500/s * 86,400 s * (1000 * 1 + 100 * 2 + 100 * 10) bytes are 95.04 GB; 3 copies of all.
    assert plan.disk_tb == pytest.approx(3 * (0.09504 + 0.0012))
    # 1.2 GB of 500 bytes over 4 partitions.
    assert plan.rows_restored == pytest.approx(600_000)
    assert plan.restore_s == pytest.approx(4)  # at 150,000 a second


def test_network_and_brokers():
    figures = world(
        events=1e6, partitions=64, raw_bytes=1000, log_bytes=100, rows_written=1, row_bytes=500,
        changes=0, batch_bytes=0, replication=3, broker_write_mb=400, broker_network_gbit=10,
        broker_use=0.5, broker_transaction_us=0, broker_batch_us=0, broker_record_us=1,
        copy_ratio=0.5, broker_cores=10,
    )  # fmt: skip
    plan = compute(figures)
    assert plan.written_mb == pytest.approx(1600)
    assert plan.read_mb == pytest.approx(1100)
    # Written three times at 400 MB/s; in 4800 MB/s = 38.4 Gbit/s at half of 10;
    # 3 M records of 1 us, twice for their copies, on 10 cores at half use.
    assert plan.broker_needs["writes"] == pytest.approx(12)
    assert plan.broker_needs["network"] == pytest.approx(7.68)
    assert plan.broker_needs["CPU"] == pytest.approx(1.2)


def test_a_worker_with_time_keeps_the_pace():
    plan = plan_by_hand()
    # 4 partitions at 4 ms; 2,500 events/s each.
    assert plan.interval_s == pytest.approx(0.016)
    assert plan.events_per_batch == pytest.approx(40)
    assert plan.transactions == pytest.approx(2500)


def test_a_worker_without_time_takes_batches_as_large_as_make_its_core_suffice():
    figures = Figures(events=1e6, partitions=512)
    plan = compute(figures)
    cores = 1e6 * event_us(figures, 512, plan.events_per_batch) / 1e6
    assert cores == pytest.approx(plan.workers, rel=1e-6)
    assert plan.interval_s > 4 * plan.owned / 1000


def test_input_keyed_by_customer_needs_fewer_workers_and_batches():
    any_key, keyed = compute(Figures()), compute(Figures(keyed_ratio=1))
    assert keyed.workers < any_key.workers
    assert keyed.batches < any_key.batches / 5
    assert keyed.fan == 1


def test_the_most_active_are_bounded_and_all_together_make_the_load():
    figures = world(events=2000, customers=200_000, activity_exponent=0.8, customer_rate_max=2)
    head, mass, square = activity(figures)
    # The same by brute force: the scale at which 200,000 bounded rates add up to 2,000.
    ranks = np.arange(1, 200_001) ** -0.8
    low, high = 0.0, 1e6
    for _ in range(200):
        scale = (low + high) / 2
        low, high = (low, scale) if np.minimum(scale * ranks, 2).sum() > 2000 else (scale, high)
    rates = np.minimum(high * ranks, 2)
    assert head.max() == 2
    assert head == pytest.approx(rates[: len(head)], rel=1e-4)
    assert mass == pytest.approx(rates[len(head) :].sum(), rel=1e-4)
    assert square == pytest.approx((rates[len(head) :] ** 2).sum(), rel=1e-4)


def test_the_bound_may_reach_beyond_those_who_are_placed_one_by_one():
    figures = world(events=190_000, customers=200_000, activity_exponent=0.1, customer_rate_max=1)
    head, mass, _ = activity(figures)
    assert head.min() == 1
    assert head.sum() + mass == pytest.approx(190_000)


def test_partitions_of_equal_customers_differ_as_the_normal_distribution_says():
    figures = world(events=1e6, customers=1e6, activity_exponent=0)
    skew = sample_skew(figures, partitions=10, workers=10)
    # Binomial: sd = sqrt(1e6 * 0.1 * 0.9) = 300 of 100,000; the mean of the largest of ten
    # standard normal values is 1.5388 (Tippett 1925).
    assert skew.partition == pytest.approx(1 + 1.5388 * 0.003, abs=0.0006)
    assert skew.worker == pytest.approx(skew.partition)


def test_a_draw_loses_nobody():
    figures = world(events=5000, customers=1e6)
    head, mass, square = activity(figures)
    loads = loads_of(head, mass, square, 16, np.random.default_rng(5))
    assert loads.sum() == pytest.approx(5000, rel=0.02)


def test_the_same_seed_gives_the_same_and_another_one_another():
    figures = world(events=5000, customers=1e6)
    first = sample_skew(figures, 16, 4, seed=1)
    assert first == sample_skew(figures, 16, 4, seed=1)
    assert first != sample_skew(figures, 16, 4, seed=2)


def four_workers(**changes: float) -> Plan:
    """One partition each, 8,000 events/s, of 20,000 that a core can do."""
    plan = compute(
        world(
            events=32_000, customers=4e5, partitions=4, worker_use=0.4, row_bytes=1000,
            dirty_ratio=0.5, segment_mb=0.0001, restore_rows=20_000, heartbeat_s=1.5, **changes,
        )
    )  # fmt: skip
    assert (plan.workers, plan.restore_s) == (4, pytest.approx(10, rel=1e-3))
    assert plan.rebalance_s == pytest.approx(2)
    return plan


def test_the_time_to_catch_up_after_a_death_is_that_of_a_queue():
    outcome = simulate_death(four_workers())
    # 10 s unseen and 2 s of rebalance: 96,000 wait, and 16,000 of the one who takes over. It
    # restores for 10 s at half speed, 6,000/s too slow; then it gains 4,000/s until a second's
    # worth is left.
    waiting = 96_000 + 16_000 + 10 * 6_000
    until_caught_up = 10 + 2 + 10 + (waiting - 16_000) / 4_000
    assert outcome.settled_s == pytest.approx(until_caught_up, abs=1.2)
    assert outcome.lag_s == pytest.approx(12, abs=0.2)
    assert outcome.others_lag_s == pytest.approx(2, abs=0.2)


def test_with_fan_out_a_death_stops_the_others_until_the_dead_ones_transactions_are_ended():
    outcome = simulate_death(four_workers(keyed_ratio=0.0, log_records=1.0))
    assert outcome.others_lag_s == pytest.approx(12, abs=0.3)


def test_without_room_for_a_dead_workers_work_nobody_catches_up():
    plan = compute(world(events=56_000, customers=1e5, partitions=4, worker_use=0.7))
    assert plan.workers == 4
    assert simulate_death(plan).settled_s is None


def test_a_rolling_restart_takes_all_in_turn_and_needs_others():
    plan = compute(world(events=32_000, customers=1e5, partitions=40, worker_use=0.4))
    one, two = simulate_rolling(plan, 1), simulate_rolling(plan, 2)
    assert one.settled_s is not None
    assert two.settled_s is not None
    # Four turns and two of two rebalances and a start each, at least.
    turn_s = 2 * plan.rebalance_s + plan.figures.start_s
    assert one.settled_s > 4 * turn_s
    assert 2 * turn_s < two.settled_s < one.settled_s
    assert simulate_rolling(plan, 4).settled_s is None


def test_limits_that_grow_with_a_product():
    plan = compute(world(events=1e6, customers=1e6, partitions=400, worker_use=0.5))
    assert plan.workers == 100
    found = {limit.name.partition(":")[0]: limit for limit in limits_of(plan, Heat(1.5, 2000))}
    # 100 workers of 640 bytes.
    assert found["the group"].used == pytest.approx(64)
    # 4 ticks/s, of nothing but their transaction, which costs nothing here.
    assert found["ticks"].used == 0
    # 400 summaries of 9 ms in 300 s.
    assert found["clusters"].used == pytest.approx(0.012)
    # 2,500 events/s, half as many again in the hottest, at 50 us.
    assert found["one partition"].used == pytest.approx(0.1875)
    assert found["one customer"].used == pytest.approx(0.1)


@pytest.mark.parametrize(("interval_ms", "reports"), [(100, 4000), (1, 25_000)])
def test_the_clock_hears_each_source_once_an_interval_and_at_most_with_every_batch(
    interval_ms, reports
):
    # 1,000,000 events/s on 400 partitions of 100 workers: 16 ms and 40 events a batch, so
    # 25,000 transactions/s; 400 sources tell ten times a second.
    figures = world(
        events=1e6, customers=1e6, partitions=400, worker_use=0.5, reader_batch_us=10,
        worker_event_us=49.98, report_interval_ms=interval_ms,
    )  # fmt: skip
    plan = compute(figures)
    clock = next(one for one in limits_of(plan, Heat(1, 5)) if one.name.startswith("the clock"))
    assert clock.used == pytest.approx(reports * 10 / 1e6)


def test_what_gives_first_stands_first():
    limits = find_limits(Figures(events=1e5, customers=1e7), 1.05, Heat(1.05, 5))
    told = [limit.gives_at or float("inf") for limit in limits]
    assert told == sorted(told)
    assert all(limit.gives_at is None or limit.gives_at > 100 for limit in limits)


def test_the_newest_report_that_has_a_figure_gives_it(tmp_path):
    def report(name: str, *figures: dict[str, object]) -> None:
        (tmp_path / f"bench-{name}.json").write_text(json.dumps({"figures": figures}))

    job = {"section": "throughput", "name": "Shoal, whole job", "cpu_us": 40.0, "value": 25_000}
    report("20260101T000000Z", job, {"section": "restore", "name": "restore", "value": 150_000})
    report("20260102T000000Z", job | {"cpu_us": 31.0})
    report("20260103T000000Z", job | {"cpu_us": None})
    (tmp_path / "bench-20260104T000000Z.json").write_text("no report")
    assert measured_in(tmp_path.glob("*.json")) == {
        "worker_event_us": (31.0, "bench-20260102T000000Z.json"),
        "restore_rows": (150_000.0, "bench-20260101T000000Z.json"),
    }


def capacity(capsys, *words: str) -> str:
    assert main(["capacity", *words]) == 0
    return str(capsys.readouterr().out)


def test_the_command_says_all_as_json_with_its_sources(tmp_path, capsys):
    words = ("--reports", str(tmp_path), "--json", "--events", "50000", "--customers", "2000000")
    found = json.loads(capacity(capsys, *words))
    assert found["figures"]["events"] == 50_000
    assert found["sources"] == {"events": "given", "customers": "given"}
    assert (
        found["plan"]["workers"]
        == compute(Figures(events=5e4, customers=2e6), found["skew"]["worker_p99"]).workers
    )
    assert {limit["name"].partition(":")[0] for limit in found["limits"]} >= {"memory", "fan-out"}


def test_the_command_prints_tables_and_every_figure_has_a_source(tmp_path, capsys):
    assert "What gives first" in capacity(capsys, "--reports", str(tmp_path), "--events", "50000")
    assert all(field.metadata["source"] and field.metadata["meaning"] for field in FIELDS)
    listed = capacity(capsys, "--reports", str(tmp_path), "--figures")
    assert "worker_event_us" in listed


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (("--events", "0"), "--events 0: there must be some"),
        (("--worker-use", "7"), "--worker-use 7: it is of 1"),
        (("--events", "-1"), "is not a number from 0"),
        (("--events", "inf"), "is not a number from 0"),
        (("--events", "many"), "invalid"),
    ],
)
def test_a_figure_that_cannot_be_is_refused(words, told, capsys):
    assert main(["capacity", *words]) == 2
    assert told in capsys.readouterr().err
