"""Forecasts: the rollout, the contract of forecast writers, and the job of `wxml forecast`."""
