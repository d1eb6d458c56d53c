"""A leash: a process gets SIGTERM as soon as nobody holds the other end of its stdin, whatever ended the holder."""

__all__ = ["hold"]

import os
import signal
import threading


def hold() -> None:
    """Watch stdin, and put nothing in its place: a training leaves its state when its sweep or its worker has died."""
    end, nothing = os.dup(0), os.open(os.devnull, os.O_RDONLY)
    os.dup2(nothing, 0)
    os.close(nothing)
    threading.Thread(target=_watch, args=(end,), name="wxml-leash", daemon=True).start()


def _watch(end: int) -> None:
    while os.read(end, 1):
        pass
    os.kill(os.getpid(), signal.SIGTERM)
