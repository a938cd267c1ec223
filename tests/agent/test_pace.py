"""The pace: when ticks come."""

from milepost_agent.pace import Pace


def test_tick_keeps_its_distance() -> None:
    """Ticks come each five seconds while moving, also where the loop is a little late."""
    pace = Pace(5.0, 60.0, 0.0, now_s=100.0)
    assert pace.due_s == 105.0
    pace.ticked(105.2, parked=False)
    assert pace.due_s == 110.0


def test_tick_that_is_missed_is_not_made_up_for() -> None:
    """After a standstill of the machine the next tick is a whole distance away."""
    pace = Pace(5.0, 60.0, 0.0, now_s=100.0)
    pace.ticked(300.0, parked=False)
    assert pace.due_s == 305.0


def test_parked_vehicle_ticks_seldom() -> None:
    """While parked a tick comes each minute, and never more often than while moving."""
    pace = Pace(5.0, 60.0, 0.0, now_s=0.0)
    pace.ticked(5.0, parked=True)
    assert pace.due_s == 65.0
    slow = Pace(120.0, 60.0, 0.0, now_s=0.0)
    slow.ticked(120.0, parked=True)
    assert slow.due_s == 240.0


def test_hurry_brings_the_tick_at_once() -> None:
    """What cannot wait makes the tick due, and the next one keeps its distance to it."""
    pace = Pace(5.0, 60.0, 0.0, now_s=0.0)
    pace.ticked(5.0, parked=True)
    pace.hurry()
    assert pace.due_s <= 7.0
    pace.ticked(7.0, parked=False)
    assert pace.due_s == 12.0


def test_vehicle_that_is_parked_no_more_waits_as_a_moving_one() -> None:
    """The minute of a parked vehicle ends with its standing."""
    pace = Pace(5.0, 60.0, 0.0, now_s=0.0)
    pace.ticked(5.0, parked=True)
    pace.as_moving()
    assert pace.due_s == 10.0


def test_each_tick_may_send() -> None:
    """Where messages are not to be few, one may go at any time."""
    pace = Pace(5.0, 60.0, 0.0, now_s=0.0)
    pace.sent(5.0)
    assert pace.may_send(5.0)


def test_few_messages_leave_time_between_them() -> None:
    """After a message with all that was committed, the next one waits its time."""
    pace = Pace(5.0, 60.0, 60.0, now_s=0.0)
    assert pace.may_send(5.0)
    pace.sent(6.0)
    assert not pace.may_send(65.0)
    assert pace.may_send(66.0)


def test_hurry_sends_only_what_cannot_wait() -> None:
    """A turn of the vehicle is committed at once; a failing supply is told at once too."""
    pace = Pace(5.0, 60.0, 60.0, now_s=0.0)
    pace.sent(5.0)
    pace.hurry()
    assert not pace.may_send(7.0)
    pace.hurry(send=True)
    assert pace.may_send(7.0)


def test_newest_position_goes_as_seldom_as_messages() -> None:
    """While a message waits for its answer, no tick adds another one for the map."""
    pace = Pace(5.0, 60.0, 60.0, now_s=0.0)
    gone = [now_s for now_s in range(0, 180, 5) if pace.may_send_live(float(now_s))]
    assert gone == [0, 60, 120]
    always = Pace(5.0, 60.0, 0.0, now_s=0.0)
    assert all(always.may_send_live(float(now_s)) for now_s in range(0, 60, 5))
