#!/usr/bin/env bash
# The real-client exams, checks of ours with real clients and the snippets of the guide, against a
# real `outlast serve`: a mock provider behind it, a key made by `outlast key create`, every dialect, no
# failover (the exams check what passes through), but in one of ours, where the SDKs must notice nothing.
# usage: ci/exams.sh OUTLAST_BINARY EXAMS_FOLDER. Ends with `exams: N passed, N failed`.
set -euo pipefail

outlast=$(realpath "$1")
exams=$(realpath "$2")
ci=$(cd "$(dirname "$0")" && pwd)
cache=${EXAM_CACHE:-$HOME/.cache/gateway-exams}

python_exams="raw_http openai_py anthropic_py langchain claude_code codex"
node_exams="openai_node anthropic_node ai_sdk"

work=$(mktemp -d)
started=()
finish() {
  for process in "${started[@]}"; do kill "$process" 2>/dev/null || true; done
  wait 2>/dev/null || true
  rm -rf "$work"
}
trap finish EXIT

free_port() {
  python3 -c 'import socket; s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])'
}

wait_for_port() {
  for _ in $(seq 200); do
    if (exec 3<>"/dev/tcp/127.0.0.1/$1") 2>/dev/null; then return 0; fi
    sleep 0.1
  done
  echo "exams: nothing listens on port $1 ($2)"
  return 1
}

start_provider() {
  mock=$(free_port)
  python3 "$exams/mock_upstream.py" "$mock" >"$work/provider.log" 2>&1 &
  started+=($!)
  wait_for_port "$mock" "the mock provider"
}

start_gateway() {
  gateway=$(free_port)
  console=$(free_port)
  cat >"$work/outlast.toml" <<TOML
listen = "127.0.0.1:$gateway"
console = "127.0.0.1:$console"
data = "$work/data"

[[provider]]
name = "mock"
base_url = "http://127.0.0.1:$mock/v1"
dialects = ["openai-responses", "openai-chat", "anthropic-messages"]
api_key = "sk-mock"
free = true

[[provider]]
name = "gemini-only"
base_url = "http://127.0.0.1:$mock/v1beta"
dialects = ["gemini"]
api_key = "sk-mock"
free = true

# Two that stand behind each other, for the exam in which the first of them misbehaves.
[[provider]]
name = "troubled"
base_url = "http://127.0.0.1:$mock/v1"
dialects = ["openai-responses", "openai-chat", "anthropic-messages"]
api_key = "sk-mock"
free = true
first_token_ms = 1000
idle_ms = 1000

[[provider]]
name = "steady"
base_url = "http://127.0.0.1:$mock/v1"
dialects = ["openai-chat"]
api_key = "sk-mock"
free = true

[[route]]
name = "unnoticed@*"
targets = ["troubled/*", "steady/mock-1"]

# The same, for the exams that are sat across dialects.
[[provider]]
name = "chat-only"
base_url = "http://127.0.0.1:$mock/v1"
dialects = ["openai-chat"]
api_key = "sk-mock"
free = true

[[provider]]
name = "messages-only"
base_url = "http://127.0.0.1:$mock/v1"
dialects = ["anthropic-messages"]
api_key = "sk-mock"
free = true

[[provider]]
name = "responses-only"
base_url = "http://127.0.0.1:$mock/v1"
dialects = ["openai-responses"]
api_key = "sk-mock"
free = true

[[route]]
name = "mock-1"
targets = ["mock/mock-1"]

[[route]]
name = "mock-1@*"
targets = ["mock/*"]

# What the guide's snippets ask for.
[[route]]
name = "claude-*"
targets = ["mock/mock-1"]

[[route]]
name = "chat-1*"
targets = ["chat-only/*"]

[[route]]
name = "messages-1*"
targets = ["messages-only/*"]

[[route]]
name = "responses-1*"
targets = ["responses-only/*"]

[[route]]
name = "gemini-1*"
targets = ["gemini-only/*"]

# Streams that break off at the first target.
[[route]]
name = "broken-reset"
targets = ["mock/mock-1@midreset", "chat-only/mock-1"]

[[route]]
name = "broken-close"
targets = ["mock/mock-1@midclose", "chat-only/mock-1"]

[[route]]
name = "broken-error"
targets = ["mock/mock-1@miderror", "chat-only/mock-1"]
TOML
  "$outlast" serve --config "$work/outlast.toml" >"$work/gateway.log" 2>&1 &
  started+=($!)
  wait_for_port "$gateway" "outlast serve" || { cat "$work/gateway.log"; return 1; }
  "$outlast" key create --config "$work/outlast.toml" --principal exams --team exams --name exams >"$work/key"
  key=$(grep -oE 'ok_[A-Za-z0-9]{12}_[A-Za-z0-9_-]+' "$work/key" | head -1)
}

