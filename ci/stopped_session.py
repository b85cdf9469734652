#!/usr/bin/env python3
"""The real Claude Code and Codex against a session that a person stopped: each must ask once, show our
sentence and end; nothing may reach the provider. Needs BASE_URL, API_KEY, MODEL, CONSOLE, MOCK_ADMIN,
OUTLAST (the program), CONFIG, ADMIN_SECRET (a file), `claude` and `codex` on the path.
Prints PASS and FAIL lines and a last line `RESULT stopped-session passed/total`."""

import json
import os
import subprocess
import sys
import tempfile
import time
import urllib.request
import uuid

BASE_URL, MODEL = os.environ["BASE_URL"], os.environ["MODEL"]
SESSION = str(uuid.uuid4())
HOME = tempfile.mkdtemp(prefix="stopped-session")
passed = failed = 0


def claude(prompt, *arguments):
    """One headless run in this session: exit status, the result record, seconds."""
    environment = {
        "PATH": os.environ["PATH"],
        "HOME": HOME,
        "TERM": "dumb",
        "LANG": "C.UTF-8",
        "ANTHROPIC_BASE_URL": BASE_URL,
        "ANTHROPIC_API_KEY": os.environ["API_KEY"],
        "ANTHROPIC_MODEL": MODEL,
        "ANTHROPIC_DEFAULT_HAIKU_MODEL": MODEL,
        "ANTHROPIC_SMALL_FAST_MODEL": MODEL,
        "DISABLE_TELEMETRY": "1",
        "DISABLE_ERROR_REPORTING": "1",
        "DISABLE_AUTOUPDATER": "1",
        "CLAUDE_CODE_DISABLE_NONESSENTIAL_TRAFFIC": "1",
    }
    began = time.time()
    done = subprocess.run(
        ["claude", "-p", prompt, "--output-format", "json", *arguments],
        cwd=HOME, env=environment, stdin=subprocess.DEVNULL,
        capture_output=True, text=True, timeout=60, check=False,
    )
    lines = [json.loads(line) for line in done.stdout.splitlines() if line.startswith("{")]
    return done.returncode, lines[-1] if lines else {"result": done.stderr}, time.time() - began


def outlast(*arguments):
    command = [os.environ["OUTLAST"], *arguments, "--config", os.environ["CONFIG"]]
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout


def board():
    with open(os.environ["ADMIN_SECRET"], encoding="utf-8") as file:
        secret = file.read().strip()
    request = urllib.request.Request(
        os.environ["CONSOLE"] + "/api/breakers", headers={"authorization": f"Bearer {secret}"}
    )
    with urllib.request.urlopen(request, timeout=5) as answer:
        return json.load(answer)


def session_row():
    """This session, wherever it stands on the board."""
    found = board()
    rows = found["asking"] + found["stopped"] + found["running"]
    return next((row for row in rows if row["session"]["session"] == SESSION), None)


def answered_upstream():
    """Answers that the provider began; its count of requests holds these questions too."""
    with urllib.request.urlopen(os.environ["MOCK_ADMIN"] + "/stats", timeout=5) as answer:
        counts = json.load(answer)
    return counts["completed"] + counts["aborted"]


def check(name, holds, told):
    global passed, failed
    passed, failed = passed + bool(holds), failed + (not holds)
    print(f"PASS {name}" if holds else f"FAIL {name}: {told}", flush=True)


# One turn of a human, then one of the agent on its own: the tool's result.
tool = 'CALLTOOL:Bash:{"command":"echo 4711","description":"x"}:END Use the Bash tool to run: echo 4711'
status, result, _ = claude(
    tool, "--session-id", SESSION, "--allowedTools", "Bash", "--max-turns", "4"
)
row = session_row()
check("a session of Claude Code is seen", status == 0 and row is not None, (result, board()))
if row is None:
    sys.exit(f"RESULT stopped-session {passed}/{passed + failed}")
known = row["session"]
check("under its key's owner and as Claude Code",
      known["principal"] == "exams" and known["client"] == "claude-code", row)
check("a human spoke in it", row["evidence"]["last_human"] is not None, row)
check("a tool's result is no human", row["evidence"]["requests"] == 1, row)

outlast("breaker", "stop", row["id"])
before = answered_upstream()
status, result, seconds = claude("go on", "--resume", SESSION)
row = session_row()
check("a stopped session is asked for once", row["refused"] == 1, row)
check("nothing reaches the provider", answered_upstream() == before, (before, answered_upstream()))
said = result.get("result", "")
check("our sentence is shown", "Spend stopped: this session ran" in said and row["id"] in said, result)
check("with the place to answer", os.environ["CONSOLE"] + "/breakers" in said, result)
check("it ends with an error, at once",
      status == 1 and result.get("api_error_status") == 402 and seconds < 20, (status, seconds, result))
print(f"(said: {said!r}, {seconds:.1f} s)")

outlast("breaker", "confirm", row["id"], "--cost", "5", "--hours", "1")
status, result, _ = claude("go on", "--resume", SESSION)
check("after a yes it goes on", status == 0 and not result.get("is_error"), result)

# The same with Codex, which stops and shows the sentence on a usage limit alone.
CODEX_HOME = tempfile.mkdtemp(prefix="stopped-codex")
with open(CODEX_HOME + "/config.toml", "w", encoding="utf-8") as file:
    file.write(
        f'model = "{MODEL}"\nmodel_provider = "outlast"\n[model_providers.outlast]\n'
        f'name = "outlast"\nbase_url = "{BASE_URL}/v1"\nenv_key = "OUTLAST_KEY"\n'
        'wire_api = "responses"\n[analytics]\nenabled = false\n'
    )


def codex(*arguments):
    """One headless run: exit status, all that it printed, seconds."""
    environment = {
        "PATH": os.environ["PATH"], "HOME": CODEX_HOME, "CODEX_HOME": CODEX_HOME,
        "TERM": "dumb", "LANG": "C.UTF-8", "OUTLAST_KEY": os.environ["API_KEY"],
    }
    began = time.time()
    done = subprocess.run(
        ["codex", "exec", *arguments], cwd=CODEX_HOME, env=environment, stdin=subprocess.DEVNULL,
        capture_output=True, text=True, timeout=60, check=False,
    )
    return done.returncode, done.stdout + done.stderr, time.time() - began


def codex_row():
    """The session that Codex began last."""
    found = board()
    rows = found["asking"] + found["stopped"] + found["running"]
    rows = [row for row in rows if row["session"]["client"] == "codex"]
    return max(rows, key=lambda row: row["last_seen"], default=None)


status, said, _ = codex("--json", "--skip-git-repo-check", "-s", "read-only", "say hi")
row = codex_row()
check("a session of Codex is seen", status == 0 and row is not None, said[-500:])
if row is not None:
    outlast("breaker", "stop", row["id"])
    before = answered_upstream()
    status, said, seconds = codex("resume", row["session"]["session"], "--skip-git-repo-check", "go on")
    row = codex_row()
    check("a stopped Codex is asked for once", row["refused"] == 1, (row, said[-800:]))
    check("nothing of it reaches the provider", answered_upstream() == before, said[-800:])
    check("Codex shows our sentence", "Spend stopped: this session ran" in said, said[-800:])
    check("and ends with an error, at once", status != 0 and seconds < 20, (status, seconds))
print(f"RESULT stopped-session {passed}/{passed + failed}", flush=True)
sys.exit(failed > 0)
