#!/usr/bin/env python3
"""Runs the snippets of docs/guide/clients.md as they stand there: every fenced block with `client=NAME`,
each in a home of its own, with OUTLAST_URL and OUTLAST_KEY from the environment. A snippet passes when
it ends well and prints what the provider behind the gateway says.
usage: snippets.py GUIDE EXPECTED_TEXT [NAME...]"""
import os
import pathlib
import re
import subprocess
import sys
import tempfile

LIMIT_S = 120
EXAMS = pathlib.Path(os.environ.get("EXAM_CACHE", pathlib.Path.home() / ".cache/gateway-exams"))
CLIENTS = pathlib.Path(os.environ.get("CLIENT_CACHE", pathlib.Path.home() / ".cache/outlast-clients"))
# Which Python knows the packages of a snippet; the others are in that of the exams.
PYTHONS = {"llama-index": CLIENTS / "py/bin/python"}


def command(client, language, file):
    if language == "python":
        return [str(PYTHONS.get(client, EXAMS / "py/bin/python")), file]
    return {"js": ["node", file], "sh": ["bash", "-eu", file]}[language]


def run(client, language, text):
    home = pathlib.Path(tempfile.mkdtemp(prefix=f"snippet-{client}-"))
    work = home / "work"
    work.mkdir()
    ending = {"python": "py", "js": "mjs", "sh": "sh"}[language]
    file = work / f"snippet.{ending}"
    file.write_text(text)
    (work / "node_modules").symlink_to(EXAMS / "node/node_modules")
    binaries = [EXAMS / "cli/node_modules/.bin", CLIENTS / "node/node_modules/.bin", CLIENTS / "aider/bin"]
    environment = {
        "PATH": os.pathsep.join([*map(str, binaries), os.environ["PATH"]]),
        "HOME": str(home),
        "LANG": "C.UTF-8",
        "TERM": "dumb",
        "OUTLAST_URL": os.environ["OUTLAST_URL"],
        "OUTLAST_KEY": os.environ["OUTLAST_KEY"],
        # No client calls anybody but the gateway.
        "DISABLE_TELEMETRY": "1",
        "DISABLE_AUTOUPDATER": "1",
        "CLAUDE_CODE_DISABLE_NONESSENTIAL_TRAFFIC": "1",
        "AIDER_ANALYTICS": "false",
        "AIDER_CHECK_UPDATE": "false",
        "OPENCODE_DISABLE_AUTOUPDATE": "1",
    }
    try:
        done = subprocess.run(
            command(client, language, str(file)), cwd=work, env=environment, stdin=subprocess.DEVNULL,
            capture_output=True, text=True, timeout=LIMIT_S,
        )
    except subprocess.TimeoutExpired:
        return None, f"not done within {LIMIT_S} s"
    return done.returncode, done.stdout + done.stderr


def main():
    guide, expected, *wanted = sys.argv[1:]
    blocks = re.findall(
        r"^```(\w+) client=(\S+)\n(.*?)^```$", pathlib.Path(guide).read_text(), re.M | re.S
    )
    for language, client, text in blocks:
        if wanted and client not in wanted:
            continue
        code, said = run(client, language, text)
        if code == 0 and expected in said:
            print(f"PASS snippet {client}", flush=True)
        else:
            print(f"FAIL snippet {client}: exit {code}: {said[-600:]}", flush=True)
    print(f"RESULT snippets {len(blocks)}")


main()
