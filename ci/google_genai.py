#!/usr/bin/env python3
"""The google-genai SDK against the gateway: answers, streams, schemas, tools, counts and errors. Needs
BASE_URL, API_KEY and MODEL; the names of checks may be given as arguments.
Prints PASS and FAIL lines and a last line `RESULT google-genai passed/total`."""

import functools
import os
import sys

from google import genai
from google.genai import errors, types
from pydantic import BaseModel

BASE_URL, MODEL = os.environ["BASE_URL"], os.environ["MODEL"]
checks = []


@functools.cache  # a client that nobody holds closes its connections
def client(key=os.environ["API_KEY"], version="v1beta"):
    options = types.HttpOptions(base_url=BASE_URL, api_version=version, timeout=15_000)
    return genai.Client(api_key=key, http_options=options)


class City(BaseModel):
    name: str
    population: int


WEATHER = types.Tool(
    function_declarations=[
        types.FunctionDeclaration(
            name="get_weather",
            parameters=types.Schema(
                type="OBJECT", properties={"city": types.Schema(type="STRING")}, required=["city"]
            ),
        )
    ]
)
FORCED = types.GenerateContentConfig(
    tools=[WEATHER],
    tool_config=types.ToolConfig(function_calling_config=types.FunctionCallingConfig(mode="ANY")),
)


def test(function):
    checks.append(function)
    return function


@test
def generate():
    reply = client().models.generate_content(model=MODEL, contents="hi")
    assert reply.text and reply.usage_metadata.total_token_count > 0, reply
    assert reply.candidates[0].finish_reason == types.FinishReason.STOP, reply


@test
def generate_v1():
    assert client(version="v1").models.generate_content(model=MODEL, contents="hi").text


@test
def instruction_and_turns():
    config = types.GenerateContentConfig(system_instruction="Be brief.", max_output_tokens=200)
    chat = client().chats.create(model=MODEL, config=config)
    assert chat.send_message("hi").text and chat.send_message("and now?").text


@test
def stream():
    chunks = list(client().models.generate_content_stream(model=MODEL, contents="hi"))
    text = "".join(chunk.text or "" for chunk in chunks)
    assert len(chunks) > 1 and text, chunks
    assert chunks[-1].candidates[0].finish_reason == types.FinishReason.STOP, chunks[-1]
    assert chunks[-1].usage_metadata.candidates_token_count > 0, chunks[-1]


@test
def schema():
    config = types.GenerateContentConfig(
        response_mime_type="application/json", response_schema=City
    )
    reply = client().models.generate_content(model=MODEL, contents="hi", config=config)
    assert isinstance(reply.parsed, City), reply


@test
def tool_and_result():
    reply = client().models.generate_content(model=MODEL, contents="hi", config=FORCED)
    call = reply.function_calls[0]
    assert call.name == "get_weather" and "city" in call.args, reply
    result = types.Part.from_function_response(name=call.name, response={"output": "sunny"})
    turns = [
        types.Content(role="user", parts=[types.Part(text="hi")]),
        reply.candidates[0].content,
        types.Content(role="user", parts=[result]),
    ]
    config = types.GenerateContentConfig(tools=[WEATHER])
    assert client().models.generate_content(model=MODEL, contents=turns, config=config).text


@test
def streamed_tool():
    chunks = client().models.generate_content_stream(model=MODEL, contents="hi", config=FORCED)
    calls = [call for chunk in chunks for call in chunk.function_calls or []]
    assert [call.name for call in calls] == ["get_weather"] and "city" in calls[0].args, calls


@test
def count_tokens():
    assert client().models.count_tokens(model=MODEL, contents="hi there").total_tokens > 0


@test
def bad_key():
    try:
        client(key="wrong").models.generate_content(model=MODEL, contents="hi")
    except errors.ClientError as error:
        assert error.code == 401 and error.status == "UNAUTHENTICATED", error
    else:
        raise AssertionError("a wrong key was taken")


@test
def bad_model():
    try:
        client().models.generate_content(model="no-such-model", contents="hi")
    except errors.ClientError as error:
        assert error.code == 404 and "no-such-model" in error.message, error
    else:
        raise AssertionError("a model that is not there answered")


wanted = [check for check in checks if not sys.argv[1:] or check.__name__ in sys.argv[1:]]
passed = 0
for check in wanted:
    try:
        check()
        passed += 1
        print(f"PASS {check.__name__}", flush=True)
    except Exception as failure:  # a check fails by whatever it raises
        print(f"FAIL {check.__name__} {type(failure).__name__}: {failure}"[:400], flush=True)
print(f"RESULT google-genai {passed}/{len(wanted)}")
sys.exit(passed != len(wanted))
