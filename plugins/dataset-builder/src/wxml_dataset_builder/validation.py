"""Tells whether a dataset is whole, and what it says of itself true."""

__all__ = ["validate"]

from collections.abc import Callable, Iterator
from pathlib import Path

from wxml.errors import ArtefactError
from wxml.terminal import printable

from wxml_dataset_builder.kept import MOMENTS
from wxml_dataset_builder.validating.axes import date_faults, place_faults
from wxml_dataset_builder.validating.files import build_faults, checksum_faults, chunk_faults, frame_faults
from wxml_dataset_builder.validating.kept_moments import moment_faults
from wxml_dataset_builder.validating.statistics import (
    kept_faults,
    order_faults,
    recomputed_faults,
    sampled_faults,
)
from wxml_dataset_builder.validating.subject import Subject, metadata_times, open_subject, readable
from wxml_dataset_builder.validating.values import ValueCounts, value_faults


def validate(path: Path, *, whole: bool = False) -> list[str]:
    """Everything that is wrong with a dataset, one sentence each; nothing is changed.

    Args:
        path: the store, in the layout of anemoi-datasets, whoever built it.
        whole: read all dates, compute the statistics again, and compare all checksums; else some dates and files, and
            the statistics from the moments of each date that the store has.

    Raises:
        ArtefactError: there is no folder at `path`.
    """
    if not path.is_dir():
        what = "is a file" if path.exists() else "does not exist"
        raise ArtefactError(f"`{path}` {what}, where a dataset is a folder", fix="name the folder of a zarr store")
    before = list(metadata_times(path))
    faults: list[str] = []
    _collect(faults, "the files", lambda: checksum_faults(path, whole=whole))
    subject = open_subject(path, faults)
    if subject is not None:
        _check(subject, faults, whole=whole)
    if list(metadata_times(path)) != before:
        faults.append("it was written while it was read: validate it again once it is finished")
    return [printable(fault) for fault in faults]


def _check(subject: Subject, faults: list[str], *, whole: bool) -> None:
    counts = ValueCounts()
    _collect(faults, "`_build`", lambda: build_faults(subject))
    _collect(faults, "`dates`", lambda: date_faults(subject))
    _collect(faults, "the places", lambda: place_faults(subject))
    _collect(faults, "`data`", lambda: chunk_faults(subject))
    _collect(faults, "the statistics", lambda: order_faults(subject))
    cut: list[str] = []
    _collect(cut, "`data`", lambda: frame_faults(subject))
    faults += cut
    if cut:
        return  # such files are not unpacked
    _collect(faults, "`data`", lambda: value_faults(subject, counts, whole=whole))
    _collect(faults, f"`{MOMENTS}`", lambda: moment_faults(subject, counts))
    compare = recomputed_faults if whole else sampled_faults
    _collect(faults, "the statistics", lambda: compare(subject, counts))
    if not whole:
        _collect(faults, "the statistics", lambda: kept_faults(subject))


def _collect(faults: list[str], what: str, check: Callable[[], Iterator[str]]) -> None:
    """Add what a check yields; that it could not read its arrays is a fault too."""
    found: list[str] = []
    readable(what, lambda: found.extend(check()), faults)
    faults += found
