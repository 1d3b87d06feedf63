#!/usr/bin/env python3
"""Measures everything in the table of benchmarks/README.md and writes it there, each figure beside something to
compare with in the same run.

  benchmarks/run.py            builds the release preset, measures, prints the table, writes it into README.md
  benchmarks/run.py --no-build --no-write --only startup
Needs what test.sh installs, and libbenchmark-dev. Takes some minutes; a machine that does nothing else gives figures
that mean something."""
import argparse
import concurrent.futures
import json
import os
import re
import resource
import shutil
import signal
import socket
import statistics
import subprocess
import sys
import tempfile
import threading
import time

HERE = os.path.dirname(os.path.abspath(__file__))
SOURCE = os.path.dirname(HERE)
BIN = os.path.join(SOURCE, "build", "release", "bin")
os.environ["FLEETPROV_BIN"] = BIN
os.environ.setdefault("FLEETPROV_SOURCE", SOURCE)
sys.path.insert(0, os.path.join(SOURCE, "tests", "support"))
from mock import FLEETPROV, Mock  # noqa: E402
from mqtt import CREATE, Client, claim_identity, create, tls_context  # noqa: E402

MOSQUITTO = shutil.which("mosquitto") or "/usr/sbin/mosquitto"
rows, notes = [], []


def row(what, target, measured, beside, met):
    rows.append((what, target, measured, beside, met))
    print("%-8s %s: %s (target %s; beside: %s)" % ("" if met else "MISSED", what, measured, target, beside), flush=True)


def limit(what, measured, least, limit_measured, unit):
    """How far a figure is from what no solution can do without, or from less than that."""
    notes.append("Limit: %s %.3g %s; %s: %.3g %s, so %.2f x." % (what, measured, unit, least, limit_measured, unit, measured / limit_measured))


def free_port():
    with socket.create_server(("127.0.0.1", 0)) as one:
        return one.getsockname()[1]


def output(*command, **how):
    return subprocess.run(command, check=True, capture_output=True, text=True, **how).stdout


# ---- library ----------------------------------------------------------------------------------------


