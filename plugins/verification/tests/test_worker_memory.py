"""The memory of a worker that dask's nanny has started, in a process of its own."""

import json
import os
import subprocess
import sys

import pytest

SCRIPT = """
import json, platform, resource, threading
import numpy as np
from wxml_verification.sharing.allocator import give_back, keep

def faults():
    for _ in range(100):
        np.ones(2**18)
    before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
    for _ in range(100):
        np.ones(2**18)
    return resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before

def look():
    found = [faults()]
    keep()
    found.append(faults())
    give_back()
    print(json.dumps([platform.libc_ver()[0], *found, faults()]))

thread = threading.Thread(target=look)
thread.start()
thread.join()
"""


@pytest.mark.skipif(sys.platform != "linux", reason="the memory is that of glibc")
def test_pages_stay_while_a_worker_scores_and_go_afterwards() -> None:
    """Fields of 2 MiB, 512 pages: without them each is mapped anew."""
    nannied = os.environ | {"MALLOC_TRIM_THRESHOLD_": "65536"}
    done = subprocess.run([sys.executable, "-c", SCRIPT], env=nannied, capture_output=True, check=True, text=True)
    library, before, kept, after = json.loads(done.stdout)
    if library != "glibc":
        pytest.skip("the memory is that of glibc")
    assert before > 100 * 400
    assert kept < 100
    assert after > 100 * 400
