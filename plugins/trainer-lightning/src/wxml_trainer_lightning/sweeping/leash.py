"""`wxml` on a leash: it gets SIGTERM as soon as nobody holds the other end of its stdin, whatever ended the holder."""

__all__ = ["hold", "main"]

import os
import signal
import threading


def main() -> None:
    """Run the command line of `wxml`; a training on a leash leaves its state when its sweep or its worker has died."""
    hold()
    from wxml.cli import main as wxml

    wxml()


def hold() -> None:
    """Watch stdin, and put nothing in its place."""
    end, nothing = os.dup(0), os.open(os.devnull, os.O_RDONLY)
    os.dup2(nothing, 0)
    os.close(nothing)
    threading.Thread(target=_watch, args=(end,), name="wxml-leash", daemon=True).start()


def _watch(end: int) -> None:
    while os.read(end, 1):
        pass
    os.kill(os.getpid(), signal.SIGTERM)
