"""Registries of images: Debian's docker-registry, and what CI would do with it."""
import base64
import hashlib
import json
import os
import ssl
import subprocess
import urllib.error
import urllib.request

from harness.eventually import eventually
from harness.ports import claim
from harness.process import Process

INDEX = "application/vnd.oci.image.index.v1+json"
USER, PASSWORD = "reader", "correct horse"


class Registry:
    """docker-registry on a port of its own. `auth`: basic authentication; `token`: the realm of a
    token server; `tls`: (certificate, key, CA) as files."""

    def __init__(self, folder, auth=False, token=None, tls=None, port=None):
        self.folder, self.auth, self.tls = folder, auth, tls
        self.port = port or claim()
        self.host = f"127.0.0.1:{self.port}"
        self.scheme = "https" if tls else "http"
        os.makedirs(folder, exist_ok=True)
        config = {"version": 0.1, "log": {"level": "warn"},
                  "storage": {"filesystem": {"rootdirectory": os.path.join(folder, "data")},
                              "delete": {"enabled": True}},
                  "http": {"addr": self.host}}
        if tls:
            config["http"]["tls"] = {"certificate": tls[0], "key": tls[1]}
        if auth:
            path = os.path.join(folder, "htpasswd")
            with open(path, "w", encoding="utf-8") as file:
                file.write(subprocess.run(["htpasswd", "-Bbn", USER, PASSWORD], check=True,
                                          capture_output=True, text=True).stdout)
            config["auth"] = {"htpasswd": {"realm": "registry", "path": path}}
        if token:
            config["auth"] = {"token": {"realm": token.realm, "service": "registry",
                                        "issuer": token.issuer, "rootcertbundle": token.bundle}}
        self.config = os.path.join(folder, "config.json")
        with open(self.config, "w", encoding="utf-8") as file:
            json.dump(config, file)  # JSON is YAML
        self.token = token
        self.process = None

    def start(self):
        self.process = Process("registry", ["docker-registry", "serve", self.config],
                               os.path.join(self.folder, "registry.log")).start()
        eventually(self.answers, timeout=20, what="the registry")
        return self

    def answers(self):
        try:
            return self.request("GET", "/v2/")
        except urllib.error.URLError:
            return None

    def stop(self):
        if self.process:
            self.process.stop()

    def request(self, method, path, body=None, headers=None):
        url = path if "://" in path else f"{self.scheme}://{self.host}{path}"
        request = urllib.request.Request(url, body, {**(headers or {})}, method=method)
        if self.auth:
            plain = base64.b64encode(f"{USER}:{PASSWORD}".encode()).decode()
            request.add_header("Authorization", f"Basic {plain}")
        if self.token:
            name = path.removeprefix("/v2/").rsplit("/", 2)[0] if path != "/v2/" else ""
            request.add_header("Authorization", f"Bearer {self.token.issue(name, 'push,pull')}")
        context = ssl.create_default_context(cafile=self.tls[2]) if self.tls else None
        with urllib.request.urlopen(request, timeout=20, context=context) as answer:
            return answer.headers, answer.read()

    def push(self, repository, *tags, content=""):
        """What CI does: an image with these tags; returns its digest. An index without images is
        enough, and cheap."""
        body = json.dumps({"schemaVersion": 2, "mediaType": INDEX, "manifests": [],
                           "annotations": {"content": content or tags[0]}}).encode()
        for tag in tags:
            self.request("PUT", f"/v2/{repository}/manifests/{tag}", body,
                         {"Content-Type": INDEX})
        return "sha256:" + hashlib.sha256(body).hexdigest()


def docker_config(host, user=USER, password=PASSWORD):
    """The data of a Secret of the type kubernetes.io/dockerconfigjson."""
    auth = base64.b64encode(f"{user}:{password}".encode()).decode()
    return {".dockerconfigjson": json.dumps({"auths": {host: {"auth": auth}}})}
