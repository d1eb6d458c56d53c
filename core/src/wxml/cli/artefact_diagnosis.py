"""Checks this environment for artefacts: whether it has the plugins that made them."""

__all__ = ["ArtefactDiagnosis", "against_artefact", "against_artefacts", "overview"]

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from wxml.artefacts.finding import artefacts_beneath
from wxml.artefacts.formats import read_provenance
from wxml.cli.checks import HARMLESS, Check, Diagnosis, Status
from wxml.errors import ArtefactError
from wxml.plugins.comparison import Comparison, compare

WORST_FIRST: tuple[Status, ...] = ("problem", "missing", "different")


@dataclass(frozen=True, slots=True)
class ArtefactDiagnosis:
    """The results for one artefact."""

    artefact: str
    """Its path."""
    made: str
    """What it is and which core made it, such as `checkpoint of 0.2.0`; empty if it cannot be read."""
    diagnosis: Diagnosis


def against_artefact(path: Path) -> Diagnosis:
    """Compare the plugins that an artefact was made with with the installed ones, and say which are migrated.

    Of a checkpoint it also tells what its statistics are of.

    Raises:
        ArtefactError: there is no such artefact, or it is damaged.
        UnknownPluginError: no installed plugin can read it.
    """
    record = read_provenance(path)
    told = [Check("statistics", record.statistics)] if record.statistics else []
    return Diagnosis((*map(_compared, compare(record.plugins)), *told))


def against_artefacts(paths: Sequence[Path]) -> list[ArtefactDiagnosis]:
    """Compare with each of some artefacts; a folder that is none stands for all artefacts beneath it.

    Raises:
        ArtefactError: a path is no artefact, or there is none beneath it. One that lies in a folder and is damaged is a
            problem in the results.
    """
    found: list[ArtefactDiagnosis] = []
    for path in paths:
        beneath = artefacts_beneath(path)
        if beneath is None:
            found.append(_about(path))
        else:
            found += [_about_one_of_many(each) for each in beneath]
    return found


def overview(found: Sequence[ArtefactDiagnosis]) -> Diagnosis:
    """One check for each artefact."""
    return Diagnosis(tuple(map(_row, found)))


def _about(path: Path) -> ArtefactDiagnosis:
    record = read_provenance(path)
    checks = tuple(map(_compared, compare(record.plugins)))
    return ArtefactDiagnosis(str(path), f"{record.artefact} of {record.wxml_core}", Diagnosis(checks))


def _about_one_of_many(path: Path) -> ArtefactDiagnosis:
    try:
        return _about(path)
    except ArtefactError as error:
        return ArtefactDiagnosis(str(path), "", Diagnosis((Check("record", "", "problem", advice=error.message),)))


def _row(found: ArtefactDiagnosis) -> Check:
    todo = [check for check in found.diagnosis.checks if check.status not in HARMLESS]
    statuses = {check.status for check in todo}
    worst: Status = next((status for status in WORST_FIRST if status in statuses), "ok")
    return Check(found.artefact, found.made, worst, advice="; ".join(map(_in_a_row, todo)))


def _in_a_row(check: Check) -> str:
    if check.status == "problem":
        return check.advice
    state = "its code is another" if check.found == check.wanted else check.found
    return f"{check.subject} {check.wanted}: {state}"


def _compared(found: Comparison) -> Check:
    changes = "it had uncommitted changes, which no command brings back" if found.dirty else ""
    advice = {
        "ok": "",
        "unknown": "its record lacks the name of a plugin, which cannot be compared",
        "missing": f"has {' and '.join(found.plugins)}",
        "version": found.migrations,
        "code": "its code is another, though the version is the same",
    }[found.outcome]
    status: Status = {"ok": "ok", "missing": "missing"}.get(found.outcome, "different")  # type: ignore[assignment]
    said = "; ".join(part for part in (advice, *((changes, found.caution) if status != "ok" else ())) if part)
    pinned = f"{found.distribution}=={found.found}" if status == "ok" else found.requirement
    installed_version = found.found or "not installed"
    again = found.outcome == "code"
    return Check(found.distribution or "?", installed_version, status, found.version, said, pinned, again)
