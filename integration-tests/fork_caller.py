"""Runs `wxml` or a file of Python in a fork of a `fork_listener`: `fork_caller.py SOCKET PROGRAM ARGUMENTS…`."""

import json
import os
import socket
import sys

with socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET) as listener:
    listener.connect(sys.argv[1])
    _, _, program, *arguments = sys.argv
    asked = {"program": program, "arguments": arguments, "folder": os.getcwd(), "variables": dict(os.environ)}
    socket.send_fds(listener, [json.dumps(asked).encode()], [0, 1, 2])
    code = int(listener.recv(20) or 1)
sys.exit(code if code >= 0 else 128 - code)
