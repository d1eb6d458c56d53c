"""Like `command_server`, for scripts that call `wxml` by its path: listens at a socket, and forks for each caller.

`python fork_listener.py SOCKET` prints `ready` once it listens, and ends when its stdin is closed. The caller is
`fork_caller.py`: it hands over its arguments, its folder, its environment and its three streams.
"""

import json
import os
import select
import signal
import socket
import sys
from pathlib import Path

from command_server import LATER, run, warm_up, warm_up_for

MOST = 1 << 20  # bytes of a request


def answer(caller: socket.socket) -> None:
    """Run the command of one caller in a fork, and send its exit code."""
    text, streams, _, _ = socket.recv_fds(caller, MOST, 3)
    request = json.loads(text)
    child = os.fork()
    if not child:
        for number, stream in enumerate(streams):
            os.dup2(stream, number)
        os.environ.clear()
        os._exit(run(request))
    code = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
    caller.sendall(str(code if code >= 0 else 128 - code).encode())


def listen(path: str) -> None:
    """Fork for each caller until stdin is closed."""
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)  # nobody waits for those who answer
    with socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET) as listener:
        listener.bind(path)
        listener.listen()
        print("ready", flush=True)
        while sys.stdin not in select.select([listener, sys.stdin], [], [])[0]:
            caller, _ = listener.accept()
            if not os.fork():
                signal.signal(signal.SIGCHLD, signal.SIG_DFL)
                answer(caller)
                os._exit(0)
            caller.close()


if __name__ == "__main__":
    sys.path.remove(str(Path(__file__).parent))
    warm_up()
    for command in LATER:
        warm_up_for([command])
    listen(sys.argv[1])
