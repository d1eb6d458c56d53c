"""Commands of `fork_listener` that are killed: after some seconds, or at one of the changes that they make.

A request has three more entries than one of `command_server`: `seconds`, after which the process is killed, or null;
`change`, the number of the change before which the process kills itself, counted from 1, or null; and `group`, whether
the processes that it has started are killed, too. It may have `files`, a folder and the number of files in it from
which on the process is killed, and `full`, the number of the change from which on the disk is full: nothing can be
opened to be written, and no folder be made. The answer is an object: `code`, `seconds` that the command took, the
`changes` that it made or began, and the number of its `process`, which is that of its group, too.
"""

import errno
import os
import signal
import sys
import tempfile
import time
from typing import Any

from command_server import run

CHANGES = {"os.rename", "os.remove", "os.mkdir", "os.rmdir", "os.chmod", "os.truncate", "shutil.rmtree"}
"""The events of Python's audit hooks that change something in a file system, beside `open` for writing."""
PAUSE = 0.002


def answer(request: dict[str, Any]) -> dict[str, Any]:
    """Run one command, and kill it as the request says."""
    with tempfile.TemporaryFile() as record:
        began, child = time.monotonic(), os.fork()
        os.setpgid(child, child)  # in both processes, so that the group is there before anything else happens
        if not child:
            watch(request, record.fileno())
            os._exit(run(request))
        code = ended(child, request["seconds"], request.get("files"), group=request["group"])
        took = time.monotonic() - began
        record.seek(0)
        return {"code": code, "seconds": took, "changes": record.read().decode().splitlines(), "process": child}


def watch(request: dict[str, Any], record: int) -> None:
    """Write the changes in the folder of the request into a file; kill this process, or fill the disk, before one."""
    made = 0

    def hook(event: str, arguments: tuple[Any, ...]) -> None:
        nonlocal made
        if not is_change(event, arguments, request["folder"]):
            return
        made += 1
        os.write(record, f"{event} {arguments[0]}\n".encode())
        if made >= request.get("full", float("inf")) and event in ("open", "os.mkdir"):
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), str(arguments[0]))
        if made == request["change"]:
            os.kill(0 if request["group"] else os.getpid(), signal.SIGKILL)

    sys.addaudithook(hook)


def is_change(event: str, arguments: tuple[Any, ...], folder: str) -> bool:
    """Whether an event of Python's audit hooks changes something in a folder, which is the current one."""
    if event == "open":
        path, mode, flags = arguments
        writes = any(letter in (mode or "") for letter in "wxa+") or bool(flags & (os.O_WRONLY | os.O_RDWR))
        return writes and not isinstance(path, int) and is_inside(path, folder)
    return event in CHANGES and is_inside(arguments[0], folder)


def is_inside(path: Any, folder: str) -> bool:
    """Whether a path lies in a folder."""
    return os.path.abspath(os.fsdecode(path)).startswith(folder + os.sep)


def ended(child: int, seconds: float | None, files: tuple[str, int] | None, *, group: bool) -> int:
    """Wait for a process, kill it if it is there after `seconds` or with so many files, and return its exit code."""
    end = time.monotonic() + (float("inf") if seconds is None else seconds)
    while True:
        done, status = os.waitpid(child, os.WNOHANG)
        if done:
            return os.waitstatus_to_exitcode(status)
        if time.monotonic() > end or (files and has_files(*files)):
            os.killpg(child, signal.SIGKILL) if group else os.kill(child, signal.SIGKILL)
            return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
        time.sleep(PAUSE)


def has_files(folder: str, count: int) -> bool:
    """Whether a folder has as many files."""
    return os.path.isdir(folder) and len(os.listdir(folder)) >= count
