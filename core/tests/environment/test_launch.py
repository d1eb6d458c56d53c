"""What torchrun and srun tell the processes that they start."""

import logging

import pytest
from wxml.environment.launch import Launch, launch, silenced

TORCHRUN = {
    "TORCHELASTIC_RUN_ID": "none",
    "TORCHELASTIC_USE_AGENT_STORE": "True",
    "RANK": "5",
    "WORLD_SIZE": "8",
    "LOCAL_RANK": "1",
    "LOCAL_WORLD_SIZE": "4",
    "GROUP_WORLD_SIZE": "2",
    "MASTER_ADDR": "gpu1",
    "MASTER_PORT": "29500",
}
SRUN = {
    "SLURM_JOB_ID": "4711",
    "SLURM_STEP_ID": "2",
    "SLURM_STEP_NUM_TASKS": "6",
    "SLURM_STEP_NUM_NODES": "3",
    "SLURM_STEP_NODELIST": "gpu[07-08,11]",
    "SLURM_PROCID": "3",
    "SLURM_LOCALID": "1",
}


def test_a_process_that_is_started_alone_has_no_place() -> None:
    assert launch({}) is None
    assert launch({"RANK": "1", "WORLD_SIZE": "2"}) is None
    batch_script = {"SLURM_JOB_ID": "1", "SLURM_NTASKS": "8", "SLURM_PROCID": "0", "SLURM_LOCALID": "0"}
    assert launch(batch_script) is None
    assert launch({**SRUN, "SLURM_STEP_NUM_TASKS": "1"}) is None


def test_torchrun_says_where_its_processes_meet() -> None:
    place = launch(TORCHRUN)
    assert place == Launch("torchrun", 5, 8, 1, 2, "gpu1", 29500, meeting_is_held=True)
    assert place.local_ranks == 4


def test_the_processes_of_srun_meet_on_the_first_node_of_the_step() -> None:
    place = launch(SRUN)
    assert place == Launch("srun", 3, 6, 1, 3, "gpu07", 20_000 + (101 * 4711 + 2) % 40_000)
    other = launch(SRUN | {"SLURM_PROCID": "0", "SLURM_LOCALID": "0"})
    assert other is not None
    assert (other.address, other.port) == (place.address, place.port)
    chosen = launch(SRUN | {"MASTER_ADDR": "10.0.0.1", "MASTER_PORT": "1234"})
    assert chosen is not None
    assert (chosen.address, chosen.port) == ("10.0.0.1", 1234)


def test_uneven_machines_are_known() -> None:
    even, uneven = (launch(SRUN | {"SLURM_STEP_NUM_NODES": nodes}) for nodes in ("3", "4"))
    assert even is not None
    assert uneven is not None
    assert (even.is_even, uneven.is_even) == (True, False)


def test_other_ranks_log_errors_alone(caplog: pytest.LogCaptureFixture) -> None:
    log = logging.getLogger("wxml")
    with silenced():
        log.warning("said by rank 0, too")
        log.error("said by this one")
    assert "rank 0" not in caplog.text
    assert "this one" in caplog.text
    assert log.level != logging.ERROR
