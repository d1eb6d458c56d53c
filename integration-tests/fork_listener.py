"""The one process of a run of the tests that has imported everything: listens at a socket, and forks for each caller.

`python fork_listener.py SOCKET PROCESS` ends once it listens, and goes on in a fork until the process of that number
has ended. A caller such as `fork_caller` sends one request of `command_server`, with all of the environment, and with
it the three streams of the command. The answer is the exit code. What a command that is to be killed is asked and
answered, `killed_commands` says.
"""

import json
import os
import select
import signal
import socket
import sys
from contextlib import suppress
from pathlib import Path
from typing import Any

import killed_commands
from command_server import LATER, run, warm_up, warm_up_for

MOST = 1 << 20  # bytes of a request
PIECE = 1 << 15  # bytes of an answer
PAUSE = 1.0  # seconds


def answer(caller: socket.socket) -> None:
    """Run the command of one caller in a fork, and send how it ended."""
    text, streams, _, _ = socket.recv_fds(caller, MOST, 3)
    request = json.loads(text)
    os.environ.clear()
    told = json.dumps(killed_commands.answer(request) if "change" in request else ended(request, streams)).encode()
    for start in range(0, len(told), PIECE):
        caller.sendall(told[start : start + PIECE])


def ended(request: dict[str, Any], streams: list[int]) -> int:
    """The exit code of a command."""
    child = os.fork()
    if not child:
        for number, stream in enumerate(streams):
            os.dup2(stream, number)
        os._exit(run(request))
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])


def listen(listener: socket.socket, process: int) -> None:
    """Fork for each caller as long as a process is there."""
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)  # nobody waits for those who answer
    with suppress(ProcessLookupError):
        while True:
            os.kill(process, 0)
            if not select.select([listener], [], [], PAUSE)[0]:
                continue
            caller, _ = listener.accept()
            if not os.fork():
                signal.signal(signal.SIGCHLD, signal.SIG_DFL)
                listener.close()
                answer(caller)
                os._exit(0)
            caller.close()


if __name__ == "__main__":
    sys.path.remove(str(Path(__file__).parent))
    warm_up()
    for command in LATER:
        warm_up_for([command])
    with socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET) as bound:
        bound.bind(sys.argv[1])
        bound.listen()
        if not os.fork():
            os.setsid()  # what interrupts the tests does not reach it
            listen(bound, int(sys.argv[2]))
