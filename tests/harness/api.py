"""A small client of the Kubernetes API: objects in, objects out, as dictionaries."""
import http.client
import json
import ssl
import threading
import time
import urllib.parse

# plural -> (group and version as in apiVersion, kind)
KINDS = {
    "configmaps": ("v1", "ConfigMap"),
    "secrets": ("v1", "Secret"),
    "services": ("v1", "Service"),
    "serviceaccounts": ("v1", "ServiceAccount"),
    "namespaces": ("v1", "Namespace"),
    "pods": ("v1", "Pod"),
    "events": ("v1", "Event"),
    "deployments": ("apps/v1", "Deployment"),
    "replicasets": ("apps/v1", "ReplicaSet"),
    "jobs": ("batch/v1", "Job"),
    "leases": ("coordination.k8s.io/v1", "Lease"),
    "clusterrolebindings": ("rbac.authorization.k8s.io/v1", "ClusterRoleBinding"),
    "clusterroles": ("rbac.authorization.k8s.io/v1", "ClusterRole"),
    "customresourcedefinitions": ("apiextensions.k8s.io/v1", "CustomResourceDefinition"),
    "gitrepositories": ("source.toolkit.fluxcd.io/v1", "GitRepository"),
    "kustomizations": ("kustomize.toolkit.fluxcd.io/v1", "Kustomization"),
    "imagerepositories": ("image.toolkit.fluxcd.io/v1", "ImageRepository"),
    "imagepolicies": ("image.toolkit.fluxcd.io/v1", "ImagePolicy"),
    "imageupdateautomations": ("image.toolkit.fluxcd.io/v1", "ImageUpdateAutomation"),
    "receivers": ("notification.toolkit.fluxcd.io/v1", "Receiver"),
    "alerts": ("notification.toolkit.fluxcd.io/v1beta3", "Alert"),
    "providers": ("notification.toolkit.fluxcd.io/v1beta3", "Provider"),
}
BUSY_TRIES = 20
CLUSTER_SCOPED = {"namespaces", "customresourcedefinitions", "clusterroles", "clusterrolebindings"}
MERGE, STRATEGIC, JSON_PATCH, APPLY = (
    f"application/{kind}" for kind in
    ("merge-patch+json", "strategic-merge-patch+json", "json-patch+json", "apply-patch+yaml"))


class ApiError(Exception):
    def __init__(self, status, text):
        super().__init__(f"HTTP {status}: {text[:600]}")
        self.status, self.body = status, text


def plural_of(kind):
    for plural, (_, name) in KINDS.items():
        if name == kind:
            return plural
    raise KeyError(kind)


def path_of(plural, namespace=None, name=None, version=None):
    version = version or KINDS[plural][0]
    path = f"/apis/{version}" if "/" in version else f"/api/{version}"
    if namespace and plural not in CLUSTER_SCOPED:
        path += f"/namespaces/{namespace}"
    path += f"/{plural}"
    return f"{path}/{urllib.parse.quote(name)}" if name else path


class Api:
    """Safe for any thread: each has a connection of its own."""

    def __init__(self, port, token):
        self.port, self.token = port, token
        self.local = threading.local()

    def connection(self):
        if not getattr(self.local, "connection", None):
            context = ssl._create_unverified_context()
            self.local.connection = http.client.HTTPSConnection(
                "127.0.0.1", self.port, context=context, timeout=30)
        return self.local.connection

    def request(self, method, path, body=None, content_type="application/json", accept=None):
        """The answer as text. A connection that the server has closed meanwhile is opened anew, and
        a server that is busy, as after its start, is asked again."""
        headers = {"Authorization": f"Bearer {self.token}", "Content-Type": content_type}
        if accept:
            headers["Accept"] = accept
        if body is not None and not isinstance(body, (bytes, str)):
            body = json.dumps(body)
        for _ in range(BUSY_TRIES):
            answer, text = self.send(method, path, body, headers)
            if answer.status != 429:
                break
            time.sleep(float(answer.headers.get("Retry-After", 1)))
        if answer.status >= 400:
            raise ApiError(answer.status, text)
        return text

    def send(self, method, path, body, headers):
        for attempt in (1, 2):
            connection = self.connection()
            try:
                connection.request(method, path, body, headers)
                answer = connection.getresponse()
                return answer, answer.read().decode()
            except (http.client.HTTPException, OSError):
                connection.close()
                self.local.connection = None
                if attempt == 2:
                    raise
        raise AssertionError("not reached")

    def call(self, *args, **options):
        return json.loads(self.request(*args, **options))

    def get(self, plural, namespace, name, version=None):
        """The object, or None when there is none."""
        try:
            return self.call("GET", path_of(plural, namespace, name, version))
        except ApiError as error:
            if error.status == 404:
                return None
            raise

    def list(self, plural, namespace=None, labels="", version=None):
        query = "?" + urllib.parse.urlencode({"labelSelector": labels}) if labels else ""
        return self.call("GET", path_of(plural, namespace, None, version) + query)["items"]

    def create(self, item):
        metadata = item["metadata"]
        path = path_of(plural_of(item["kind"]), metadata.get("namespace"))
        return self.call("POST", path, item)

    def patch(self, plural, namespace, name, change, kind=MERGE, manager="suite", subresource="",
              version=None):
        path = path_of(plural, namespace, name, version) + subresource
        return self.call("PATCH", f"{path}?fieldManager={manager}", change, content_type=kind)

    def apply(self, item, manager="suite"):
        metadata = item["metadata"]
        path = path_of(plural_of(item["kind"]), metadata.get("namespace"), metadata["name"])
        return self.call("PATCH", f"{path}?fieldManager={manager}&force=true", item,
                         content_type=APPLY)

    def delete(self, plural, namespace, name, version=None):
        try:
            self.request("DELETE", path_of(plural, namespace, name, version))
            return True
        except ApiError as error:
            if error.status == 404:
                return False
            raise
