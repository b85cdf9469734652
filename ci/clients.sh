#!/usr/bin/env bash
# Installs, at pinned versions, the clients that the guide has snippets for and the exams do not bring,
# into $CLIENT_CACHE (default ~/.cache/outlast-clients). A second run does nothing.
set -euo pipefail

cache=${CLIENT_CACHE:-$HOME/.cache/outlast-clients}

# One Python environment with these packages; the mark says that all of them arrived.
python_environment() {
  local folder=$cache/$1
  shift
  [ -e "$folder/.arrived" ] && return 0
  rm -rf "$folder"
  python3 -m venv "$folder"
  "$folder/bin/pip" -q install "$@"
  touch "$folder/.arrived"
}

mkdir -p "$cache"
python_environment py llama-index-llms-openai-like==0.8.1
python_environment aider aider-chat==0.86.2
if [ ! -e "$cache/node/.arrived" ]; then
  rm -rf "$cache/node"
  mkdir -p "$cache/node"
  (cd "$cache/node" && npm init -y >/dev/null && npm i --silent opencode-ai@1.18.33)
  touch "$cache/node/.arrived"
fi
