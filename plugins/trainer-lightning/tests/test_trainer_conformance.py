"""What the interface promises, checked by the kit."""

from wxml.testing import TrainerContract
from wxml_trainer_lightning.trainer import LightningTrainer


class TestLightning(TrainerContract):
    plugin = LightningTrainer
    options = {"max_steps": 40, "learning_rate": 0.01, "checkpoint_every": 10, "accelerator": "cpu", "tracker": "none"}
