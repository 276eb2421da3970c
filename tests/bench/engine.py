"""The kustomize engine as a command: wall time of the best of some runs, peak memory, and
instructions as callgrind counts them; beside `kustomize` where one is on the PATH."""
import os
import re
import shutil
import subprocess
import tempfile
import time

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))

DEPLOYMENT = """apiVersion: apps/v1
kind: Deployment
metadata:
  name: app-{number}
  labels:
    app: app-{number}
spec:
  replicas: 2
  selector:
    matchLabels:
      app: app-{number}
  template:
    metadata:
      labels:
        app: app-{number}
    spec:
      containers:
      - name: app
        image: registry.example.com/app:1.0.0
        ports:
        - containerPort: 8080
          name: http
        env:
        - name: LEVEL
          value: info
        resources:
          limits:
            memory: 128Mi
            cpu: 100m
"""
TINY = "resources: [base]\nnamePrefix: p-\n"
MERGE = TINY + """patches:
- patch: |-
    apiVersion: apps/v1
    kind: Deployment
    metadata: {name: app-0}
    spec: {template: {spec: {containers: [{name: app, env: [{name: LEVEL, value: debug}]}]}}}
"""
MANY = TINY + """namespace: prod
labels:
- pairs: {team: blue}
  includeSelectors: true
images:
- name: registry.example.com/app
  newTag: 2.0.0
"""
CASES = [("tiny overlay", 1, TINY), ("with a strategic merge", 1, MERGE),
         ("1,000 resources", 1000, MANY), ("10,000 resources", 10000, MANY)]


def write(path, text):
    os.makedirs(os.path.dirname(path), exist_ok=True)
    with open(path, "w", encoding="utf-8") as file:
        file.write(text)


def measure(command, runs):
    """Milliseconds, MiB and the output."""
    best, memory, out = None, 0, b""
    for _ in range(runs):
        begun = time.monotonic()
        done = subprocess.run(["time", "-f", "%M", *command], check=True, capture_output=True)
        spent = time.monotonic() - begun
        best = spent if best is None else min(best, spent)
        memory, out = int(done.stderr.split()[-1]) / 1024, done.stdout
    return best * 1000, memory, out


def instructions(command):
    done = subprocess.run(["valgrind", "--tool=callgrind", "--callgrind-out-file=/dev/null",
                           *command], check=True, capture_output=True, text=True)
    return int(re.search(r"refs: +([0-9,]+)", done.stderr)[1].replace(",", "")) / 1e6


def rows():
    reference = shutil.which("kustomize")
    for title, count, overlay in CASES:
        with tempfile.TemporaryDirectory() as folder:
            write(f"{folder}/base/app.yaml",
                  "---\n".join(DEPLOYMENT.format(number=number) for number in range(count)))
            write(f"{folder}/base/kustomization.yaml", "resources: [app.yaml]\n")
            write(f"{folder}/kustomization.yaml", overlay)
            command = [f"{ROOT}/build/fixpoint", "build", "kustomize", folder]
            ours, memory, out = measure(command, 10)
            cells = [f"{ours:.1f}", f"{memory:.1f}", f"{instructions(command):.1f}"]
            if reference and count <= 1000:
                theirs, their_memory, expected = measure([reference, "build", folder], 3)
                assert out == expected, f"{title}: the outputs differ"
                cells += [f"{theirs:.1f}", f"{their_memory:.1f}", f"{theirs / ours:.0f}x"]
            yield title, cells
