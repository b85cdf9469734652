#!/usr/bin/env python3
"""The SDKs of OpenAI and Anthropic, told never to retry, against a route whose first provider misbehaves:
every answer must be the one that a healthy provider gives. Needs BASE_URL, API_KEY, MODEL (healthy) and
FAULT_FMT (the route whose first provider has the fault that stands in its name).
Prints PASS and FAIL lines and a last line `RESULT unnoticed passed/total`."""

import os
import sys

from anthropic import Anthropic
from openai import OpenAI

BASE_URL, KEY, MODEL = os.environ["BASE_URL"], os.environ["API_KEY"], os.environ["MODEL"]
FAULT_FMT = os.environ["FAULT_FMT"]
FAULTS = """401 402 403 408 409 429 429ra60 500 502 503 504 529 hang idle midreset midclose miderror
midnoise badjson html empty noct crlf split nodone nousage""".split()
SAID = [{"role": "user", "content": "Say something about a fox."}]

openai = OpenAI(base_url=BASE_URL + "/v1", api_key=KEY, max_retries=0, timeout=20)
anthropic = Anthropic(base_url=BASE_URL, api_key=KEY, max_retries=0, timeout=20)


def chat(model):
    choice = openai.chat.completions.create(model=model, messages=SAID).choices[0]
    assert choice.finish_reason == "stop", choice
    return choice.message.content


def chat_stream(model):
    text, ends = "", []
    for chunk in openai.chat.completions.create(model=model, messages=SAID, stream=True):
        for choice in chunk.choices:
            text += choice.delta.content or ""
            ends += [choice.finish_reason] if choice.finish_reason else []
    assert ends == ["stop"], ends
    return text


def responses(model):
    reply = openai.responses.create(model=model, input=SAID, store=False)
    assert reply.status == "completed", reply
    return reply.output_text


def responses_stream(model):
    with openai.responses.stream(model=model, input=SAID, store=False) as stream:
        reply = stream.get_final_response()
    assert reply.status == "completed", reply
    return reply.output_text


def messages(model):
    reply = anthropic.messages.create(model=model, messages=SAID, max_tokens=500)
    assert reply.stop_reason == "end_turn", reply
    return reply.content[0].text


def messages_stream(model):
    with anthropic.messages.stream(model=model, messages=SAID, max_tokens=500) as stream:
        reply = stream.get_final_message()
    assert reply.stop_reason == "end_turn", reply
    return reply.content[0].text


passed, total = 0, 0
for ask in (chat, chat_stream, responses, responses_stream, messages, messages_stream):
    expected = ask(MODEL)
    for fault in FAULTS:
        total += 1
        try:
            said = ask(FAULT_FMT.format(fault))
            assert said == expected, f"{said!r} is not {expected!r}"
            passed += 1
            print(f"PASS {ask.__name__} {fault}", flush=True)
        except Exception as error:
            told = f"{type(error).__name__}: {error}".replace("\n", " ")[:300]
            print(f"FAIL {ask.__name__} {fault} {told}", flush=True)
print(f"RESULT unnoticed {passed}/{total}")
sys.exit(passed < total)
