"""Receives datagrams on a UNIX socket and prints each as one line of hex; a passed memfd's content instead."""

import os
import socket
import sys

path = sys.argv[1]
if os.path.exists(path):
    os.unlink(path)
receiver = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
receiver.bind(path)
print("ready", flush=True)
while True:
    message, fds, _, _ = socket.recv_fds(receiver, 1 << 20, 4)
    for fd in fds:
        with open(fd, "rb") as file:
            file.seek(0)
            message = file.read()
    print(message.hex(), flush=True)
