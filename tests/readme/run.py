#!/usr/bin/env python3
"""Runs every command and every program that README.md shows. Ports 8883 and 8080 become free ones."""
import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(HERE, "..", "support"))
import socket  # noqa: E402

from mock import BIN, SOURCE, need  # noqa: E402

# Run by tests of their own (the demo) or running right now (test.sh); installing is tests/consume's.
ELSEWHERE = ("./demo.sh", "./test.sh", "cmake --preset release")
# Commands that need a package this machine may not have.
OPTIONAL = {"aws": "/usr/bin/aws", "curl": None}


def free_port():
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        return one.getsockname()[1]


def blocks(text):
    """(language, body) of each fenced block."""
    return re.findall(r"^```(\w+)\n(.*?)^```$", text, re.M | re.S)


def commands(body):
    """Lines joined at backslashes."""
    return [line for line in body.replace("\\\n", " ").splitlines() if line.strip()]


def run_python(body, folder, environment):
    """The pytest example without pytest: its fixture is driven by hand."""
    shown = body.replace("import json, subprocess, pytest", "import json, subprocess").replace('@pytest.fixture(scope="session")\n', "")
    driver = shown + "\nfixture = iot()\nready = next(fixture)\ntest_the_mock_has_a_claim_certificate(ready)\nassert next(fixture, None) is None\n"
    done = subprocess.run([sys.executable, "-c", driver], cwd=folder, env=environment, capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr


def run_node(body, folder, environment):
    if shutil.which("node") is None:
        print("skipped: node is not installed")
        return
    with open(os.path.join(folder, "mock.mjs"), "w", encoding="utf-8") as file:
        file.write(body)
    done = subprocess.run(["node", "mock.mjs"], cwd=folder, env=environment, capture_output=True, text=True, timeout=60)
    assert done.returncode == 0 and "http://" in done.stdout, (done.stdout, done.stderr)


def compile_cpp(body, folder):
    """The program is examples/paho_cpp, word for word; running that is a test of its own."""
    with open(os.path.join(SOURCE, "examples", "paho_cpp", "main.cpp"), encoding="utf-8") as file:
        assert body == file.read(), "README.md's C++ program and examples/paho_cpp/main.cpp differ"
    source = os.path.join(folder, "example.cpp")
    with open(source, "w", encoding="utf-8") as file:
        file.write(body)
    compiler = os.environ.get("FLEETPROV_CXX", "g++")
    done = subprocess.run([compiler, "-std=c++17", "-fsyntax-only", "-Wall", "-Wextra", "-I", os.path.join(SOURCE, "include"), source],
                          capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr[:3000]


def main():
    need("bash", "bash")
    with open(os.path.join(SOURCE, "README.md"), encoding="utf-8") as file:
        text = file.read()
    ports = {"8883": str(free_port()), "8080": str(free_port())}
    environment = dict(os.environ, PATH=BIN + ":" + os.environ["PATH"], AWS_ACCESS_KEY_ID="any", AWS_SECRET_ACCESS_KEY="any", AWS_PAGER="")
    ran, mock = 0, None
    with tempfile.TemporaryDirectory() as folder:
        for name in ("policies", "templates"):
            os.symlink(os.path.join(SOURCE, name), os.path.join(folder, name))
        try:
            for language, body in blocks(text):
                if language == "python":
                    run_python(body, folder, environment)
                elif language == "js":
                    run_node(body, folder, environment)
                elif language == "cpp":
                    compile_cpp(body, folder)
                elif language == "sh":
                    for command in commands(body):
                        if command.startswith(ELSEWHERE):
                            continue
                        program = command.split()[0]
                        if program in OPTIONAL and not (os.path.exists(OPTIONAL[program]) if OPTIONAL[program] else shutil.which(program)):
                            print("skipped: %s is not installed: %s" % (program, command))
                            continue
                        for shown, used in ports.items():
                            command = command.replace(shown, used)
                        if program == "aws":
                            command = OPTIONAL["aws"] + command[len("aws"):]
                        if command.startswith("fleetprov mock"):
                            mock = subprocess.Popen(["bash", "-c", "exec " + command], cwd=folder, env=environment,
                                                    stdout=subprocess.PIPE, text=True)
                            assert mock.stdout.readline(), "the mock did not start"
                        else:
                            done = subprocess.run(["bash", "-c", command], cwd=folder, env=environment, capture_output=True, text=True, timeout=90)
                            assert done.returncode == 0, (command, done.returncode, done.stdout, done.stderr)
                        print("ok   " + command)
                        ran += 1
        finally:
            if mock is not None:
                mock.send_signal(signal.SIGTERM)
                mock.wait(10)
                mock.stdout.close()
    assert ran > 10, ran
    # The words about the files README points at stay true.
    for link in re.findall(r"\]\(([^)#]+)\)", text):
        if not link.startswith("http"):
            assert os.path.exists(os.path.join(SOURCE, link)), link
    for named in re.findall(r"`((?:examples|policies|templates|docs)/[\w./-]*)`", text):
        assert os.path.exists(os.path.join(SOURCE, named)), named
    print("%d passed, 0 failed" % ran)


main()
