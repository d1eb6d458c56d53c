"""The contract of tasks: those of core pass, each broken one is found out."""

from dataclasses import replace

import numpy as np
import pytest
from wxml import Call, Task
from wxml.data.tasks.diagnose import Diagnose
from wxml.data.tasks.forecast import Forecast
from wxml.data.tasks.interpolate import Interpolate
from wxml.testing import TaskContract

HOUR = np.timedelta64(3600, "s")
NOW = (0 * HOUR,)
NEXT = Call(NOW, NOW, (6 * HOUR,))


class TestForecast(TaskContract):
    plugin = Forecast


class TestForecastWithOffsets(TaskContract):
    plugin = Forecast
    options = {"input_offsets": ["-24h", "-6h", "0h"], "output_offsets": ["6h", "12h"], "forcing_offsets": ["0h", "6h"]}


class TestForecastOnce(TaskContract):
    plugin = Forecast
    options = {"output_offsets": ["6h", "24h"], "shift": "0h"}


class TestInterpolate(TaskContract):
    plugin = Interpolate
    options = {"targets": ["1h", "2h", "5h"]}


class TestInterpolateBetweenMany(TaskContract):
    plugin = Interpolate
    options = {"inputs": ["-6h", "0h", "6h", "12h"], "targets": ["-3h", "2h", "3h", "9h"]}


class TestDiagnose(TaskContract):
    plugin = Diagnose


class TestDiagnoseLater(TaskContract):
    plugin = Diagnose
    options = {"inputs": ["-6h", "0h"], "target": "3h"}


class Steps(Task):
    """One step after the other."""

    found: tuple[Call, ...] = (NEXT,)
    again: np.timedelta64 | None = 6 * HOUR

    @property
    def calls(self) -> tuple[Call, ...]:
        return self.found

    @property
    def shift(self) -> np.timedelta64 | None:
        return self.again


class TestSteps(TaskContract):
    plugin = Steps


class NoCalls(Steps):
    found = ()


class Unlike(Steps):
    found = (NEXT, Call((), NOW, (12 * HOUR,)))
    again = 12 * HOUR


class Silent(Steps):
    found = (Call(NOW, NOW, ()),)


class Blind(Steps):
    found = (Call((), (), (6 * HOUR,)),)


class Backwards(Steps):
    found = (Call((0 * HOUR, -6 * HOUR), NOW, (6 * HOUR,)),)


class Again(Steps):
    again = 0 * HOUR


class Overlapping(Steps):
    found = (Call(NOW, NOW, (6 * HOUR, 12 * HOUR)),)


class Unreachable(Steps):
    found = (Call((-4 * HOUR,), NOW, (6 * HOUR,)),)


class Prophet(Steps):
    found = (Call((3 * HOUR,), NOW, (6 * HOUR,)),)
    again = 3 * HOUR


class Stateless(Steps):
    has_states = False


class Unknown(Steps):
    baseline = "luck"


class Unweighed(Steps):
    found = (replace(NEXT, marks=(0.5,)),)
    baseline = "interpolation"


class HalfALine(Steps):
    found = (replace(NEXT, marks=(0.5,), weights=(0.5,)),)
    baseline = "interpolation"


class Unmarked(Steps):
    found = (replace(NEXT, weights=(1.0,)),)
    baseline = "interpolation"


class Seconds(Steps):
    found = (replace(NEXT, marks=(3600.0,)),)


class Growing(Steps):
    """Gives another time each time it is asked."""

    count = 0

    @property
    def calls(self) -> tuple[Call, ...]:
        Growing.count += 1
        return (Call(NOW, NOW, (6 * HOUR,), (Growing.count / 1e6,)),)


class Standing(Steps):
    @property
    def spacing(self) -> np.timedelta64 | None:
        return 0 * HOUR


@pytest.mark.parametrize(
    ("plugin", "check", "message"),
    [
        (NoCalls, "there_are_calls_that_are_alike", "`calls` must hold wxml.Call, at least one"),
        (Unlike, "there_are_calls_that_are_alike", "calls differ in their numbers"),
        (Silent, "there_are_calls_that_are_alike", "a call has no output"),
        (Blind, "there_are_calls_that_are_alike", "a call reads nothing"),
        (Backwards, "times_rise", "`states` must rise, got 0h, -6h"),
        (Overlapping, "times_rise", "the output at 12h is not later than the one before"),
        (Again, "states_are_known_or_given", "`shift` must be positive or None, got 0h"),
        (Unreachable, "states_are_known_or_given", "reads a state at -4h that no earlier call gives"),
        (Prophet, "states_are_known_or_given", "the state at 3h is neither known nor an output"),
        (Stateless, "states_are_there_where_it_says_so", "`has_states` is False, and a call reads 1"),
        (Unknown, "the_baseline_can_be_made", "`baseline` must be one of"),
        (Unweighed, "the_baseline_can_be_made", "a call must have 1 `weights`, got 0"),
        (HalfALine, "the_baseline_can_be_made", "`weights` add up to 0.5, not to 1"),
        (Unmarked, "the_baseline_can_be_made", "the last mark is the share of time"),
        (Seconds, "marks_are_of_order_one", "a mark must be within 10, got 3600.0"),
        (Growing, "the_options_decide", "two tasks with the same options have other times"),
        (Standing, "initial_times_have_a_spacing", "`spacing` must be positive or None, got 0"),
    ],
)
def test_a_broken_task_is_found_out(find_out, plugin: type, check: str, message: str) -> None:
    find_out(TaskContract, plugin, check, message)
