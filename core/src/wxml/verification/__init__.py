"""Verification: the contract of verifiers, the job of `wxml verify`, and the table of scores."""
