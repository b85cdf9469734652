#!/usr/bin/env python3
"""The real OpenAI and Anthropic SDKs while their stream breaks off at the first provider of a route: each
must read one whole answer, without a retry of its own. Needs BASE_URL, API_KEY, and the routes
`broken-reset`, `broken-close`, `broken-error`.
Prints PASS and FAIL lines and a last line `RESULT broken-streams passed/total`."""

import os

import anthropic
import openai

BASE_URL, KEY = os.environ["BASE_URL"], os.environ["API_KEY"]
TEXT = "Hello from mock: the quick brown fox jumps over the lazy dog. é你好😀 done."
QUESTION = [{"role": "user", "content": "hi"}]
passed = failed = 0

chat = openai.OpenAI(api_key=KEY, base_url=BASE_URL + "/v1", max_retries=0)
messages = anthropic.Anthropic(api_key=KEY, base_url=BASE_URL, max_retries=0)


def by_chat(model):
    options = {"include_usage": True}
    stream = chat.chat.completions.create(
        model=model, messages=QUESTION, stream=True, stream_options=options
    )
    text, ids, finish, counted = "", set(), None, False
    for chunk in stream:
        ids.add(chunk.id)
        counted = counted or bool(chunk.usage and chunk.usage.completion_tokens)
        for choice in chunk.choices:
            text += choice.delta.content or ""
            finish = choice.finish_reason or finish
    assert len(ids) == 1, ids
    assert finish == "stop" and counted, (finish, counted)
    return text


def by_messages(model):
    with messages.messages.stream(model=model, max_tokens=300, messages=QUESTION) as stream:
        text = "".join(stream.text_stream)
        final = stream.get_final_message()
    assert final.stop_reason == "end_turn" and final.usage.output_tokens > 0, final
    assert final.content[0].text == text
    return text


def by_responses(model):
    with chat.responses.stream(model=model, input="hi") as stream:
        for _ in stream:
            pass
        final = stream.get_final_response()
    assert final.status == "completed" and final.usage.output_tokens > 0, final
    return final.output_text


def by_whole(model):
    answer = chat.chat.completions.create(model=model, messages=QUESTION)
    assert answer.choices[0].finish_reason == "stop" and answer.usage.completion_tokens > 0, answer
    return answer.choices[0].message.content


for model in ("broken-reset", "broken-close", "broken-error"):
    for ask in (by_chat, by_messages, by_responses, by_whole):
        name = f"{model} {ask.__name__}"
        try:
            text = ask(model)
            assert text == TEXT, text
            passed += 1
            print(f"PASS {name}")
        except Exception as error:  # whatever a client raises is a failure
            failed += 1
            print(f"FAIL {name} {type(error).__name__}: {error}")
print(f"RESULT broken-streams {passed}/{passed + failed}")
