"""A server of NATS that is told what happens: INFO, CONNECT, PUB and PING of its protocol."""
import json
import socketserver
import threading

from harness.eventually import eventually


class Nats:
    """One listener. `login` is (user, password), or None: everybody may publish. `refusal` is a
    text for -ERR in answer to what is published. Keeps what each CONNECT said and each message."""

    def __init__(self, port=0, login=None, **info):
        self.login, self.refusal = login, None
        self.connects, self.messages, self.lock = [], [], threading.Lock()
        self.info = {"server_id": "double", "version": "2.10.0", "max_payload": 1048576, **info}
        outer = self

        class Handler(socketserver.StreamRequestHandler):
            def say(self, text):
                self.wfile.write(text.encode() + b"\r\n")

            def handle(self):
                self.say("INFO " + json.dumps(outer.info))
                for line in iter(self.rfile.readline, b""):
                    word, _, rest = line.decode().strip().partition(" ")
                    if word == "CONNECT" and not self.admit(json.loads(rest)):
                        self.say("-ERR 'Authorization Violation'")
                        return
                    if word == "PUB":
                        self.take(*rest.split(" "))
                    if word == "PING":
                        self.say("PONG")

            def admit(self, options):
                with outer.lock:
                    outer.connects.append(options)
                return outer.login in (None, (options.get("user"), options.get("pass")))

            def take(self, subject, size):
                payload = self.rfile.read(int(size))
                assert self.rfile.read(2) == b"\r\n"
                if outer.refusal:
                    self.say(f"-ERR '{outer.refusal}'")
                    return
                with outer.lock:
                    outer.messages.append((subject, json.loads(payload)))

        class Server(socketserver.ThreadingTCPServer):
            daemon_threads = allow_reuse_address = True

            def handle_error(self, *arguments):
                """A client that goes away is no matter."""

        self.server = Server(("127.0.0.1", port), Handler)
        self.port = self.server.server_address[1]
        self.thread = threading.Thread(target=self.server.serve_forever, args=(0.05,), daemon=True)
        self.thread.start()

    def wait(self, text, count=1, timeout=40):
        def arrived():
            with self.lock:
                found = [one for one in self.messages if one[1]["message"] == text]
            assert len(found) >= count, f"{len(found)} of {count}; all: {self.messages[-5:]}"
            return found
        return eventually(arrived, timeout=timeout, every=0.05, what=f"a message '{text}'")

    def stop(self):
        self.server.shutdown()
        self.server.server_close()
