"""What every subcommand has in common: help with an example, exit statuses, spelling of options, colour."""
import os
import pathlib
import pty
import re
import subprocess
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1]))
from tool import BIN, Folder, arn, expect, policy, statement  # noqa: E402

top = expect(0, "--help").stdout
commands = re.findall(r"^  ([a-z]+)  ", top[top.index("Subcommands:"):], re.MULTILINE)
for wanted in ("check", "authorize", "test", "resolve", "render", "topics", "rules"):
    assert wanted in commands, (wanted, commands)
for command in commands:
    text = expect(0, command, "--help").stdout
    assert f"Example:\n  fleetprov {command} " in text or f"Example:\n  fleetprov {command}\n" in text, text
    assert "Usage: fleetprov " + command in text, text

assert re.fullmatch(r"fleetprov \d+\.\d+\.\d+\n", expect(0, "--version").stdout)
nothing = expect(2)
assert nothing.stdout == "" and "Subcommands:" in nothing.stderr
assert "did you mean `check`" in expect(2, "chekc").stderr
assert "did you mean" not in expect(2, "zzzzzzz").stderr
assert "did you mean `--role`" in expect(2, "check", "--rolle", "claim", "x.json").stderr
assert "unknown option" in expect(2, "--nonsense").stderr
expect(2, "topics", "extra")

# `_` and `-` in long options, with a value after a blank or after `=`
for words in (["--template-name", "my_name"], ["--template_name", "my_name"], ["--template-name=my_name"],
              ["--template_name=my_name"]):
    assert "provisioning-templates/my_name/" in expect(0, "topics", *words).stdout, words

# colour only on a terminal, and not there if NO_COLOR says so
with Folder() as at:
    bad = at.write("bad.json", "[]")

    def on_terminal(**env):
        master, slave = pty.openpty()
        child = subprocess.Popen([str(BIN), "check", str(bad)], stdin=subprocess.DEVNULL, stdout=slave,
                                 stderr=subprocess.DEVNULL, env={**{k: v for k, v in os.environ.items() if k != "NO_COLOR"},
                                                                 "TERM": "xterm", **env})
        os.close(slave)
        got = b""
        while True:
            try:
                piece = os.read(master, 65536)
            except OSError:
                break
            if not piece:
                break
            got += piece
        os.close(master)
        assert child.wait() == 1
        return got

    assert b"\x1b[1;31m" in on_terminal()
    assert b"\x1b" not in on_terminal(NO_COLOR="1")
    assert b"\x1b" not in on_terminal(TERM="dumb")
    assert "\x1b" not in expect(1, "check", bad).stdout

    # a full disk is reported
    if os.path.exists("/dev/full"):
        with open("/dev/full", "wb") as full:
            done = subprocess.run([str(BIN), "topics"], stdout=full, stderr=subprocess.PIPE, check=False)
        assert done.returncode == 3 and b"cannot write" in done.stderr, done

    # so are a closed output, a closed input and a file that may not grow; a closed standard error is nobody's
    def in_shell(code, redirections, *words, before=""):
        done = subprocess.run(["bash", "-c", before + '"$@" ' + redirections, "bash", str(BIN), *map(str, words)], capture_output=True, timeout=120,
                              check=False)
        assert done.returncode == code, (redirections, words, done)
        return done
    for command in ("topics", "authorize"):
        words = [command] if command == "topics" else [command, "--policy", at.write("p.json", policy(statement("iot:Connect", arn("client/a")))),
                                                       "--action", "iot:Connect", "--resource", "client/a"]
        assert b"cannot write the output: Bad file descriptor" in in_shell(3, ">&-", *words).stderr
        assert in_shell(3, "<&- >&- 2>&-", *words).stderr == b""
        assert in_shell(0, "<&- 2>&-", *words).stdout == in_shell(0, "", *words).stdout != b""
        assert b"cannot write the output: File too large" in in_shell(3, f">{at.path}/out", *words, before="ulimit -f 0; ").stderr
    assert b"standard input: Bad file descriptor" in in_shell(2, "<&-", "check", "-").stderr
    assert in_shell(2, "<&- 2>&-", "check", "-").stdout == b""
    assert in_shell(1, "2>&-", "check", bad).stdout == expect(1, "check", bad).stdout.encode()

print("ok")