def library():
    told = json.loads(output(BIN + "/fleetprov_microbench", "--benchmark_format=json", "--benchmark_repetitions=5",
                             "--benchmark_report_aggregates_only=true"))
    by_name = {}
    for one in told["benchmarks"]:
        if one.get("aggregate_name") == "median":
            by_name[one["run_name"]] = one

    def ns(name):
        # Of the processor: none of these waits for anything but other programs.
        return by_name[name]["cpu_time"]

    def each(name):
        return by_name[name]["each"] * 1e9

    def allocations(*names):
        # What the measuring itself allocates is spread over millions of turns.
        return round(max(by_name[name].get("allocs", 0) for name in names), 3)

    classify, build = each("topics_classify"), each("topics_build")
    row("topic classify / build, average over the 18 API topics and 20 near misses", "15 ns / 4 ns, 0 allocations",
        "%.1f ns / %.1f ns, %g allocations" % (classify, build, allocations("topics_classify", "topics_build")),
        "to classify: `std::regex` %.0f ns; `strcmp` and `strstr`, the name not checked, %.0f ns" %
        (each("topics_classify_std_regex"), each("topics_classify_strcmp")),
        classify <= 15 and build <= 4 and allocations("topics_classify", "topics_build") == 0)
    cases = [name for name in by_name if name.startswith("decide/")]
    times = {name.split("/")[1].replace("_", " "): ns(name) for name in cases}
    row("bound policy decision, shipped device policy", "150 ns, 0 allocations",
        "%.0f to %.0f ns, %g allocations" % (min(times.values()), max(times.values()), allocations(*cases)),
        "`evaluate` with its explanation: %.0f ns" % ns("evaluate_with_explanation"),
        max(times.values()) <= 150 and allocations(*cases) == 0)
    notes.append("Bound decision, each case: " + ", ".join("%s %.0f ns" % item for item in times.items()) + ".")
    for form in ("json", "cbor"):
        ours, bare = ns("decode_reply/" + form), ns("nlohmann_parse_" + form)
        row("decode a CreateKeysAndCertificate reply (4 KB), %s" % form.upper(), "2 x nlohmann's bare parse",
            "%.2f x, %.1f us" % (ours / bare, ours / 1e3), "bare parse: %.1f us" % (bare / 1e3), ours <= 2 * bare)
    row("template resolve, a template of the article's shape", "10 us", "%.2f us" % (ns("template_resolve") / 1e3),
        "from the text: %.1f us; nlohmann's bare parse of it: %.1f us" % (ns("template_text_to_plan") / 1e3, ns("nlohmann_parse_template") / 1e3),
        ns("template_resolve") <= 10e3)
    growth = {int(name.rsplit("/", 1)[1]): ns(name) for name in by_name if re.fullmatch(r"pathological_pattern/\d+", name)}
    notes.append("`*a*a...*b*a` against 256 times `a`, by the number of stars: " +
                 ", ".join("%d: %.2f us" % (n, growth[n] / 1e3) for n in sorted(growth)) + ".")
    limit("topic classify", classify, "comparing each topic with an equal one", each("limit_topics_classify"), "ns")
    limit("topic build", build, "copying the same texts", each("limit_topics_build"), "ns")
    limit("bound policy decision, the slowest case", max(times.values()), "one comparison of the name with an equal one", ns("limit_decide"), "ns")
    limit("decode a JSON reply", ns("decode_reply/json") / 1e3, "`memchr` for its quotes and for its backslashes", ns("limit_decode_json") / 1e3, "us")
    limit("decode a CBOR reply", ns("decode_reply/cbor") / 1e3, "copying its bytes", ns("limit_decode_cbor") / 1e3, "us")
    limit("template resolve", ns("template_resolve") / 1e3, "copying the answer", ns("limit_template_resolve") / 1e3, "us")
    notes.append("Parse and lint of the shipped device policy: %.0f us (nlohmann's bare parse: %.1f us)." %
                 (ns("parse_and_lint") / 1e3, ns("nlohmann_parse_policy") / 1e3))


def check_many():
    with open(os.path.join(SOURCE, "policies", "device-by-thing-name.json"), encoding="utf-8") as file:
        text = file.read().replace("aws-region:aws-account-id", "us-east-1:123456789012")
    with tempfile.TemporaryDirectory() as folder:
        names = []
        for number in range(1000):
            names.append("%s/p%d.json" % (folder, number))
            with open(names[-1], "w", encoding="utf-8") as file:
                file.write(text.replace("devices/", "fleet-%d/" % number))

        def once(*command):
            start = time.monotonic()
            subprocess.run(command, check=True, capture_output=True)
            return time.monotonic() - start

        ours = min(once(FLEETPROV, "check", "--role", "device", *names) for _ in range(3))
        read = "import json,sys\nfor n in sys.argv[1:]: json.load(open(n))"
        theirs = min(once(sys.executable, "-c", read, *names) for _ in range(3))
        row("`check` of 1,000 policies, one process", "0.3 s", "%.2f s, %.0f documents per second" % (ours, 1000 / ours),
            "Python that only reads them as JSON: %.2f s" % theirs, ours <= 0.3)
        start = min(once(FLEETPROV, "--version") for _ in range(5))
        limit("`check` of 1,000 policies", ours * 1e3, "`cat` of the files", min(once("cat", *names) for _ in range(5)) * 1e3, "ms")
        notes.append("Of that, the start of the process alone: %.1f ms." % (start * 1e3))


# ---- the mock beside a plain Mosquitto -------------------------------------------------------------------


