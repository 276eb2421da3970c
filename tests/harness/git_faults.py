#!/usr/bin/env python3
"""A Git host for unit tests: git_faults.py ROOT prints three ports and serves until its input ends.

The first part of a path says how the host behaves: /plain/x.git is ROOT/x.git through
`git http-backend`, all others do something that hosts also do. GET /log gives the requests so far,
one "METHOD path" per line, and forgets them. The second port is another host to any client: it
refuses requests that carry credentials. The third speaks TLS with the certificate of ROOT/tls.pem,
and takes only clients that show the same. The first is also a proxy to any host, for p:pr0xy."""
import base64
import os
import ssl
import subprocess
import sys
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

ROOT = os.path.abspath(sys.argv[1])
ADVERTISEMENT = "application/x-git-upload-pack-advertisement"
SHA256 = b"%s HEAD\0object-format=sha256\n" % (b"1" * 64)
log, log_lock, ports = [], threading.Lock(), []


def basic(pair):
    return base64.b64encode(pair.encode()).decode()


def frame(line):
    return b"%04x%s" % (len(line) + 4, line)


class Host(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def log_message(self, *_):
        pass

    def do(self):
        body = self.body()
        if self.path.startswith("http://"):  # to a proxy
            if self.headers.get("Proxy-Authorization") != "Basic " + basic("p:pr0xy"):
                return self.answer(407, "text/plain", b"", [("Proxy-Authenticate", "Basic")])
            self.path = "/" + self.path.split("/", 3)[3]
        behaviour, _, rest = self.path[1:].partition("/")
        if behaviour == "log":
            with log_lock:
                lines = "".join(line + "\n" for line in log)
                log.clear()
            return self.answer(200, "text/plain", lines.encode())
        with log_lock:
            log.append(f"{self.command} {self.path}")
        if self.server.strict and "Authorization" in self.headers:
            return self.answer(400, "text/plain", b"credentials for another host\n")
        handler = getattr(self, "on_" + behaviour, None)
        if handler is None:
            return self.answer(404, "text/plain", b"no such behaviour\n")
        return handler("/" + rest, body)

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

    def answer(self, status, content_type, body, headers=()):
        try:
            self.send_response(status)
            self.send_header("Content-Type", content_type)
            for key, value in headers:
                self.send_header(key, value)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)
        except OSError:
            self.close_connection = True  # the client went away

    def on_plain(self, path, body, protocol=None):
        path, _, query = path.partition("?")
        if protocol is None:
            protocol = self.headers.get("Git-Protocol", "")
        env = dict(
            os.environ, GIT_CONFIG_GLOBAL="/dev/null", GIT_CONFIG_SYSTEM="/dev/null",
            GIT_PROJECT_ROOT=ROOT, GIT_HTTP_EXPORT_ALL="1", PATH_INFO=path, QUERY_STRING=query,
            REQUEST_METHOD=self.command, CONTENT_LENGTH=str(len(body)), GIT_PROTOCOL=protocol,
            CONTENT_TYPE=self.headers.get("Content-Type", ""), REMOTE_ADDR="127.0.0.1",
            HTTP_CONTENT_ENCODING=self.headers.get("Content-Encoding", ""))
        done = subprocess.run(["git", "http-backend"], input=body, env=env, capture_output=True)
        head, _, rest = done.stdout.partition(b"\r\n\r\n")
        fields = dict(line.split(": ", 1) for line in head.decode().split("\r\n") if line)
        status = int(fields.pop("Status", "200").split()[0])
        self.answer(status, fields.pop("Content-Type", "text/plain"), rest, fields.items())

    def on_old(self, path, body):  # protocol 0: no ls-refs, no object by its name
        self.on_plain(path, body, protocol="")

    def on_auth(self, path, body):
        if self.headers.get("Authorization") == "Basic " + basic("u:s3cret"):
            return self.on_plain(path, body)
        challenge = [("WWW-Authenticate", 'Basic realm="test"')]
        return self.answer(401, "text/plain", b"wrong name\x1b or password\n", challenge)

    def on_bearer(self, path, body):
        if self.headers.get("Authorization") == "Bearer t0ken":
            return self.on_plain(path, body)
        return self.answer(401, "text/plain", b"")

    def on_forbidden(self, *_):
        self.answer(403, "text/plain", b"not for you\n")

    def on_broken(self, *_):
        self.answer(500, "text/plain", b"oops\n")

    def on_html(self, *_):
        self.answer(200, "text/html; charset=utf-8", b"<html>sign in</html>")

    def on_dumb(self, *_):
        self.answer(200, "text/plain", b"%s\trefs/heads/main\n" % (b"1" * 40))

    def on_lies(self, *_):
        self.answer(200, ADVERTISEMENT, b"001e# service=git-upload-pack\n0000fff0x")

    def on_says(self, *_):
        self.answer(200, ADVERTISEMENT, frame(b"ERR access denied or not exported\n"))

    def on_sha256(self, *_):
        head = frame(b"# service=git-upload-pack\n") + b"0000"
        self.answer(200, ADVERTISEMENT, head + frame(SHA256) + b"0000")

    def on_hang(self, *_):
        self.rfile.read(1)  # until the client goes away
        self.close_connection = True

    def on_half(self, path, body):  # lists its references, then hangs
        if b"command=fetch" in body:
            return self.on_hang()
        return self.on_plain(path, body)

    def redirect(self, location):
        self.answer(301, "text/plain", b"", [("Location", location)])

    def on_moved(self, path, _):
        self.redirect("/plain" + path)

    def on_away(self, path, _):
        self.redirect(f"http://127.0.0.1:{ports[1]}/plain{path}")

    def on_page(self, *_):
        self.redirect("/html/login")

    def on_loop(self, *_):
        self.redirect(self.path)


def start(strict=False, tls=None):
    server = ThreadingHTTPServer(("127.0.0.1", 0), Host)
    server.daemon_threads, server.strict = True, strict
    if tls:
        server.socket = tls.wrap_socket(server.socket, server_side=True)
    ports.append(server.server_port)
    threading.Thread(target=server.serve_forever, daemon=True).start()


tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
tls.load_cert_chain(ROOT + "/tls.pem")
tls.load_verify_locations(ROOT + "/tls.pem")
tls.verify_mode = ssl.CERT_REQUIRED
start()
start(strict=True)
start(tls=tls)
print(*ports, flush=True)
sys.stdin.read()
