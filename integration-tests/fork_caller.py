"""Calls `wxml` in a fork of a `fork_listener`: `python -I -S fork_caller.py SOCKET ARGUMENTS…`, with its exit code."""

import json
import os
import socket
import sys

with socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET) as listener:
    listener.connect(sys.argv[1])
    asked = {"arguments": sys.argv[2:], "folder": os.getcwd(), "variables": dict(os.environ)}
    socket.send_fds(listener, [json.dumps(asked).encode()], [0, 1, 2])
    answer = listener.recv(20)
sys.exit(int(answer or 1))