class Plain:
    """Mosquitto without the plugin, on another port, otherwise with the mock's own configuration and OpenSSL settings."""

    def __init__(self, mock_directory, port):
        self.conf = os.path.join(mock_directory, "plain.conf")
        lines, listening = [], False
        with open(os.path.join(mock_directory, "mosquitto.conf"), encoding="utf-8") as file:
            for line in file.read().splitlines():
                if line.startswith("plugin"):
                    continue
                if line.startswith("listener "):
                    line = "" if listening else "listener %d 127.0.0.1" % port
                    listening = True
                if line.startswith("allow_anonymous"):
                    line = "allow_anonymous true"
                if line.startswith("persistence "):
                    line = "persistence false"
                lines.append(line)
        with open(self.conf, "w", encoding="utf-8") as file:
            file.write("\n".join(lines) + "\n")
        self.host, self.port, self.ca_file = "localhost", port, os.path.join(mock_directory, "AmazonRootCA1.pem")
        self.environment = dict(os.environ, OPENSSL_CONF=os.path.join(mock_directory, "private", "openssl.cnf"))

    def start(self):
        self.process = subprocess.Popen([MOSQUITTO, "-c", self.conf], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
                                        env=self.environment)
        self.pid = self.process.pid
        return self

    def stop(self):
        self.process.terminate()
        self.process.wait()


def connect_soon(target, identity, client_id, tls=None):
    """Tries until a CONNACK comes. Before the broker listens it costs nothing but a refused connection now and then: the
    machine is for the broker's start."""
    end = time.monotonic() + 30
    while time.monotonic() < end:
        try:
            transport = socket.create_connection(("127.0.0.1", target.port), timeout=30)
            client = Client(target, identity, client_id, tls=tls, transport=transport)
            if client.accepted:
                return client
        except OSError:
            # Also what the launcher's look at the port resets. Nothing tells when a broker will listen: a short pause is
            # the poll's own period.
            time.sleep(0.0002)
    raise RuntimeError("no CONNACK in 30 s")


class Where:
    def __init__(self, host, port, ca_file):
        self.host, self.port, self.ca_file = host, port, ca_file


def startup():
    with tempfile.TemporaryDirectory() as work:
        directory = os.path.join(work, "dir")
        with Mock(directory=directory) as mock:
            identity, ca_file, host = claim_identity(mock), mock.ca_file, mock.host
            tls = tls_context(ca_file, identity)
        # The same ports each time, as when somebody starts his mock again.
        port, plain = free_port(), Plain(directory, free_port())
        command = [FLEETPROV, "mock", "--dir", directory, "--port", str(port), "--http-port", "0", "--format", "json"]
        mocks, plains = [], []
        for _ in range(41):
            start = time.monotonic()
            process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
            client = connect_soon(Where(host, port, ca_file), identity, "first", tls)
            mocks.append(time.monotonic() - start)
            client.abort()
            process.send_signal(signal.SIGTERM)
            process.wait()
            start = time.monotonic()
            plain.start()
            client = connect_soon(plain, identity, "first", tls)
            plains.append(time.monotonic() - start)
            client.abort()
            plain.stop()
        ours, theirs = statistics.median(mocks), statistics.median(plains)
        row("mock: exec to first CONNACK over mutual TLS, existing DIR", "1.5 x bare Mosquitto", "%.2f x, %.0f ms" % (ours / theirs, ours * 1e3),
            "bare Mosquitto: %.0f ms" % (theirs * 1e3), ours <= 1.5 * theirs)


