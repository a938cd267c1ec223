"""Latencies are told within 3 %."""

import json

import pytest

from milepost_agent.latency import GROWTH, LatencyMeter


def test_latency_is_the_time_from_line_to_ack() -> None:
    """The percentiles of 1 to 1,000 ms are right within the width of a bucket."""
    meter = LatencyMeter()
    for n in range(1, 1001):
        meter.read(n, read_s=100.0)
        meter.stored(n, now_s=100.0 + n / 1000)
    assert meter.percentile_ms(0.5) == pytest.approx(500, rel=0.03)
    assert meter.percentile_ms(0.99) == pytest.approx(990, rel=0.03)
    assert meter.percentile_ms(1.0) == pytest.approx(1000, rel=0.03)
    assert sum(meter.buckets.values()) == 1000


def test_latency_of_nothing_is_unknown() -> None:
    """Before the first ack there is no latency, and it is not 0."""
    meter = LatencyMeter()
    meter.read(1, 0.0)
    assert meter.percentile_ms(0.5) is None
    assert meter.buckets == {}


def test_one_ack_measures_all_that_it_names_once() -> None:
    """An ack speaks for every fix up to its number, and a repeated one for none."""
    meter = LatencyMeter()
    for n in range(1, 11):
        meter.read(n, read_s=float(n))
    meter.stored(4, now_s=5.0)
    meter.stored(4, now_s=500.0)
    assert sum(meter.buckets.values()) == 4
    meter.stored(99, now_s=20.0)
    assert sum(meter.buckets.values()) == 10


def test_latency_of_no_time_is_counted() -> None:
    """An answer in the same instant is counted in the lowest bucket and not an error."""
    meter = LatencyMeter()
    meter.read(1, 5.0)
    meter.stored(1, 5.0)
    assert meter.percentile_ms(0.5) == pytest.approx(0.1, abs=0.05)


def test_buckets_can_be_read_back_from_json() -> None:
    """Bucket n holds latencies around GROWTH**n milliseconds, for whoever adds up many vehicles."""
    meter = LatencyMeter()
    meter.read(1, 0.0)
    meter.stored(1, 0.25)
    ((bucket, count),) = json.loads(json.dumps(meter.buckets)).items()
    assert GROWTH ** int(bucket) == pytest.approx(250, rel=0.03)
    assert count == 1
