"""Verification metrics: each a class behind an entry point of `wxml.verification_metrics`."""
