// OpenAI's package for Node, with nothing set but `baseURL`, `apiKey` and `defaultHeaders`.
import OpenAI from "openai";

const { BASE_URL, TOKEN, AGENT } = process.env;
const QUESTION = "Tell me a story that is so long that nobody will hear the end of it.";
const PICTURE = "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg==";
const TOOLS = [{ type: "function", function: { name: "weather", parameters: { type: "object", properties: { city: { type: "string" } }, required: ["city"] } } }];
const IMPATIENT_MS = 1000;
const PERSON_MS = 1000;

const headers = (name) => ({ "X-IBEX-Agent-ID": AGENT, "X-IBEX-User-ID": name });
const client = (name, more = {}) =>
  new OpenAI({ baseURL: BASE_URL + "/v1", apiKey: TOKEN, maxRetries: 0, defaultHeaders: headers(name), ...more });
const user = (content) => ({ role: "user", content });
const said = (completion) => completion.choices[0].message.content;
const chat = (own, model, messages, more = {}, options = {}) => own.chat.completions.create({ model, messages, ...more }, options);

async function streamed(chunks) {
  let text = "";
  for await (const chunk of chunks) text += chunk.choices[0]?.delta?.content ?? "";
  return text;
}

async function raised(call) {
  try { return "returned " + JSON.stringify(await call()); }
  catch (error) { return error.constructor.name; }
}

async function withTools(ask) {
  const messages = [user("Weather?")];
  const message = await ask(messages);
  const [call] = message.tool_calls;
  messages.push(message, { role: "tool", tool_call_id: call.id, content: "sun" });
  return [call.function.name, JSON.parse(call.function.arguments), (await ask(messages)).content];
}

const features = {
  async whole(name) {
    const answer = await chat(client(name), "say", [user("Hi")]);
    return [said(answer), answer.choices[0].finish_reason, answer.usage.prompt_tokens, answer.usage.completion_tokens];
  },
  async stream(name) {
    let text = "", count = 0, reason;
    for await (const chunk of await chat(client(name), "say", [user("Hi")], { stream: true })) {
      text += chunk.choices[0].delta.content ?? "";
      reason = chunk.choices[0].finish_reason ?? reason;
      count += 1;
    }
    return [text, reason, count > 3];
  },
  async usage_in_stream(name) {
    let last;
    const more = { stream: true, stream_options: { include_usage: true } };
    for await (const chunk of await chat(client(name), "say", [user("Hi")], more)) last = chunk;
    return [last.usage.prompt_tokens, last.usage.completion_tokens];
  },
  async asynchronous(name) {
    const own = client(name);
    const asked = [chat(own, "say", [user("Hi")]), chat(own, "say", [user("Ho")], { stream: true })];
    const [answer, chunks] = await Promise.all(asked);
    return [said(answer), await streamed(chunks)];
  },
  async session(name) {
    const own = client(name), messages = [user("One")], answers = [];
    for (const text of ["Two", "Three"]) {
      const { message } = (await chat(own, "say", messages)).choices[0];
      answers.push(message.content);
      messages.push(message, user(text));
    }
    const stream = own.chat.completions.stream({ model: "say", messages });
    return [...answers, said(await stream.finalChatCompletion())];
  },
  tools: (name) => withTools(async (messages) => (await chat(client(name), "tools", messages, { tools: TOOLS })).choices[0].message),
  tools_in_stream: (name) =>
    withTools(async (messages) => {
      const stream = client(name).chat.completions.stream({ model: "tools", messages, tools: TOOLS });
      return (await stream.finalChatCompletion()).choices[0].message;
    }),
  async structured(name) {
    const schema = { type: "object", properties: { city: { type: "string" }, sunny: { type: "boolean" } } };
    const response_format = { type: "json_schema", json_schema: { name: "facts", schema } };
    return JSON.parse(said(await client(name).chat.completions.parse({ model: "json", messages: [user("Rome?")], response_format })));
  },
  async picture(name) {
    const parts = [{ type: "text", text: "What is this?" }, { type: "image_url", image_url: { url: "data:image/png;base64," + PICTURE } }];
    return said(await chat(client(name), "picture", [user(parts)]));
  },
  async errors(name) {
    const own = client(name), messages = [user("Hi")];
    return {
      400: await raised(() => chat(own, "say", [])),
      401: await raised(() => chat(client(name, { apiKey: "no" }), "say", messages)),
      403: await raised(() => chat(client(name, { defaultHeaders: { "X-IBEX-Agent-ID": "nobody" } }), "say", messages)),
      404: await raised(() => chat(own, "status-404", messages)),
      429: await raised(() => chat(own, "status-429", messages)),
      500: await raised(() => chat(own, "status-500", messages)),
    };
  },
  async error_body(name) {
    try { await chat(client(name), "say", []); }
    catch (error) { return [error.code, error.type, error.error.field_errors[0].field, Boolean(error.error.request_id)]; }
  },
  async leaving(name) {
    const own = client(name);
    const chunks = await chat(own, "endless", [user(QUESTION)], { stream: true });
    let heard = "";
    for await (const chunk of chunks) if ((heard = chunk.choices[0]?.delta?.content ?? "")) break;
    await new Promise((resolve) => setTimeout(resolve, PERSON_MS));
    const history = [user(QUESTION), { role: "assistant", content: heard }, user("Enough.")];
    return [heard.trim(), said(await chat(own, "say", history))];
  },
  timeout: (name) => raised(() => chat(client(name, { timeout: IMPATIENT_MS }), "hang", [user("Hi")])),
  async embeddings(name) {
    const answer = await client(name).embeddings.create({ model: "ibex-sandbox", input: ["a", "b"] });
    return answer.data.map((each) => each.embedding.length);
  },
  async models(name) {
    const ids = [];
    for await (const model of client(name).models.list()) ids.push(model.id);
    return ids.sort();
  },
  async responses(name) {
    const own = client(name);
    const first = await own.responses.create({ model: "ibex-sandbox", input: "One", instructions: "Be kind." });
    const stream = own.responses.stream({ model: "ibex-sandbox", input: "Two", previous_response_id: first.id });
    const second = await stream.finalResponse();
    return [first.output_text, second.output_text].map((text) => text.toLowerCase().includes("sandbox"));
  },
};

for (const [feature, run] of Object.entries(features)) {
  const line = { feature };
  try { line.value = await run(feature); }
  catch (error) { line.error = `${error.constructor.name}: ${error.message}`; }
  console.log(JSON.stringify(line));
}