def flows():
    """Keys from the pool, then keys that the devices make."""
    for arguments, keys in (("--keys", "--flows", "700"), True), ((), False):
        told = output(BIN + "/fleetprov_load", *arguments, env=dict(os.environ, FLEETPROV_PROGRAM=FLEETPROV), timeout=900)
        bare = float(re.search(r"bare Mosquitto:.* (\d+) per second", told)[1])
        without = float(re.search(r"without session tickets.*: (\d+) per second", told)[1])
        rate = float(re.search(r"mock: .* (\d+) per second", told)[1])
        median, late = re.search(r"one client: +median ([\d.]+) ms, 95th percentile ([\d.]+)", told).groups()
        cpu = dict(re.findall(r"processor time per ([\w ]+): (.*)", told))
        if not keys:
            notes.append("Full flows with keys that the device makes (CSR): %.0f per second, %.0f %% of half the bare handshakes of that "
                         "run; one client: %s ms." % (rate, 200 * rate / bare, median))
            continue
        row("mock: full flows per second, key from pool", "80 % of (bare handshakes per second / 2)",
            "%.0f per second, %.0f %%" % (rate, 200 * rate / bare), "bare Mosquitto: %.0f handshakes per second" % bare, rate >= 0.4 * bare)
        row("mock: one client, full flow", "10 ms median", "%s ms (95th percentile %s ms)" % (median, late),
            "two bare handshakes at full load: %.1f ms" % (2000 / bare), float(median) <= 10)
        notes.append("A bare Mosquitto that makes no session tickets, as the mock's: %.0f handshakes per second; the flows are %.0f %% of "
                     "half of that. Processor time of a bare handshake (with tickets): %s; of a flow: %s." %
                     (without, 200 * rate / without, cpu["bare handshake"], cpu["flow"]))


def resident_kb(pid):
    with open("/proc/%d/status" % pid, encoding="ascii") as file:
        return int(re.search(r"VmRSS:\s+(\d+)", file.read())[1])


def broker_of(launcher):
    with open("/proc/%d/task/%d/children" % (launcher, launcher), encoding="ascii") as file:
        for pid in map(int, file.read().split()):
            with open("/proc/%d/comm" % pid, encoding="ascii") as name:
                if name.read().startswith("mosquitto"):
                    return pid
    raise RuntimeError("no broker below the launcher")


def memory():
    count = 1000
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (min(hard, 8192), hard))

    def per_device(target, pid, identity):
        before = resident_kb(pid)
        held = [Client(target, identity, "device-%d" % n) for n in range(count)]
        assert all(one.accepted for one in held)
        after = resident_kb(pid)
        for one in held:
            one.abort()
        return before, (after - before) / count

    with tempfile.TemporaryDirectory() as work:
        directory = os.path.join(work, "dir")
        with Mock(directory=directory) as mock:
            identity = claim_identity(mock)
            idle, each = per_device(mock, broker_of(mock.ready["pid"]), identity)
        port = free_port()
        plain = Plain(directory, port).start()
        where = Where("localhost", port, os.path.abspath(mock.ca_file))
        connect_soon(where, identity, "first").abort()
        bare_idle, bare_each = per_device(where, plain.pid, identity)
        plain.stop()
    resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
    row("mock: resident memory idle / per connected device", "16 MB / 30 kB", "%.1f MB / %.1f kB" % (idle / 1024, each),
        "bare Mosquitto: %.1f MB / %.1f kB" % (bare_idle / 1024, bare_each), idle <= 16 * 1024 and each <= 30)


