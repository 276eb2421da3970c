"""A service that is told what happens: keeps every request, answers as the test says."""
import http.server
import json
import ssl
import threading
import time

from harness.eventually import eventually


class Request:
    def __init__(self, method, path, headers, body):
        self.method, self.path, self.headers, self.body = method, path, headers, body
        self.at = time.monotonic()

    @property
    def json(self):
        return json.loads(self.body)

    def __repr__(self):
        return f"{self.method} {self.path} {self.body[:300]!r}"


class Webhook:
    """One listener; `answer` may be replaced by a function (handler, request) that writes the
    whole answer, or `status` by the number to answer with."""

    def __init__(self, certificate=None, port=0, clients=None):
        self.requests, self.lock = [], threading.Lock()
        self.status, self.headers, self.body, self.answer = 200, {}, b"{}", None
        self.released = threading.Event()
        outer = self

        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def take(self):
                length = int(self.headers.get("Content-Length") or 0)
                request = Request(self.command, self.path, dict(self.headers),
                                  self.rfile.read(length))
                with outer.lock:
                    outer.requests.append(request)
                if outer.answer:
                    outer.answer(self, request)
                else:
                    self.reply(outer.status, outer.body, outer.headers)

            def reply(self, status, body=b"{}", headers=None):
                self.send_response(status)
                for name, value in (headers or {}).items():
                    self.send_header(name, value)
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                if self.command != "HEAD":
                    self.wfile.write(body)

            do_GET = do_HEAD = do_POST = do_PUT = do_PATCH = take

            def log_message(self, *arguments):
                pass

        class Server(http.server.ThreadingHTTPServer):
            daemon_threads = True

            def handle_error(self, *arguments):
                """A client that goes away is no matter."""

        self.server = Server(("127.0.0.1", port), Handler)
        self.scheme = "http"
        if certificate:
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            context.load_cert_chain(*certificate)
            if clients:
                context.verify_mode = ssl.CERT_REQUIRED
                context.load_verify_locations(clients)
            self.server.socket = context.wrap_socket(self.server.socket, server_side=True)
            self.scheme = "https"
        self.port = self.server.server_address[1]
        self.thread = threading.Thread(target=self.server.serve_forever, args=(0.05,), daemon=True)
        self.thread.start()

    @property
    def url(self):
        return f"{self.scheme}://127.0.0.1:{self.port}"

    def seen(self, *texts, path=""):
        """Requests whose body has all of the texts."""
        with self.lock:
            found = list(self.requests)
        return [request for request in found if request.path.startswith(path) and
                all(text.encode() in request.body for text in texts)]

    def wait(self, *texts, count=1, timeout=20, path=""):
        def arrived():
            found = self.seen(*texts, path=path)
            assert len(found) >= count, f"{len(found)} of {count}; all: {self.requests[-5:]}"
            return found
        return eventually(arrived, timeout=timeout, every=0.05, what=f"a notice with {texts}")

    def forget(self):
        with self.lock:
            self.requests.clear()

    def stop(self):
        self.released.set()
        self.server.shutdown()
        self.server.server_close()
