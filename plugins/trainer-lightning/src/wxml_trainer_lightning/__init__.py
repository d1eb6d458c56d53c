"""Training with Lightning, tracked by MLflow; the plugin is `wxml_trainer_lightning.trainer.LightningTrainer`."""