def rsa():
    count, cores = 120, os.cpu_count()
    start = time.monotonic()
    with concurrent.futures.ThreadPoolExecutor(cores) as pool:
        list(pool.map(lambda _: output("openssl", "genrsa", "2048"), range(count)))
    theirs = count / (time.monotonic() - start)
    with Mock() as mock:
        clients = [Client(mock, claim_identity(mock), "maker-%d" % n) for n in range(8)]
        beside = Client(mock, claim_identity(mock), "beside")
        done, pings = threading.Event(), []

        def watch():
            while not done.is_set():
                at = time.monotonic()
                assert beside.ping()
                pings.append(time.monotonic() - at)
                done.wait(0.002)

        def make(client):
            for _ in range(count // len(clients)):
                create(client)

        # What the pool holds already would not be made on demand.
        while len(os.listdir(pool_folder(mock))) > 1:
            create(clients[0])
        watcher = threading.Thread(target=watch)
        watcher.start()
        start = time.monotonic()
        with concurrent.futures.ThreadPoolExecutor(len(clients)) as pool:
            list(pool.map(make, clients))
        ours = count / (time.monotonic() - start)
        done.set()
        watcher.join()
    pings.sort()
    p99 = pings[int(len(pings) * 0.99)]
    row("RSA keys on demand, and the broker's ping p99 meanwhile", "OpenSSL's rate on all cores; 10 ms",
        "%.0f per second; %.1f ms" % (ours, p99 * 1e3), "`openssl genrsa` on %d cores: %.0f per second" % (cores, theirs),
        ours >= 0.9 * theirs and p99 <= 0.010)


def pool_folder(mock):
    return os.path.join(mock.ready["dir"], "pool")


# ---- compile and size ------------------------------------------------------------------------------------


def foreign_headers(header):
    """What a header of ours and all of ours below it include of others."""
    include = os.path.join(SOURCE, "include")
    used = output("g++", "-std=c++17", "-I", include, "-M", os.path.join(include, header)).replace("\\\n", " ").split()[1:]
    found = set()
    for name in used:
        if os.path.realpath(name).startswith(os.path.realpath(include) + os.sep):
            with open(name, encoding="utf-8") as file:
                found.update(re.findall(r"^ *# *include <(?!fleetprov/)([^>]+)>", file.read(), re.MULTILINE))
    return sorted(found)


def compile_times():
    with tempfile.TemporaryDirectory() as work:
        def seconds(*headers):
            name = os.path.join(work, "one.cpp")
            with open(name, "w", encoding="utf-8") as file:
                file.write("".join("#include <%s>\n" % header for header in headers))
            times = []
            for _ in range(3):
                start = time.monotonic()
                output("g++", "-std=c++17", "-O2", "-I", os.path.join(SOURCE, "include"), "-c", name, "-o", name + ".o")
                times.append(time.monotonic() - start)
            return min(times)

        parts = [("topics header", "fleetprov/topics/fleet_topics.hpp", 0.3), ("machine header", "fleetprov/provisioning/machine.hpp", 0.8),
                 ("umbrella", "fleetprov/fleetprov.hpp", 3)]
        measured = [seconds(header) for _, header, _ in parts]
        row("compile: topics header, machine header, umbrella (g++ -O2)", "0.3, 0.8, 3 s", ", ".join("%.2f s" % m for m in measured),
            "`nlohmann/json.hpp`: %.2f s; `<string>` and `<map>`: %.2f s" % (seconds("nlohmann/json.hpp"), seconds("string", "map")),
            all(m <= most for m, (_, _, most) in zip(measured, parts)))
        for (what, header, _), ours in zip(parts, measured):
            theirs = foreign_headers(header)
            limit("compile the " + what, ours, "what it includes of others (%d headers) alone" % len(theirs), seconds(*theirs), "s")


def stripped_size(program, work):
    copy = os.path.join(work, "stripped")
    output("strip", "-o", copy, program)
    return os.path.getsize(copy)


def peak_kb(*command):
    """Peak resident memory of a child that must end well: VmHWM, looked at until it ends. (ru_maxrss would begin with
    what this process had at the fork.)"""
    process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    peak = 0
    while process.poll() is None:
        with open("/proc/%d/status" % process.pid, encoding="ascii") as file:
            text = file.read()
        found = re.search(r"VmHWM:\s+(\d+)", text)
        if found and not text.startswith("Name:\tpython"):
            peak = max(peak, int(found[1]))
    assert process.returncode == 0, command
    return peak


def sizes():
    with tempfile.TemporaryDirectory() as work, Mock() as mock:
        certificate, key = claim_identity(mock)

        def client(name):
            """Stripped size, and the peak of a whole provisioning."""
            peak = peak_kb(os.path.join(BIN, name), mock.host, str(mock.port), mock.ca_file, certificate, key, "fleet-basic", name, os.path.join(work, name))
            return stripped_size(os.path.join(BIN, name), work), peak

        tool, device = stripped_size(FLEETPROV, work), stripped_size(FLEETPROV + "-device", work)
        clients = [("Paho C++", *client("provision_with_paho")), ("Paho C", *client("provision_with_paho_c"))]
        beside = peak_kb("mosquitto_rr", "-h", mock.host, "-p", str(mock.port), "--cafile", mock.ca_file, "--cert", certificate, "--key", key,
                         "-q", "1", "-t", CREATE, "-e", CREATE + "/accepted", "-m", "{}", "-W", "20")
        handshake = peak_kb("openssl", "s_client", "-brief", "-connect", "%s:%d" % (mock.host, mock.port), "-CAfile", mock.ca_file, "-cert", certificate, "-key", key)
        row("`fleetprov` stripped, both programs", "3 MB", "%.1f MB + %.1f MB" % (tool / 1e6, device / 1e6),
            "`mosquitto` itself: %.2f MB" % (os.path.getsize(MOSQUITTO) / 1e6), tool + device <= 3e6)
        row("a minimal Paho provisioning client: stripped size without libraries / peak memory", "300 kB / 10 MB",
            "; ".join("%s: %.0f kB / %.1f MB" % (name, size / 1e3, peak / 1024) for name, size, peak in clients),
            "`mosquitto_rr`, one request, peak: %.1f MB (AWS C++ SDK: 6.6 MB static, 10.9 MB)" % (beside / 1024),
            all(size <= 300e3 and peak <= 10 * 1024 for _, size, peak in clients))
        limit("peak memory of the Paho C client", clients[1][2] / 1024, "`openssl s_client`, one handshake with the same certificate", handshake / 1024, "MB")


# ---- the table -------------------------------------------------------------------------------------------


def machine():
    """What the figures belong to. One name of a processor stands for machines of very different speed, so OpenSSL's own is told, too."""
    with open("/proc/cpuinfo", encoding="utf-8") as file:
        model = re.search(r"model name\s*: (.*)", file.read())
    speed = output("openssl", "speed", "-seconds", "2", "rsa2048").splitlines()[-1].split()  # ..., signatures and verifications per second
    return "%s, %d cores, %.0f RSA-2048 signatures per second on one of them (`openssl speed`), %s" % (
        model[1] if model else os.uname().machine, os.cpu_count(), float(speed[-2]), output("g++", "--version").splitlines()[0])


def table():
    lines = ["| what | target: at most, unless it says otherwise | measured | beside it, same run | met |", "| --- | --- | --- | --- | --- |"]
    lines += ["| %s | %s | %s | %s | %s |" % (what, target, measured, beside, "yes" if met else "**no**") for what, target, measured, beside, met in rows]
    return "\n".join(lines) + "\n\n" + "".join("- " + note + "\n" for note in notes)


def main():
    parts = {"library": library, "check": check_many, "startup": startup, "flows": flows, "memory": memory, "rsa": rsa, "compile": compile_times, "sizes": sizes}
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("--no-build", action="store_true", help="measure what build/release holds")
    options.add_argument("--no-write", action="store_true", help="leave benchmarks/README.md alone")
    options.add_argument("--only", nargs="+", choices=parts, help="these parts; implies --no-write")
    chosen = options.parse_args()
    if not chosen.no_build:
        subprocess.run(["cmake", "--preset", "release"], cwd=SOURCE, check=True, stdout=subprocess.DEVNULL)
        subprocess.run(["cmake", "--build", "--preset", "release", "--target", "fleetprov_microbench", "fleetprov_load", "fleetprov_cli",
                        "fleetprov_mock_plugin", "provision_with_paho", "provision_with_paho_c"], cwd=SOURCE, check=True)
    for name, measure in parts.items():
        if not chosen.only or name in chosen.only:
            measure()
    text = table()
    print("\n" + text)
    if not chosen.only and not chosen.no_write:
        readme = os.path.join(HERE, "README.md")
        with open(readme, encoding="utf-8") as file:
            before = file.read()
        start, end = "<!-- figures -->\n", "<!-- end of figures -->\n"
        kept = before.split(start)[0], before.split(end)[1]
        with open(readme, "w", encoding="utf-8") as file:
            file.write(kept[0] + start + "On %s:\n\n" % machine() + text + end + kept[1])
    return 0 if all(met for *_, met in rows) else 1


if __name__ == "__main__":
    sys.exit(main())
