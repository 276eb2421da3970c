"""A Git repository on the host, with a working copy to commit in."""
import os
import shutil
import subprocess

from harness.git_host import GIT_ENVIRONMENT


def git(*arguments, cwd=None):
    done = subprocess.run(["git", *arguments], cwd=cwd, text=True, capture_output=True,
                          env={**os.environ, **GIT_ENVIRONMENT}, stdin=subprocess.DEVNULL)
    if done.returncode:
        raise RuntimeError(f"git {' '.join(arguments)}: {done.stderr}{done.stdout}")
    return done.stdout.strip()


class Repository:
    def __init__(self, host, folder, name):
        self.host, self.name = host, f"{name}.git"
        self.bare = os.path.join(host.root, self.name)
        self.work = os.path.join(folder, name)
        self.url = f"http://127.0.0.1:{host.port}/{self.name}"
        git("init", "-q", "--bare", "-b", "main", self.bare)
        git("init", "-q", "-b", "main", self.work)
        git("remote", "add", "origin", self.bare, cwd=self.work)

    def git(self, *arguments):
        return git(*arguments, cwd=self.work)

    @property
    def head(self):
        return self.git("rev-parse", "HEAD")

    def write(self, files):
        """Path -> content; None removes the file."""
        for path, content in files.items():
            full = os.path.join(self.work, path)
            if content is None:
                os.remove(full)
                continue
            os.makedirs(os.path.dirname(full), exist_ok=True)
            with open(full, "wb" if isinstance(content, bytes) else "w") as file:
                file.write(content)

    def commit(self, files, message="change"):
        """Commits without pushing; returns the hash."""
        self.write(files)
        self.git("add", "-A")
        self.git("commit", "-q", "--allow-empty", "-m", message)
        return self.head

    def push(self, files=None, message="change", branch="main", force=False):
        """Commits the files, if any are given, and pushes; returns the hash."""
        if files is not None:
            self.commit(files, message)
        refspec = f"{'+' if force else ''}HEAD:refs/heads/{branch}"
        self.git("push", "-q", "origin", refspec)
        return self.head

    def tag(self, name):
        self.git("tag", "-a", name, "-m", name)
        self.git("push", "-q", "origin", f"refs/tags/{name}")

    def revert(self):
        self.git("revert", "--no-edit", "HEAD")
        return self.push()

    def hide(self):
        """The repository is gone from the host until show()."""
        shutil.move(self.bare, self.bare + ".hidden")

    def show(self):
        shutil.move(self.bare + ".hidden", self.bare)
