"""Ports of the loopback interface that no other run of the suite, and nobody else, uses.

A port is claimed by a lock on a file, held while this process lives, so that two suites never agree
on one and a killed run gives its ports back. They lie below the range from which the kernel takes
the ports of outgoing connections: a server that is restarted finds its port free again."""
import fcntl
import os
import random
import socket
import tempfile

FIRST, LAST = 20000, 32000
CLAIMS = os.path.join(tempfile.gettempdir(), f"fixpoint-ports-{os.getuid()}")
held = []


def is_free(port):
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return False
    return True


def claim():
    os.makedirs(CLAIMS, mode=0o700, exist_ok=True)
    while True:
        port = random.randrange(FIRST, LAST)
        file = open(os.path.join(CLAIMS, str(port)), "w")
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            file.close()
            continue
        if is_free(port):
            held.append(file)
            return port
        file.close()
