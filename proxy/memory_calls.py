"""/v1/memories: what one agent knows, for the application that talks to it. The same resource as in the REST API."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any, ClassVar

import orjson

from agents.choices import Scope
from agents.principal import AgentCard
from ibex.core.errors import FieldCode, FieldError, InvalidRequest, NotFound
from ibex.core.ids import parse_uuid
from memories.models.memory import END_USER_MAX
from proxy import pipeline
from proxy.in_vault import beside_vault
from proxy.switches import read_switches
from proxy.turn import Incoming, Turn
from proxy.vault_calls import VAULT_STAGE, VaultCall

IDEMPOTENCY_HEADER, REPLAY_HEADER = "Idempotency-Key", "Idempotent-Replay"


class MemoryCall(VaultCall):
    """A call about memories. Subclasses say what each method needs."""

    endpoint = "memories"
    needs: ClassVar[Mapping[str, Scope]]
    action: ClassVar[str] = ""
    """What a POST does."""

    async def answer(self, turn: Turn) -> None:
        method = turn.incoming.method
        with turn.stage("validate"):
            body = _body(turn.incoming) if method in {"POST", "PATCH"} else {}
        principal, agent = await self.admit(turn, self.needs[method])
        given = {
            "org_id": agent.org_id,
            "agent_id": agent.id,
            "actor": f"token:{principal.token_id}",
            "end_user": _end_user(turn.incoming, body, agent),
            "seen_by": read_switches(turn.incoming.headers, {}, trusts_body_user=False).end_user,
            "body": body,
            "memory_id": self._memory_id(),
        }
        work = partial(_in_thread, turn.incoming, self.action or method, given)
        with turn.stage(VAULT_STAGE):
            status, answer, is_replay = await beside_vault(work, peer=self.scope.get("client"))
        await self.reply(turn, status, answer, {REPLAY_HEADER: "true"} if is_replay else None)

    def _memory_id(self) -> Any:
        name = self.scope["url_route"]["kwargs"].get("memory")
        if name is None:
            return None
        memory_id = parse_uuid(name)
        if memory_id is None:
            raise NotFound
        return memory_id


class NewMemory(MemoryCall):
    """POST /v1/memories."""

    methods = ("POST",)
    needs: ClassVar[Mapping[str, Scope]] = {"POST": Scope.MEMORY_WRITE}
    action = "create"


class MemorySearch(MemoryCall):
    """POST /v1/memories/search."""

    methods = ("POST",)
    endpoint = "memories.search"
    needs: ClassVar[Mapping[str, Scope]] = {"POST": Scope.MEMORY_READ}
    action = "search"


class OneMemory(MemoryCall):
    """GET, PATCH and DELETE /v1/memories/{id}."""

    methods = ("GET", "PATCH", "DELETE")
    needs: ClassVar[Mapping[str, Scope]] = {
        "GET": Scope.MEMORY_READ,
        "PATCH": Scope.MEMORY_WRITE,
        "DELETE": Scope.MEMORY_DELETE,
    }


@dataclass(frozen=True, kw_only=True, slots=True)
class _Sent:
    """A call in the form that idempotency looks at."""

    method: str
    path: str
    headers: Mapping[str, str]
    body: bytes

    def get_full_path(self) -> str:
        return self.path


def _in_thread(incoming: Incoming, method: str, given: dict[str, Any]) -> tuple[int, bytes, bool]:
    """Status, body and whether this is the answer to the same call before."""
    # The REST framework comes with the first of these calls: a process that serves none does without it.
    from rest_framework.renderers import JSONRenderer

    from ibex.core.idempotency import once
    from memories.api.for_agents import Call, answer

    run = partial(answer, Call(**given), method)
    if incoming.method == "GET":
        response = run()
    else:
        key = incoming.headers.get(IDEMPOTENCY_HEADER.lower())
        sent: Any = _Sent(
            method=incoming.method,
            path=f"{incoming.path}\n{given['agent_id']}\n{given['end_user']}",
            headers={} if key is None else {IDEMPOTENCY_HEADER: key},
            body=incoming.body,
        )
        response = once(sent, org_id=given["org_id"], actor=given["actor"], answer=run)
    return response.status_code, JSONRenderer().render(response.data), response.has_header(REPLAY_HEADER)


def _body(incoming: Incoming) -> dict[str, Any]:
    """The JSON object in the body, its numbers as the REST API reads them: they are stored, not forwarded."""
    pipeline.read_body(incoming)
    body: dict[str, Any] = orjson.loads(incoming.body)
    return body


def _end_user(incoming: Incoming, body: Mapping[str, Any], agent: AgentCard) -> str:
    """Whose memories are meant: as in a call to a model, but that a body may also say `end_user`.

    Raises InvalidRequest when that is another one than the header's, or the agent believes no body.
    """
    named = body.get("end_user")
    payload = {"user": named} if named else body
    end_user = read_switches(incoming.headers, payload, trusts_body_user=agent.trusts_body_user).end_user
    own = named.strip() if isinstance(named, str) and len(named) <= END_USER_MAX else ""
    if own and own != end_user.strip():
        problem = "It is not the end user of the X-IBEX-User-ID header, which this call is for."
        raise InvalidRequest(field_errors=[FieldError("end_user", FieldCode.INVALID_FORMAT, problem)])
    return end_user
