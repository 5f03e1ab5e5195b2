"""Clients that IBEX itself has no use for, installed beside it: Anthropic's SDK, LangChain, Node's `openai`."""

from __future__ import annotations

import pytest

from agents.models import Checkpoint
from ibex.core.tenancy import scope
from tests.clients.conftest import run_script
from tests.flow.conftest import wait_for

pytestmark = pytest.mark.load

ANTHROPIC = """
import json, os, anthropic
client = anthropic.Anthropic(
    base_url=os.environ["BASE_URL"], api_key=os.environ["TOKEN"], max_retries=0,
    default_headers={"X-IBEX-Agent-ID": os.environ["AGENT"]},
)
messages = [{"role": "user", "content": "Hi"}]
whole = client.messages.create(model="m", max_tokens=99, messages=messages)
print(json.dumps(whole.content[0].text))
messages += [{"role": "assistant", "content": whole.content}, {"role": "user", "content": "So?"}]
with client.messages.stream(model="m", max_tokens=99, system="Be kind.", messages=messages) as stream:
    final = stream.get_final_message()
print(json.dumps([final.stop_reason, final.content[0].text]))
try:
    client.messages.create(model="m", max_tokens=99, messages=[])
except anthropic.BadRequestError as error:
    print(json.dumps(error.body["error"]["field_errors"][0]["field"]))
try:
    client.with_options(api_key="nonsense").messages.create(model="m", max_tokens=9, messages=messages)
except anthropic.AuthenticationError as error:
    print(json.dumps(error.body["error"]["code"]))
"""

LANGCHAIN = """
import json, os
from langchain_openai import ChatOpenAI, OpenAIEmbeddings
from langchain_core.messages import HumanMessage
options = dict(
    base_url=os.environ["BASE_URL"] + "/v1", api_key=os.environ["TOKEN"], max_retries=0,
    default_headers={"X-IBEX-Agent-ID": os.environ["AGENT"]},
)
history = [HumanMessage("Hi")]
chat = ChatOpenAI(model="m", **options)
answer = chat.invoke(history)
history += [answer, HumanMessage("So?")]
streamed = "".join(chunk.text for chunk in chat.stream(history))
print(json.dumps([answer.text, streamed]))
responses = ChatOpenAI(model="m", use_responses_api=True, **options)
history = [HumanMessage("Hello")]
answer = responses.invoke(history)
history += [answer, HumanMessage("And?")]
streamed = "".join(chunk.text for chunk in responses.stream(history))
print(json.dumps([answer.text, streamed]))
print(json.dumps(len(OpenAIEmbeddings(model="m", check_embedding_ctx_length=False, **options).embed_query("a"))))
"""

NODE = """
import OpenAI from "openai";
const client = new OpenAI({
  baseURL: process.env.BASE_URL + "/v1", apiKey: process.env.TOKEN, maxRetries: 0,
  defaultHeaders: { "X-IBEX-Agent-ID": process.env.AGENT },
});
const say = (value) => console.log(JSON.stringify(value));
const messages = [{ role: "user", content: "Hi" }];
const whole = await client.chat.completions.create({ model: "m", messages });
messages.push(whole.choices[0].message, { role: "user", content: "So?" });
let streamed = "";
for await (const chunk of await client.chat.completions.create({ model: "m", messages, stream: true }))
  streamed += chunk.choices[0]?.delta?.content ?? "";
say([whole.choices[0].message.content, streamed]);
const first = await client.responses.create({ model: "m", input: "Hello" });
const stream = client.responses.stream({ model: "m", input: "And?", previous_response_id: first.id });
say([first.output_text, (await stream.finalResponse()).output_text]);
say((await client.embeddings.create({ model: "m", input: "a" })).data[0].embedding.length);
try { await client.chat.completions.create({ model: "m", messages: [] }); }
catch (error) { say([error.status, error.code]); }
"""


@pytest.fixture
def run(ibex, token, agent):
    def run(command, script, cwd):
        return run_script(command, script, cwd=cwd, ibex=ibex, token=token, agent=agent)

    return run


def turns_by_session(organization, count):
    """How many turns each session has, once there are `count` of them."""

    def found():
        with scope(organization.pk):
            ids = list(Checkpoint.objects.of(organization.pk).values_list("session_id", flat=True))
        return sorted(ids.count(session_id) for session_id in set(ids)) if len(ids) == count else None

    return wait_for(found, what=f"{count} turns")


def test_anthropics_sdk(run, acme, other_python):
    whole, (reason, streamed), field, code = run([str(other_python), "-c"], ANTHROPIC, other_python.parent)
    assert "sandbox" in whole.lower()
    assert "sandbox" in streamed.lower()
    assert (reason, field, code) == ("end_turn", "messages", "UNAUTHENTICATED")
    assert turns_by_session(acme, 2) == [2]


def test_anthropics_sdk_with_anthropic_behind_it(run, acme, anthropic_upstream, other_python):
    whole, (_, streamed), _, _ = run([str(other_python), "-c"], ANTHROPIC, other_python.parent)
    assert whole.strip() == streamed.strip() == "Understood, and noted."
    assert anthropic_upstream.received[-1]["system"] == "Be kind."
    assert turns_by_session(acme, 2) == [2]


def test_anthropics_sdk_with_openai_behind_it(run, acme, openai_upstream, other_python):
    whole, (reason, streamed), _, _ = run([str(other_python), "-c"], ANTHROPIC, other_python.parent)
    assert whole.strip() == streamed.strip() == "Understood."
    assert reason == "end_turn"
    assert openai_upstream.received[-1]["messages"][0] == {"role": "system", "content": "Be kind."}
    assert turns_by_session(acme, 2) == [2]


def test_langchain(run, acme, other_python):
    chat, responses, dimensions = run([str(other_python), "-c"], LANGCHAIN, other_python.parent)
    assert all("sandbox" in text.lower() for text in (*chat, *responses))
    assert dimensions == 384
    assert turns_by_session(acme, 4) == [2, 2]


def test_nodes_openai(run, acme, node_project):
    chat, responses, dimensions, error = run(["node", "--input-type=module", "-e"], NODE, node_project)
    assert all("sandbox" in text.lower() for text in (*chat, *responses))
    assert (dimensions, error) == (384, [400, "INVALID_REQUEST"])
    assert turns_by_session(acme, 4) == [2, 2]
