"""`metrics.parquet` in the folder of a run: the table `metrics.csv` in a form that is quick to read."""

__all__ = ["MetricsParquet"]

import logging
import time
from pathlib import Path
from typing import get_args

from wxml import Baseline
from wxml.files.staging import staged
from wxml.masking import masked

LOG = logging.getLogger("wxml")
SHARE = 0.01
"""The share of the time of a training that the file may take."""


class MetricsParquet:
    """Writes the file anew from `metrics.csv`, so that it has what that has: of a resumed training each row once.

    Without pyarrow, the extra `parquet`, nothing is written.
    """

    def __init__(self, run_dir: Path) -> None:
        """Write nothing yet."""
        self._csv, self._path = run_dir / "metrics.csv", run_dir / "metrics.parquet"
        self._due = 0.0
        self._is_over = False

    def write(self, *, at_once: bool = False) -> None:
        """Write the file, unless that would take more than its share of the time.

        A failure is told once, and then nothing is written any more.
        """
        began = time.monotonic()
        if self._is_over or (began < self._due and not at_once) or not self._csv.is_file():
            return
        try:
            _write(self._csv, self._path)
        except ModuleNotFoundError:
            self._is_over = True
        except Exception as error:  # noqa: BLE001  # a copy of a table must never stop a training
            self._is_over = True
            LOG.warning("could not write `%s`, and the training goes on: %s", self._path, masked(str(error)))
        now = time.monotonic()
        self._due = now + (now - began) / SHARE


def _write(source: Path, target: Path) -> None:
    """Write a table of metrics as Parquet; text is stored as numbers of words."""
    import pyarrow as pa  # an extra
    from pyarrow import csv, parquet

    words = dict.fromkeys(
        ("metric", "variable", "lead", "region", "better", "units"), pa.dictionary(pa.int32(), pa.string())
    )
    numbers = dict.fromkeys(("level", "value", *get_args(Baseline)), pa.float64())
    table = csv.read_csv(
        source,
        read_options=csv.ReadOptions(use_threads=False),
        convert_options=csv.ConvertOptions(
            column_types={"step": pa.int64(), **words, **numbers}, null_values=[""], strings_can_be_null=False
        ),
    )
    with staged(target, overwrite=True) as temporary:
        parquet.write_table(table, temporary, compression="zstd")
