"""Any provider that speaks OpenAI's HTTP API: OpenAI itself, and vLLM, Ollama, Mistral, OpenRouter and the like."""

from __future__ import annotations

from ibex.providers import client
from ibex.providers.base import ProviderAnswer, ProviderCall, Upstream
from ibex.providers.errors import ProviderRejected

_NEVER_FORWARDED = frozenset(
    {
        # the caller's credentials are for IBEX
        "authorization", "proxy-authorization", "cookie", "api-key", "x-api-key",
        # of the caller's own connection (RFC 9110, section 7.6.1), or set by the client
        "accept-encoding", "connection", "content-length", "expect", "host", "keep-alive", "proxy-connection", "te",
        "trailer", "transfer-encoding", "upgrade",
    }
)  # fmt: skip
_IBEX_PREFIX = "x-ibex-"


class OpenAIProvider:
    """Sends the caller's bytes to `base_url + path` with the provider's own key."""

    async def send(self, upstream: Upstream, call: ProviderCall) -> ProviderAnswer:
        """See `Provider.send`. Raises ProviderRejected for Anthropic's messages, which OpenAI's API has not."""
        if call.path == "/messages":
            raise ProviderRejected(
                "This model's provider does not speak Anthropic's Messages API. Call /v1/chat/completions, or name a "
                "model of an Anthropic provider.",
                param="model",
            )
        url = upstream.base_url.rstrip("/") + call.path
        return await client.send(call.method, url, headers=_headers(upstream, call), body=call.body, stream=call.stream)


def _headers(upstream: Upstream, call: ProviderCall) -> dict[str, str]:
    headers = {"accept": "text/event-stream" if call.stream else "application/json"}
    if call.body is not None:
        headers["content-type"] = "application/json"
    for name, value in call.headers.items():
        lowered = name.lower()
        if lowered not in _NEVER_FORWARDED and not lowered.startswith(_IBEX_PREFIX):
            headers[lowered] = value
    key = upstream.api_key.get_secret_value().strip()
    if key:
        headers["authorization"] = f"Bearer {key}"
    return headers
