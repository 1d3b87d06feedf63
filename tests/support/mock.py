"""A running `fleetprov mock` for the lifetime of a `with` block; Python's standard library only."""
import json
import os
import selectors
import shutil
import signal
import subprocess
import sys
import tempfile
import urllib.error
import urllib.request

SOURCE = os.environ.get("FLEETPROV_SOURCE", os.path.abspath(os.path.join(os.path.dirname(__file__), "..", "..")))
BIN = os.environ.get("FLEETPROV_BIN", os.path.join(SOURCE, "build", "test", "bin"))
FLEETPROV = os.path.join(BIN, "fleetprov")


def skip(reason):
    print("skipped: " + reason)
    sys.exit(77)


def need(program, package):
    found = shutil.which(program)
    if found is None:
        skip("%s is not installed (package %s)" % (program, package))
    return found


class Mock:
    """`Mock("--empty")`: arguments are those of `fleetprov mock`; ports are free ones."""

    def __init__(self, *arguments, directory=None, port=0, http_port=0):
        where = ["--dir", directory] if directory else ["--ephemeral"]
        self.errors = tempfile.TemporaryFile()
        self.process = subprocess.Popen(
            [FLEETPROV, "mock", *where, "--port", str(port), "--http-port", str(http_port), "--format", "json", *arguments],
            stdout=subprocess.PIPE, stderr=self.errors)
        with selectors.DefaultSelector() as ready:
            ready.register(self.process.stdout, selectors.EVENT_READ)
            line = self.process.stdout.readline() if ready.select(60) else b""
        if not line:
            self.stop()
            raise RuntimeError("the mock did not start: " + self.stderr())
        self.ready = json.loads(line)
        self.host, self.port = self.ready["mqtt"]["host"], self.ready["mqtt"]["port"]
        self.endpoint = "%s:%d" % ("[%s]" % self.host if ":" in self.host else self.host, self.port)
        self.url = self.ready["http"]["url"]
        self.ca_file = self.ready["ca_file"]
        self.claim = self.ready["claim"]

    def stderr(self):
        # Not seek: the mock writes through the same open file, wherever its offset stands.
        return os.pread(self.errors.fileno(), 1 << 24, 0).decode("utf-8", "replace")

    def http(self, method, path, body=None, headers=None):
        """(status, parsed body, headers)."""
        data = None if body is None else body if isinstance(body, bytes) else json.dumps(body).encode()
        request = urllib.request.Request(self.url + path, data=data, method=method, headers=headers or {})
        if data is not None and not request.has_header("Content-type"):
            request.add_header("Content-Type", "application/json")
        try:
            with urllib.request.urlopen(request, timeout=30) as answer:
                status, text, got = answer.status, answer.read(), dict(answer.headers)
        except urllib.error.HTTPError as answer:
            status, text, got = answer.code, answer.read(), dict(answer.headers)
        try:
            parsed = json.loads(text) if text else None
        except ValueError:
            parsed = text.decode("utf-8", "replace")
        return status, parsed, got

    def events(self):
        """The log's entries so far; asking for them waits for what the broker did before."""
        with urllib.request.urlopen(self.url + "/_mock/events", timeout=30) as answer:
            return [json.loads(line) for line in answer.read().splitlines()]

    def provision(self, out, *arguments, certificate=None, key=None, template="fleet-basic", parameters=None):
        """Runs `fleetprov provision` with the claim certificate; returns the finished process."""
        command = [FLEETPROV, "provision", "--endpoint", self.endpoint, "--cert", certificate or self.claim["certificate"],
                   "--key", key or self.claim["private_key"], "--ca-file", self.ca_file, "--template-name", template,
                   "--out", str(out)]
        if parameters is not None:
            command += ["--template-parameters", json.dumps(parameters)]
        return subprocess.run([*command, *arguments], capture_output=True, text=True, timeout=90)

    def broker_pid(self):
        """The broker is the launcher's child."""
        launcher = self.process.pid
        with open("/proc/%d/task/%d/children" % (launcher, launcher), encoding="ascii") as file:
            children = [int(pid) for pid in file.read().split()]
        for pid in children:
            with open("/proc/%d/comm" % pid, encoding="ascii") as file:
                if file.read().startswith("mosquitto"):
                    return pid
        raise AssertionError("no broker among %s" % children)

    def stop(self):
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
            try:
                self.process.wait(10)
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait()
        if self.process.stdout:
            self.process.stdout.close()
        return self.process.returncode

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.stop()
        self.errors.close()
