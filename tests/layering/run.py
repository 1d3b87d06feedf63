#!/usr/bin/env python3
"""Reads every #include under include/ and fails on an edge that docs/architecture.md does not draw."""
import os
import pathlib
import re
import sys

root = pathlib.Path(os.environ.get("FLEETPROV_SOURCE", pathlib.Path(__file__).resolve().parents[2]))
include = root / "include"

# A node is a set of headers of one layer; an edge may be followed any number of times.
edges = {
    "core": [],
    "topics": ["core"],
    "messages": ["core"],
    "crypto": ["core"],
    "json": ["core"],
    "machine": ["messages", "topics"],
    "codec": ["json", "messages", "topics"],
    "policies": ["json", "topics"],
    "templates": ["policies"],
    "session": ["machine", "codec"],
    "credential_store": ["core"],
    "storage": ["credential_store", "json", "topics"],
    "life_cycle": ["session", "storage"],
    "adapters": ["session", "life_cycle", "storage", "crypto"],
    "testing": ["core", "json"],
    "umbrella": ["policies", "templates", "session", "credential_store", "life_cycle"],
}

# Which foreign headers a node may name besides the plain standard library.
foreign = {
    r"nlohmann/": {"json"},
    r"openssl/": {"crypto", "adapters"},
    r"mqtt/|MQTT|mosquitto": {"adapters"},
    r"(sys|netinet|arpa)/|unistd\.h|fcntl\.h|poll\.h|dirent\.h|spawn\.h|netdb\.h|signal\.h|csignal|cerrno":
        {"storage", "adapters", "testing"},
    r"thread|mutex|condition_variable|future": {"adapters", "testing"},
    r"fstream|filesystem|cstdio": {"storage", "testing"},
    r"iostream|ostream|istream|sstream|regex|random|functional|iomanip|locale|exception|stdexcept": set(),
}

banned_words = {
    r"\b(throw|try|catch)\b": {"adapters"},
    r"\b(shared_ptr|dynamic_cast|typeid)\b": {"adapters"},
    r"\bgetenv\b|system_clock|steady_clock|random_device": {"adapters", "storage", "testing"},
}


def node_of(path):
    parts = path.split("/")
    if path in ("version.hpp", "config.hpp"):
        return "config"
    if path == "fleetprov.hpp":
        return "umbrella"
    if parts[0] == "payloads":
        return "messages" if path == "payloads/messages.hpp" else "codec"
    if parts[0] == "storage":
        return "credential_store" if path == "storage/credential_store.hpp" else "storage"
    if parts[0] == "provisioning":
        name = parts[-1].split(".")[0]
        if name.startswith("life_cycle") or name.startswith("rotation"):
            return "life_cycle"
        return "session" if name.startswith("session") else "machine"
    return parts[0] if parts[0] in edges else None


def reachable(node, seen=None):
    seen = set() if seen is None else seen
    if node not in seen:
        seen.add(node)
        for below in edges[node]:
            reachable(below, seen)
    return seen


def without_comments(text):
    text = re.sub(r'R"\((?:.|\n)*?\)"', '""', text)
    text = re.sub(r'"(?:\\.|[^"\\\n])*"', '""', text)
    text = re.sub(r"//[^\n]*", "", text)
    return re.sub(r"/\*(?:.|\n)*?\*/", "", text)


findings = []
headers = sorted(p.relative_to(include / "fleetprov").as_posix() for p in (include / "fleetprov").rglob("*.hpp"))
count = 0
for header in headers:
    node = node_of(header)
    if node is None:
        findings.append(f"{header}: in no known module")
        continue
    data = (include / "fleetprov" / header).read_bytes()
    text = data.decode("utf-8")
    if not text.lstrip().startswith("#pragma once"):
        findings.append(f"{header}: does not begin with #pragma once")
    if any(byte > 126 for byte in data):
        findings.append(f"{header}: is not ASCII")
    for line, named in enumerate(re.findall(r"^[^\n]*$", text, re.M), 1):
        match = re.match(r'\s*#\s*include\s*([<"])([^>"]+)[>"]', named)
        if not match:
            continue
        count += 1
        if match.group(1) == '"':
            findings.append(f'{header}:{line}: include "..." instead of <...>')
        target = match.group(2)
        if target.startswith("fleetprov/"):
            inner = target[len("fleetprov/"):]
            other = node_of(inner)
            if inner not in headers:
                findings.append(f"{header}:{line}: no such header: {target}")
            elif other == "umbrella":
                findings.append(f"{header}:{line}: includes the umbrella")
            elif other != "config" and node != "config" and other not in reachable(node):
                findings.append(f"{header}:{line}: {node} may not include {other} ({target})")
            elif "/detail/" in inner and inner.split("/")[0] not in (header.split("/")[0], "core"):
                findings.append(f"{header}:{line}: the detail of another module ({target})")
            continue
        for pattern, allowed in foreign.items():
            if re.match(pattern, target) and node not in allowed:
                findings.append(f"{header}:{line}: {node} may not include {target}")
    code = without_comments(text)
    for pattern, allowed in banned_words.items():
        for match in re.finditer(pattern, code):
            if node not in allowed:
                line = code[:match.start()].count("\n") + 1
                findings.append(f"{header}:~{line}: {node} uses `{match.group(0)}`")

# Adapters stay thin: what they share is in drive.hpp and link.hpp.
for adapter in ("paho.hpp", "paho_c.hpp", "mosquitto.hpp"):
    lines = len((include / "fleetprov" / "adapters" / adapter).read_text(encoding="utf-8").splitlines())
    if lines >= 200:
        findings.append(f"adapters/{adapter}: {lines} lines, an adapter has less than 200")

for finding in findings:
    print(finding)
print(f"{len(headers)} headers, {count} includes, {len(findings)} findings")
sys.exit(1 if findings or count == 0 else 0)
