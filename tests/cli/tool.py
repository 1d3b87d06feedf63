"""Runs the fleetprov command for the end-to-end tests beside this file. Standard library only."""
import json
import os
import pathlib
import subprocess
import sys
import tempfile

SOURCE = pathlib.Path(os.environ.get("FLEETPROV_SOURCE") or pathlib.Path(__file__).resolve().parents[2])
BIN = pathlib.Path(os.environ.get("FLEETPROV_BIN") or SOURCE / "build" / "dev" / "bin") / "fleetprov"


def run(*words, stdin="", env=None, cwd=None, timeout=120):
    """The finished process; `stdin` is text or bytes; stdout and stderr are text."""
    if not BIN.exists():
        print(f"skipped: {BIN} is not built")
        sys.exit(77)
    data = stdin if isinstance(stdin, bytes) else stdin.encode()
    done = subprocess.run([str(BIN), *map(str, words)], input=data, capture_output=True, timeout=timeout, cwd=cwd,
                          env={**os.environ, **(env or {})}, check=False)
    done.stdout = done.stdout.decode("utf-8", "strict")
    done.stderr = done.stderr.decode("utf-8", "replace")
    assert done.returncode >= 0, f"{words}: killed by signal {-done.returncode}\n{done.stderr}"
    return done


def expect(code, *words, **more):
    """Runs and insists on the exit status."""
    done = run(*words, **more)
    assert done.returncode == code, (f"{' '.join(map(str, words))}: exit status {done.returncode}, wanted {code}\n"
                                     f"{done.stdout[-3000:]}\n{done.stderr[-3000:]}")
    return done


def expect_json(code, *words, **more):
    done = expect(code, *words, **more)
    return json.loads(done.stdout, object_pairs_hook=no_duplicates)


def no_duplicates(pairs):
    keys = [key for key, _ in pairs]
    assert len(keys) == len(set(keys)), f"the same member twice: {keys}"
    return dict(pairs)


class Folder:
    """A temporary folder to write documents into."""

    def __enter__(self):
        self.held = tempfile.TemporaryDirectory(prefix="fleetprov-test-")
        self.path = pathlib.Path(self.held.name)
        return self

    def __exit__(self, *_):
        self.held.cleanup()

    def write(self, name, content):
        target = self.path / name
        target.parent.mkdir(parents=True, exist_ok=True)
        if isinstance(content, bytes):
            target.write_bytes(content)
        elif isinstance(content, str):
            target.write_text(content, encoding="utf-8")
        else:
            target.write_text(json.dumps(content, indent=2), encoding="utf-8")
        return target


def policy(*statements):
    return {"Version": "2012-10-17", "Statement": list(statements)}


def statement(action, resource, effect="Allow", **more):
    return {"Effect": effect, "Action": action, "Resource": resource, **more}


def arn(resource, region="us-east-1", account="123456789012"):
    return f"arn:aws:iot:{region}:{account}:{resource}"


def corpus():
    """The folder of shared documents, or the end of this test with a message."""
    named = os.environ.get("FLEETPROV_CORPUS_DIR")
    folder = pathlib.Path(named) if named else SOURCE / ".." / "shared" / "corpus"
    if not folder.is_dir():
        print(f"skipped: no corpus at {folder} (set FLEETPROV_CORPUS_DIR)")
        sys.exit(77)
    return folder


def rows(file):
    """Rows of a tab-separated file as dictionaries; the first row names the columns."""
    lines = file.read_text(encoding="utf-8").splitlines()
    head = lines[0].split("\t")
    return [dict(zip(head, line.split("\t") + [""] * len(head))) for line in lines[1:] if line]


