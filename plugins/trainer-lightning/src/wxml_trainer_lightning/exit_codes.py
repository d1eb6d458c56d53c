"""The exit codes of a training beside those of every command."""

__all__ = ["LEFT"]

LEFT = 75
"""The exit code of a training that was told to leave: its state is written, and it goes on with `--resume`. It is
EX_TEMPFAIL of sysexits.h, the code for "try again later"."""