# run_exam EXAM FILE INTERPRETER; the model that is asked for is in MODEL.
run_exam() {
  local exam=$1 file=$2 interpreter=$3
  local out="$work/$exam-$MODEL.out" err="$work/$exam-$MODEL.err"
  echo "== exam $exam, asking for $MODEL"
  timeout 150 "$interpreter" "$file" >"$out" 2>"$err" || true
  cat "$out"
  grep -q '^RESULT ' "$out" || { echo "FAIL $exam did not finish"; tail -5 "$err"; } | tee -a "$out"
}

start_provider
start_gateway

# The exams run from a copy, because their folder may be read-only and Node looks for its packages
# beside them.
mkdir "$work/run"
cp "$ci"/broken_streams.py "$ci"/google_genai.py "$ci"/stopped_session.py "$ci"/unnoticed.py \
  "$exams"/*.py "$exams"/*.mjs "$work/run/"
ln -s "$cache/node/node_modules" "$work/run/node_modules"
cd "$work/run"

export BASE_URL="http://127.0.0.1:$gateway" API_KEY=$key MODEL=mock-1
export OUTLAST=$outlast CONFIG="$work/outlast.toml" CONSOLE="http://127.0.0.1:$console"
export ADMIN_SECRET="$work/data/admin-secret" PATH="$cache/cli/node_modules/.bin:$PATH"
export STRICT_AUTH=1 RAW_STRICT=1 MOCK_ADMIN="http://127.0.0.1:$mock" EXAM_LIMIT=140
for exam in $python_exams; do run_exam "$exam" "exam_$exam.py" "$cache/py/bin/python"; done
for exam in $node_exams; do run_exam "$exam" "exam_$exam.mjs" node; done
# The agents again, with providers that speak another dialect than theirs.
for model in chat-1 messages-1; do
  MODEL=$model FAULT_FMT="$model@{}" run_exam codex exam_codex.py "$cache/py/bin/python"
done
MODEL=responses-1 FAULT_FMT="responses-1@{}" \
  run_exam claude_code exam_claude_code.py "$cache/py/bin/python"
# The google-genai SDK has no exam in the folder: ours, with its own dialect behind it and with others.
for model in gemini-1 chat-1 messages-1 responses-1; do
  MODEL=$model run_exam google_genai google_genai.py "$cache/py/bin/python"
done
# SDKs that never retry, with a first provider that misbehaves in every way of the mock.
FAULT_FMT="unnoticed@{}" run_exam unnoticed unnoticed.py "$cache/py/bin/python"
# Our own checks with real clients: one answer although its stream broke off; and what they do when a
# person stopped their session.
run_exam broken_streams broken_streams.py "$cache/py/bin/python"
run_exam stopped_session stopped_session.py "$cache/py/bin/python"

# The snippets of the guide, as they stand there, with the clients that they are for.
echo "== snippets of the guide"
OUTLAST_URL=$BASE_URL OUTLAST_KEY=$API_KEY python3 "$ci/snippets.py" "$ci/../docs/guide/clients.md" \
  "quick brown fox" >"$work/snippets.out" 2>"$work/snippets.err" || true
cat "$work/snippets.out"
grep -q '^RESULT ' "$work/snippets.out" || { echo "FAIL snippets did not finish"; tail -5 "$work/snippets.err"; } | tee -a "$work/snippets.out"

passed=$(cat "$work"/*.out | grep -c '^PASS ' || true)
# A check that was skipped is one that nobody made: everything it needs was installed.
failed=$(cat "$work"/*.out | grep -cE '^(FAIL|SKIP) ' || true)
if [ "$failed" -gt 0 ]; then
  echo "== the gateway's last words"
  tail -40 "$work/gateway.log"
fi
echo "exams: $passed passed, $failed failed"
[ "$failed" -eq 0 ]
