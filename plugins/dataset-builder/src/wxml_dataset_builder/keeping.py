"""Takes the units of a dataset over into the one that replaces it: the same files, and their moments."""

__all__ = ["keep_units"]

import os
import shutil
from pathlib import Path

from wxml import Moments

from wxml_dataset_builder.kept import Kept
from wxml_dataset_builder.plan import Plan, change_set
from wxml_dataset_builder.records import UnitRecord, write_record
from wxml_dataset_builder.workplace import Workplace

KINDS = ("area", "equal")


def keep_units(place: Workplace, plan: Plan) -> None:
    """Link the files of all units whose dates are kept, and write their records; the dataset stays as it is.

    Changes over steps that the dataset has no moments of stay unknown; they are computed from the files.

    Raises:
        OSError: the disk is full.
    """
    kept = Kept(place.target)
    moments = _moments(kept, plan)
    for unit in range(plan.kept // plan.geometry.unit):
        dates = plan.geometry.dates_of(unit)
        files = {}
        for name in plan.geometry.files_of(unit):
            _link(kept.path / name, place.store / name)
            files[name] = ((place.store / name).stat().st_size, kept.checksums[name])
        here = {name: found[dates.start : dates.stop] for name, (found, _) in moments.items()}
        write_record(place.records, unit, UnitRecord(files, here, _unknown(plan, moments, dates)))


def _moments(kept: Kept, plan: Plan) -> dict[str, tuple[Moments, bool]]:
    """The moments of the kept dates by set, and whether the dataset has them."""
    sets = dict.fromkeys(KINDS, 0)
    for steps in plan.tendencies.values():
        sets |= {change_set(kind, plan, steps): steps for kind in KINDS}
    found = {name: kept.moments(name, steps) for name, steps in sets.items()}
    nothing = Moments.nothing(plan.kept, len(plan.names))
    return {name: (nothing if one is None else one, one is not None) for name, one in found.items()}


def _unknown(plan: Plan, moments: dict[str, tuple[Moments, bool]], dates: range) -> dict[str, tuple[int, ...]]:
    """For each change of which the dataset has no moments, the dates of a unit that it is to be computed for."""
    absent = {
        name: steps for name, steps in plan.tendencies.items() if not moments[change_set("equal", plan, steps)][1]
    }
    return {
        name: tuple(place for place, date in enumerate(dates) if plan.has_change(date, steps))
        for name, steps in absent.items()
    }


def _link(old: Path, new: Path) -> None:
    """Give a file a second name; copy it where the file system has no such names."""
    new.parent.mkdir(parents=True, exist_ok=True)
    new.unlink(missing_ok=True)
    try:
        os.link(old, new)
    except OSError:
        shutil.copy2(old, new)
