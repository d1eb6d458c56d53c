"""The files of a dataset: all chunks are there, and their bytes are those that were written."""

__all__ = ["build_faults", "checksum_faults", "chunk_faults", "frame_faults"]

import os
from collections.abc import Iterator
from itertools import product
from math import ceil
from pathlib import Path
from typing import Final

import numpy as np
from wxml.data.times import format_time
from wxml.terminal import progress

from wxml_dataset_builder.checksums import CHECKSUMS, checksum_of, files_of, read_checksums
from wxml_dataset_builder.validating.subject import Subject

FRAME: Final = 16
"""The bytes at the start of what Blosc packs; the last four of them are the number of all bytes."""
NO_CHUNKS: Final = ("zarr.json", ".zarray", ".zattrs")
SAMPLED: Final = 256
"""So many files of the data are compared with their checksums where not all are."""


def build_faults(subject: Subject) -> Iterator[str]:
    """Parts that were not written."""
    if "_build/flags" in subject.root:
        flags = subject.array("_build/flags")
        if not flags.all():
            yield f"{int((~flags).sum())} of the {len(flags)} parts of the dataset were not written"


def chunk_faults(subject: Subject) -> Iterator[str]:
    """Files of the data that are not there, but for those of missing dates, whose values are NaN."""
    data = subject.data
    sizes = data.shards or data.chunks
    counts = [ceil(length / size) for length, size in zip(data.shape, sizes, strict=True)]
    there = files_of(subject.path, "data")
    absent = []
    for number in range(counts[0]):
        dates = slice(number * sizes[0], (number + 1) * sizes[0])
        if subject.is_missing[dates].all() and np.isnan(data.fill_value):
            continue
        keys = (data.metadata.encode_chunk_key((number, *rest)) for rest in product(*map(range, counts[1:])))
        absent += [(f"data/{key}", number) for key in keys if f"data/{key}" not in there]
    if absent:
        name, number = absent[0]
        date = format_time(subject.dates[number * sizes[0]])
        total = int(np.prod(counts))
        yield f"{len(absent)} of the {total} files of `data` are not there, the first of them {name} ({date})"


def frame_faults(subject: Subject) -> Iterator[str]:
    """Files that are shorter or longer than Blosc says in their first bytes; it would read past their end."""
    if subject.data.shards or "blosc" not in str(subject.data.compressors).lower():
        return
    wrong = []
    for name in sorted(files_of(subject.path, "data")):
        with (subject.path / name).open("rb") as file:
            head, size = file.read(FRAME), os.fstat(file.fileno()).st_size
        if name.rpartition("/")[2] not in NO_CHUNKS and size != int.from_bytes(head[12:16], "little"):
            wrong.append((name, size, int.from_bytes(head[12:16], "little")))
    if wrong:
        name, size, length = wrong[0]
        yield f"{len(wrong)} files of `data` are not whole, the first of them {name}: {size} bytes in place of {length}"


def checksum_faults(path: Path, *, whole: bool) -> Iterator[str]:
    """Files that are absent, are not listed, or have other bytes than were written; none without checksums.

    Args:
        path: the dataset.
        whole: compare all files; else those of the data by sample.
    """
    known = read_checksums(path)
    if known is None:
        return
    there = files_of(path) - {CHECKSUMS}
    absent, unlisted = sorted(known.keys() - there), sorted(there - known.keys())
    if absent:
        yield f"{len(absent)} files of `{CHECKSUMS}` are not there, the first of them {absent[0]}"
    if unlisted:
        yield f"{len(unlisted)} files are not in `{CHECKSUMS}`, the first of them {unlisted[0]}"
    both = sorted(there & known.keys())
    chosen = both if whole else _sample(both)
    wrong = [name for name in progress(chosen, len(chosen), "checksums") if checksum_of(path / name) != known[name]]
    if wrong:
        listed = ", ".join(wrong[:3]) + (" …" if len(wrong) > 3 else "")
        yield f"{len(wrong)} of {len(chosen)} files have other bytes than were written: {listed}"


def _sample(names: list[str]) -> list[str]:
    """All files but those of the data, and of these a part, spread evenly."""
    data = [name for name in names if name.startswith("data/")]
    step = ceil(len(data) / SAMPLED) if data else 1
    return [name for name in names if not name.startswith("data/")] + data[::step]
