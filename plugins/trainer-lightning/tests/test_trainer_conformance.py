"""What the interface promises, checked by the kit."""

import pytest
from wxml import installed
from wxml.plugins.load import load
from wxml.testing import OptimizerContract, ScheduleContract, TrainerContract
from wxml.testing.conformance import run_checks
from wxml_trainer_lightning.trainer import LightningTrainer

OWN = [one for one in installed().records if one.distribution == "wxml-trainer-lightning"]
CONTRACTS = {"optimizer": OptimizerContract, "schedule": ScheduleContract}
OTHERS = {
    "sgd": [{"momentum": 0.0}, {"momentum": 0.9, "nesterov": True}],
    "ademamix": [{"warmup": 0.005}, {"betas": [0.0, 0.9, 0.99]}],
    "cosine": [{"restarts": 3, "growth": 2.0, "damping": 0.5}, {"warmup": 100}, {"warmup": 10**6}],
    "warmup-stable-decay": [{"decay": 1.0, "warmup": 0.0}, {"shape": "sqrt"}, {"shape": "cosine", "final_ratio": 0.0}],
    "plateau": [{"patience": 0, "cooldown": 2}],
}


class TestLightning(TrainerContract):
    plugin = LightningTrainer
    options = {"max_steps": 40, "learning_rate": 0.01, "checkpoint_every": 10, "accelerator": "cpu", "tracker": "none"}


@pytest.mark.parametrize("record", [one for one in OWN if one.kind in CONTRACTS], ids=lambda record: record.name)
def test_optimizers_and_schedules_keep_their_contracts(record) -> None:
    contract = CONTRACTS[record.kind]
    for options in [{}, *OTHERS.get(record.name, [])]:
        checked = type("Checked", (contract,), {"plugin": load(record), "options": options})
        results = list(run_checks(checked))
        assert [(one.name, one.message) for one in results if one.result != "passed"] == []
        assert len(results) >= 10
