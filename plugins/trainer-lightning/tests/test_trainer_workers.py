"""What the worker processes of a training write has no secrets in it, however they are started."""

import multiprocessing
import subprocess
import sys

import pytest

SCRIPT = """
import multiprocessing
import sys

import numpy as np
from wxml.data.sample_batch import ReadingCost, SampleBatch
from wxml.masking import learn, remember
from wxml.terminal import mask_streams
from wxml_trainer_lightning.loading import Loading


class Talkative:
    def __len__(self):
        return 2

    def batch(self, indices):
        for stream in (sys.stdout, sys.stderr):
            print("reading with correct-horse from https://me:battery-staple@host/x", file=stream, flush=True)
        count = len(indices)
        return SampleBatch(np.zeros((count, 2, 1, 3), np.float32), np.zeros((count, 1, 3), bool), ReadingCost())


if __name__ == "__main__":
    multiprocessing.set_start_method(sys.argv[1])
    mask_streams()
    remember("DATA_KEY", "correct-horse")
    learn("https://me:battery-staple@host/x")
    print(sum(len(batch.values) for batch in Loading(1).validation(Talkative(), 2, 1)), "samples")
"""


@pytest.mark.parametrize("method", multiprocessing.get_all_start_methods())
def test_a_worker_writes_no_secrets(tmp_path, method) -> None:
    (tmp_path / "script.py").write_text(SCRIPT)
    done = subprocess.run(
        [sys.executable, "script.py", method], cwd=tmp_path, capture_output=True, text=True, check=False, timeout=600
    )
    line = "reading with ${oc.env:DATA_KEY} from https://***@host/x\n"
    assert (done.returncode, done.stderr) == (0, 2 * line)
    assert done.stdout == 2 * line + "2 samples\n"
