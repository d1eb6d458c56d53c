"""The file beside a forecast that is not whole: which steps are complete, whatever moment a kill came at."""

import numpy as np
import pytest
from wxml import DataError, open_forecast
from wxml.files.leftovers import steps_path, unfinished_path
from wxml.forecasting.unfinished import Journal, complete_steps, differences, read_progress, settings_of, told
from wxml.testing.tiny_forecast import tiny_header


def begun(target) -> Journal:
    """Of two initial times with three lead times, all steps of the first are complete and one of the second."""
    header = tiny_header()
    journal = Journal.begin(target, settings_of(header))
    for lead in header.lead_times:
        journal.complete(header.initial_times[0], lead)
    journal.finish([header.initial_times[0]], {"bytes": 17})
    journal.complete(header.initial_times[1], header.lead_times[0])
    return journal


def test_what_was_written_is_known(tmp_path) -> None:
    header, target = tiny_header(), tmp_path / "f.grib2"
    assert read_progress(target) is None
    begun(target).close()
    progress = read_progress(target)
    assert progress is not None
    assert progress.settings == settings_of(header)
    assert progress.finished == {header.initial_times[0]}
    assert progress.mark == {"bytes": 17}
    np.testing.assert_array_equal(complete_steps(header, progress), [[True, True, True], [True, False, False]])


def test_steps_after_the_mark_are_forgotten_when_it_is_gone_on_with(tmp_path) -> None:
    header, target = tiny_header(), tmp_path / "f.grib2"
    begun(target).close()
    journal = Journal.go_on(target)
    np.testing.assert_array_equal(
        complete_steps(header, read_progress(target)), [[True, True, True], [False, False, False]]
    )
    journal.complete(header.initial_times[1], header.lead_times[2])
    journal.close()
    assert complete_steps(header, read_progress(target))[1].tolist() == [False, False, True]


def test_a_line_that_was_cut_short_is_passed_over(tmp_path) -> None:
    """At whatever byte: nothing is taken for complete that was not said to be."""
    header, target = tiny_header(), tmp_path / "f.grib2"
    begun(target).close()
    whole = steps_path(target).read_bytes()
    counts = []
    for size in range(len(whole) + 1):
        steps_path(target).write_bytes(whole[:size])
        progress = read_progress(target)
        counts.append(0 if progress is None else len(progress.complete))
        if progress is not None:
            Journal.go_on(target).close()
            again = read_progress(target)
            assert again is not None
            assert again.settings == settings_of(header)
            assert again.finished == progress.finished
    assert counts == sorted(counts)
    assert counts[-1] == 4


def test_differences_name_the_place_and_both_values() -> None:
    old = {"members": 2, "record": {"config": {"seed": 1}, "gone": True}, "times": ["a", "b"]}
    new = {"members": 2, "record": {"config": {"seed": 2}}, "times": ["a", "c"]}
    assert differences(old, new) == [
        "`record.config.seed` was 1 and is 2",
        "`record.gone` was true and is null",
        '`times.1` was "b" and is "c"',
    ]
    assert told([f"{number}" for number in range(8)]) == "0; 1; 2; 3; 4, and 3 more"


@pytest.mark.carries_out("wait until it is there, or open `{}` with unfinished=True")
@pytest.mark.carries_out("wait until it is, go on with it by --resume, or open what is there with unfinished=True")
def test_no_reader_takes_a_part_for_a_whole_forecast(checkpoint, tmp_path) -> None:
    """A file of NumPy stands for it: `open_forecast` reads what is there only if it is asked for."""
    checkpoint()
    target = tmp_path / "f.npz"
    begun(target).close()
    unfinished_path(target).write_bytes(b"a part")
    with pytest.raises(DataError, match="4 of 6 steps are complete, and 1 of 2 initial times"):
        open_forecast(target)
    with pytest.raises(DataError, match="is not whole: 4 of 6 steps are complete"):
        open_forecast(unfinished_path(target))
    with pytest.raises(DataError, match="cannot be read back"):
        open_forecast(unfinished_path(target), unfinished=True)
