"""Manifests for the repositories of the tests, as text."""
import json


def document(item):
    """JSON is YAML; one document."""
    return json.dumps(item, indent=1) + "\n"


def stream(*items):
    return "---\n".join(document(item) for item in items)


def metadata(name, namespace=None, **more):
    return {"name": name, **({"namespace": namespace} if namespace else {}), **more}


def configmap(name, data=None, **more):
    return {"apiVersion": "v1", "kind": "ConfigMap", "metadata": metadata(name, **more),
            "data": data or {"key": "one"}}


def secret(name, data, **more):
    return {"apiVersion": "v1", "kind": "Secret", "metadata": metadata(name, **more),
            "stringData": data}


def service(name, **more):
    return {"apiVersion": "v1", "kind": "Service", "metadata": metadata(name, **more),
            "spec": {"selector": {"app": name}, "ports": [{"name": "http", "port": 80}]}}


def deployment(name, image="example.test/app:1.0.0", replicas=0, **more):
    labels = {"app": name}
    return {"apiVersion": "apps/v1", "kind": "Deployment", "metadata": metadata(name, **more),
            "spec": {"replicas": replicas, "selector": {"matchLabels": labels},
                     "template": {"metadata": {"labels": labels}, "spec": {"containers": [
                         {"name": "app", "image": image,
                          "env": [{"name": "LEVEL", "value": "info"}]}]}}}}


def job(name, image="example.test/job:1.0.0", **more):
    return {"apiVersion": "batch/v1", "kind": "Job", "metadata": metadata(name, **more),
            "spec": {"backoffLimit": 0, "template": {"spec": {
                "restartPolicy": "Never", "containers": [{"name": "job", "image": image}]}}}}


def crd(plural, kind, group="suite.example.test"):
    return {
        "apiVersion": "apiextensions.k8s.io/v1", "kind": "CustomResourceDefinition",
        "metadata": {"name": f"{plural}.{group}"},
        "spec": {"group": group, "scope": "Namespaced",
                 "names": {"plural": plural, "singular": kind.lower(), "kind": kind},
                 "versions": [{"name": "v1", "served": True, "storage": True,
                               "subresources": {"status": {}},
                               "schema": {"openAPIV3Schema": {
                                   "type": "object",
                                   "x-kubernetes-preserve-unknown-fields": True}}}]}}


def custom(kind, name, spec=None, group="suite.example.test"):
    return {"apiVersion": f"{group}/v1", "kind": kind, "metadata": metadata(name),
            "spec": spec or {"size": 1}}


def kustomization_file(*resources, **more):
    return document({"apiVersion": "kustomize.config.k8s.io/v1beta1", "kind": "Kustomization",
                     "resources": list(resources), **more})
