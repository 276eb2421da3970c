"""An SSH host on loopback: OpenSSH's server as a process of ours, with its own keys and folder."""
import getpass
import os
import shutil
import socket
import subprocess

from harness import ports
from harness.eventually import eventually
from harness.process import Process

CONFIG = """\
ListenAddress 127.0.0.1:{port}
HostKey {folder}/host
PidFile none
AuthorizedKeysFile {folder}/authorized_keys
StrictModes no
UsePAM no
PasswordAuthentication no
KbdInteractiveAuthentication no
PubkeyAuthentication yes
PermitRootLogin yes
MaxStartups 500
LogLevel VERBOSE
{more}
"""


def keygen(path, kind="ed25519", passphrase="", *more):
    """Makes a key pair; returns the private key as text. An old one at the path is replaced."""
    for old in (path, path + ".pub"):
        if os.path.exists(old):
            os.remove(old)
    subprocess.run(["ssh-keygen", "-q", "-t", kind, "-N", passphrase, "-C", "suite", *more,
                    "-f", path], check=True, stdin=subprocess.DEVNULL, timeout=60)
    return read(path)


def read(path):
    with open(path, encoding="ascii") as file:
        return file.read()


class SshHost:
    """Logs in the user who runs the suite, with the keys that allow() was told of."""

    def __init__(self, folder, more="AcceptEnv GIT_PROTOCOL"):
        os.makedirs(folder, exist_ok=True)
        self.folder, self.port, self.more = folder, ports.claim(), more
        self.user = getpass.getuser()
        self.authorized = os.path.join(folder, "authorized_keys")
        with open(self.authorized, "w", encoding="ascii"):
            pass
        self.process = None

    def start(self):
        keygen(os.path.join(self.folder, "host"))
        config = os.path.join(self.folder, "sshd_config")
        with open(config, "w", encoding="ascii") as file:
            file.write(CONFIG.format(port=self.port, folder=self.folder, more=self.more))
        if os.getuid() == 0:
            os.makedirs("/run/sshd", mode=0o755, exist_ok=True)  # sshd locks itself up in it
        program = shutil.which("sshd") or "/usr/sbin/sshd"
        self.process = Process("sshd", [program, "-D", "-e", "-f", config],
                               os.path.join(self.folder, "log")).start()
        eventually(self.answers, what="sshd")
        return self

    def answers(self):
        assert self.process.is_running(), self.process.tail()
        try:
            with socket.create_connection(("127.0.0.1", self.port), 5) as connection:
                return connection.recv(4) == b"SSH-"
        except OSError:
            return False

    def restart_as_another(self):
        """The same address with another host key."""
        self.stop()
        self.start()

    def stop(self):
        if self.process:
            self.process.stop()

    def known_hosts(self, port=None):
        kind, key = read(os.path.join(self.folder, "host.pub")).split()[:2]
        return f"[127.0.0.1]:{port or self.port} {kind} {key}\n"

    def hashed_known_hosts(self):
        path = os.path.join(self.folder, "hashed")
        with open(path, "w", encoding="ascii") as file:
            file.write(self.known_hosts())
        subprocess.run(["ssh-keygen", "-q", "-H", "-f", path], check=True, timeout=60)
        return read(path)

    def allow(self, public, options=""):
        """Lets the public key in, which is a text."""
        with open(self.authorized, "a", encoding="ascii") as file:
            file.write(f"{options} {public.strip()}\n".lstrip())

    def key(self, name, kind="ed25519", passphrase="", *more, allowed=True):
        """A new key of a user; returns the private one."""
        path = os.path.join(self.folder, name)
        private = keygen(path, kind, passphrase, *more)
        if allowed:
            self.allow(read(path + ".pub"))
        return private

    def fingerprint(self, name):
        """As ssh-keygen and the server's log write it, of a key that key() has made."""
        line = subprocess.run(["ssh-keygen", "-l", "-f", os.path.join(self.folder, name + ".pub")],
                              check=True, capture_output=True, text=True, timeout=60).stdout
        return line.split()[1]

    def url(self, repository, user=None):
        return f"ssh://{user or self.user}@127.0.0.1:{self.port}{repository.bare}"
