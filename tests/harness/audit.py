"""Counts requests in the API server's audit log: who did what since a mark."""
import json
import os
import time

WRITES = {"create", "update", "patch", "delete", "deletecollection"}


class Audit:
    """Remembers where the log ended; requests() reads what came after."""

    def __init__(self, servers):
        self.path = servers.audit_log
        time.sleep(0.2)  # the server logs a request just after it has answered it
        self.offset = os.path.getsize(self.path)

    def requests(self, user="fixpoint", verbs=None, resource=None, namespace=None, dry_run=None):
        time.sleep(0.2)
        found = []
        with open(self.path, encoding="utf-8") as log:
            log.seek(self.offset)
            for line in log:
                entry = json.loads(line)
                target = entry.get("objectRef", {})
                if entry["user"]["username"] != user or target.get("resource") == "leases":
                    continue
                if verbs and entry["verb"] not in verbs:
                    continue
                if resource and target.get("resource") != resource:
                    continue
                if namespace and target.get("namespace") != namespace:
                    continue
                if dry_run is not None and ("dryRun=" in entry["requestURI"]) != dry_run:
                    continue
                found.append(f"{entry['verb']} {entry['requestURI']}")
        return found

    def writes(self, **options):
        """Requests that change something; a dry run does not."""
        return self.requests(verbs=WRITES, dry_run=False, **options)
