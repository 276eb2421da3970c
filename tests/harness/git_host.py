"""A Git host on loopback: `git http-backend` behind Python's server, with faults to switch on."""
import base64
import os
import subprocess
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from harness import ports

GIT_ENVIRONMENT = {
    "GIT_CONFIG_GLOBAL": "/dev/null", "GIT_CONFIG_SYSTEM": "/dev/null",
    "GIT_AUTHOR_NAME": "Suite", "GIT_AUTHOR_EMAIL": "suite@localhost",
    "GIT_COMMITTER_NAME": "Suite", "GIT_COMMITTER_EMAIL": "suite@localhost",
}


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def log_message(self, *_):
        pass

    def do(self):
        path, _, query = self.path.partition("?")
        name = path.split("/")[1]
        body = self.body()
        host = self.server.host
        host.requests.append((name, self.command, self.path))
        fault = host.faults.get(name)
        if fault == "hang":
            host.released.wait()
            self.close_connection = True
        elif fault == "garbage":
            self.answer(200, [("Content-Type", "text/html")], b"<html>\x1b[31mnot git\xff</html>")
        elif fault:
            self.answer(fault, [("Content-Type", "text/plain")], b"switched on by the test\n")
        elif not self.is_allowed(host.passwords.get(name)):
            challenge = [("WWW-Authenticate", 'Basic realm="suite"')]
            self.answer(401, challenge, b"wrong name or password\n")
        else:
            self.backend(path, query, body)

    do_GET = do_POST = do

    def body(self):
        if self.headers.get("Transfer-Encoding", "").lower() != "chunked":
            return self.rfile.read(int(self.headers.get("Content-Length") or 0))
        chunks = []
        while True:
            size = int(self.rfile.readline().split(b";")[0], 16)
            chunks.append(self.rfile.read(size))
            self.rfile.readline()
            if not size:
                return b"".join(chunks)

    def is_allowed(self, password):
        if not password:
            return True
        expected = base64.b64encode(":".join(password).encode()).decode()
        return self.headers.get("Authorization") == f"Basic {expected}"

    def backend(self, path, query, body):
        env = dict(
            os.environ, **GIT_ENVIRONMENT, GIT_PROJECT_ROOT=self.server.host.root,
            GIT_HTTP_EXPORT_ALL="1", PATH_INFO=path, QUERY_STRING=query,
            REQUEST_METHOD=self.command, CONTENT_LENGTH=str(len(body)),
            CONTENT_TYPE=self.headers.get("Content-Type", ""), REMOTE_ADDR="127.0.0.1",
            GIT_PROTOCOL=self.headers.get("Git-Protocol", ""),
            HTTP_CONTENT_ENCODING=self.headers.get("Content-Encoding", ""))
        done = subprocess.run(["git", "http-backend"], input=body, env=env, capture_output=True)
        head, _, rest = done.stdout.partition(b"\r\n\r\n")
        status, headers = 200, []
        for line in head.decode().split("\r\n"):
            key, _, value = line.partition(": ")
            if key == "Status":
                status = int(value.split()[0])
            elif key:
                headers.append((key, value))
        self.answer(status, headers, rest)

    def answer(self, status, headers, body):
        try:
            self.send_response(status)
            for key, value in headers:
                self.send_header(key, value)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)
        except OSError:
            self.close_connection = True  # the client went away


class GitHost:
    """Serves every bare repository of a folder. For a repository NAME, faults["NAME.git"] may be
    "hang", "garbage" or an HTTP status, and passwords["NAME.git"] a (user, password)."""

    def __init__(self, root):
        os.makedirs(root, exist_ok=True)
        self.root, self.port = root, ports.claim()
        self.faults, self.passwords, self.requests = {}, {}, []
        self.released = threading.Event()
        self.server = ThreadingHTTPServer(("127.0.0.1", self.port), Handler)
        self.server.daemon_threads = True
        self.server.host = self
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def fail(self, repository, fault):
        """Switches a fault of the repository on; None switches it off and frees who hangs."""
        if fault is None:
            self.faults.pop(repository, None)
            self.released.set()
            self.released = threading.Event()
        else:
            self.faults[repository] = fault

    def stop(self):
        self.released.set()
        self.server.shutdown()
        self.server.server_close()
