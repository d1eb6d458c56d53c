"""Training: the contract of trainers, the job of `wxml train`, and how much memory a training step takes."""
