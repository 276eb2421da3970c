"""Processes that the suite starts: each writes to a log of its own, is stopped by its process id,
and dies with the suite, even when that is killed (setpriv sets the parent death signal)."""
import os
import signal
import subprocess
import time


class Process:
    def __init__(self, name, command, log, env=None, cwd=None):
        self.name, self.command, self.log, self.env, self.cwd = name, command, log, env, cwd
        self.popen = None

    def start(self):
        with open(self.log, "ab") as log:
            self.popen = subprocess.Popen(
                ["setpriv", "--pdeathsig", "KILL", *self.command], stdin=subprocess.DEVNULL,
                stdout=log, stderr=subprocess.STDOUT, cwd=self.cwd,
                env={**os.environ, **(self.env or {})})
        return self

    @property
    def pid(self):
        return self.popen.pid

    def is_running(self):
        return self.popen is not None and self.popen.poll() is None

    def signal(self, number):
        if self.is_running():
            self.popen.send_signal(number)

    def kill(self):
        self.signal(signal.SIGKILL)
        if self.popen:
            self.popen.wait()

    def stop(self, timeout=15):
        """SIGTERM, and SIGKILL when that does not help. Returns the seconds it took."""
        begun = time.monotonic()
        self.signal(signal.SIGTERM)
        try:
            if self.popen:
                self.popen.wait(timeout)
        except subprocess.TimeoutExpired:
            self.kill()
        return time.monotonic() - begun

    def text(self):
        with open(self.log, encoding="utf-8", errors="replace") as log:
            return log.read()

    def tail(self, lines=20):
        return "\n".join(self.text().splitlines()[-lines:])

    def cpu_seconds(self, children=False):
        """Of the process; or of the programs that it started and that have ended."""
        with open(f"/proc/{self.pid}/stat", encoding="ascii") as stat:
            fields = stat.read().rsplit(")", 1)[1].split()
        first = 13 if children else 11
        return (int(fields[first]) + int(fields[first + 1])) / os.sysconf("SC_CLK_TCK")

    def memory_mib(self, field="VmRSS"):
        with open(f"/proc/{self.pid}/status", encoding="ascii") as status:
            for line in status:
                if line.startswith(field + ":"):
                    return int(line.split()[1]) // 1024
        return 0
