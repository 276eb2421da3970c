"""An issuer of OpenID Connect tokens: discovery, keys, and the tokens themselves. Signing is the
openssl program's."""
import base64
import json
import os
import re
import subprocess
import time

from harness.webhook import Webhook


def encode(value):
    data = value if isinstance(value, bytes) else json.dumps(value).encode()
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


class Key:
    """An RSA key in a file of the folder."""

    def __init__(self, folder, name):
        self.name, self.path = name, os.path.join(folder, name + ".pem")
        subprocess.run(["openssl", "genpkey", "-quiet", "-algorithm", "RSA", "-pkeyopt",
                        "rsa_keygen_bits:2048", "-out", self.path], check=True)
        text = subprocess.run(["openssl", "rsa", "-in", self.path, "-noout", "-modulus"],
                              check=True, capture_output=True, text=True).stdout
        self.modulus = bytes.fromhex(re.search("Modulus=([0-9A-F]+)", text)[1])

    def public(self):
        return {"kty": "RSA", "use": "sig", "alg": "RS256", "kid": self.name,
                "n": encode(self.modulus), "e": encode(b"\x01\x00\x01")}

    def sign(self, text):
        return subprocess.run(["openssl", "dgst", "-sha256", "-sign", self.path],
                              input=text.encode(), check=True, capture_output=True).stdout

    def token(self, claims, **header):
        header = {"alg": "RS256", "typ": "JWT", "kid": self.name, **header}
        signed = f"{encode(header)}.{encode(claims)}"
        return f"{signed}.{encode(self.sign(signed))}"


class Issuer(Webhook):
    """Serves /keys and the discovery document. `keys` and `document` may be changed."""

    def __init__(self, folder, port=0):
        super().__init__(port=port)
        self.key = Key(folder, "one")
        self.keys = [self.key.public()]
        self.document = {"issuer": self.url, "jwks_uri": f"{self.url}/keys"}
        self.answer = self.tell

    def tell(self, handler, request):
        known = {"/keys": {"keys": self.keys},
                 "/.well-known/openid-configuration": self.document}
        found = known.get(request.path)
        handler.reply(200 if found else 404, json.dumps(found).encode())

    def claims(self, **more):
        now = int(time.time())
        claims = {"iss": self.url, "aud": "notification-controller", "sub": "caller",
                  "iat": now, "exp": now + 600, **more}
        return {name: value for name, value in claims.items() if value is not None}
