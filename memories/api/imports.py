"""/api/v1/imports"""

from __future__ import annotations

import hashlib
import io
from functools import partial
from typing import Any, cast
from uuid import UUID

from django.db.models import QuerySet
from drf_spectacular.utils import extend_schema, extend_schema_view
from rest_framework import serializers
from rest_framework.decorators import action
from rest_framework.mixins import ListModelMixin, RetrieveModelMixin
from rest_framework.parsers import BaseParser, MultiPartParser
from rest_framework.request import Request
from rest_framework.response import Response

from agents.choices import Scope
from ibex.core.errors import FieldCode, NotFound
from ibex.core.idempotency import once
from ibex.core.ids import parse_uuid
from ibex.core.origin import served_from
from ibex.core.rest import AlwaysJson, JsonBody, OrgViewSet
from memories.api.resource import refused, validated
from memories.import_filters import ImportFilter, ImportItemFilter
from memories.models import ImportItem, ImportRun
from memories.models.imports import NAME_MAX, ImportKind
from memories.models.memory import END_USER_MAX
from memories.transfer import runs
from memories.transfer.intake import FILE_MAX_BYTES, FileTooLarge, Wanted, receive

FORM = "multipart/form-data"
AROUND_FILE_BYTES = 64 * 1024
"""Of a form: what stands around the file, and its other fields."""
FILE_PIECE_BYTES = 256 * 1024


class FormOrJson(AlwaysJson):
    """Files come in forms, everything else as JSON."""

    def select_parser(self, request: Request, parsers: Any) -> BaseParser | None:
        return parsers[1] if is_form(request) else super().select_parser(request, parsers)


def is_form(request: Request) -> bool:
    """Whether the body is a form, which may hold a file."""
    return (request.content_type or "").partition(";")[0].strip().lower() == FORM


class ImportSerializer(serializers.ModelSerializer):
    """An import, and how far it is."""

    counts = serializers.DictField(child=serializers.IntegerField(), help_text="Records by what came of them.")

    class Meta:
        model = ImportRun
        fields = [
            "id",
            "agent_id",
            "kind",
            "format",
            "status",
            "is_dry_run",
            "end_user",
            "file_name",
            "file_bytes",
            "actor",
            "total",
            "done",
            "counts",
            "error",
            "created_at",
            "seen_at",
            "finished_at",
        ]
        read_only_fields: Any = fields


class ImportItemSerializer(serializers.ModelSerializer):
    """What came of one record."""

    class Meta:
        model = ImportItem
        fields = ["line", "result", "field", "reason", "memory_id", "session_id", "turns", "undone"]
        read_only_fields: Any = fields


class NewImportSerializer(serializers.Serializer):
    """A file and what to do with it: as a form with `file`, or as JSON with the file's text in `content`."""

    kind = serializers.ChoiceField(choices=ImportKind.choices)
    agent_id = serializers.UUIDField(required=False, help_text="May be left out by a token that is bound to one agent.")
    end_user = serializers.CharField(
        max_length=END_USER_MAX,
        required=False,
        allow_blank=True,
        default="",
        help_text="Whose it is, where a line does not say so itself. Empty: it belongs to the whole agent.",
    )
    dry_run = serializers.BooleanField(default=False, help_text="Only say what an import would do.")
    file = serializers.FileField(
        required=False, max_length=NAME_MAX, allow_empty_file=True, help_text="The file, in a form."
    )
    content = serializers.CharField(required=False, trim_whitespace=False, help_text="Its text, in JSON.")

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        """A misspelt `dry_run` must not import in earnest."""
        if unknown := sorted(set(self.initial_data) - set(self.fields)):
            raise serializers.ValidationError(dict.fromkeys(unknown, "There is no such field."))
        return attrs


@extend_schema_view(
    list=extend_schema(summary="List imports"),
    retrieve=extend_schema(summary="One import and its progress"),
)
class ImportViewSet(ListModelMixin, RetrieveModelMixin, OrgViewSet):
    """Files of memories and conversations. They are read in the background: ask for the import until it has ended."""

    queryset = ImportRun.objects.all()
    serializer_class = ImportSerializer
    filterset_class = ImportFilter
    agent_column = "agent_id"
    parser_classes = [JsonBody, MultiPartParser]
    content_negotiation_class = FormOrJson
    unscoped_actions = frozenset({"create"})
    filtered_actions = frozenset({"list", "items"})
    scopes = {
        "list": Scope.MEMORY_READ,
        "retrieve": Scope.MEMORY_READ,
        "items": Scope.MEMORY_READ,
        "create": Scope.MEMORY_WRITE,
        "start": Scope.MEMORY_WRITE,
        "cancel": Scope.MEMORY_WRITE,
        "resume": Scope.MEMORY_WRITE,
        "undo": (Scope.MEMORY_WRITE, Scope.MEMORY_DELETE),
    }

    def initial(self, request: Request, *args: Any, **kwargs: Any) -> None:
        """A form is not read into memory: its file is on disk, and larger than other bodies may be."""
        if not (is_form(request) and self.action == "create"):
            super().initial(request, *args, **kwargs)
            return
        declared = str(request.META.get("CONTENT_LENGTH") or "0")
        if declared.isdigit() and int(declared) > FILE_MAX_BYTES + AROUND_FILE_BYTES:
            raise FileTooLarge
        super(OrgViewSet, self).initial(request, *args, **kwargs)
        handler = getattr(self, "post")  # noqa: B009 - the framework puts it there
        setattr(self, "post", partial(self._answer_form, handler))  # noqa: B010

    def get_queryset(self) -> QuerySet[Any]:
        """Imports, or the records of those."""
        mine = super().get_queryset()
        return ImportItem.objects.filter(run__in=mine) if self.action == "items" else mine

    @extend_schema(
        summary="Import a file",
        request={FORM: NewImportSerializer, "application/json": NewImportSerializer},
        responses={202: ImportSerializer},
    )
    def create(self, request: Request) -> Response:
        """NDJSON or CSV of memories; recorded turns or a ChatGPT export (`conversations.json`, or its ZIP) of
        conversations. 202: a worker reads it. 413 over 128 MiB; 400 where it cannot be read at all.
        """
        fields = validated(NewImportSerializer, request.data)
        file = fields.get("file")
        if file is None and "content" not in fields:
            raise refused("file", FieldCode.REQUIRED, "Send the file in a form, or its text as `content` in JSON.")
        wanted = Wanted(
            org_id=self.org_id,
            agent_id=self._agent_id(fields.get("agent_id")),
            kind=ImportKind(fields["kind"]),
            end_user=fields["end_user"],
            file_name=file.name if file else "",
            is_dry_run=fields["dry_run"],
            actor=self.caller.actor,
        )
        run = receive(wanted, file or io.BytesIO(fields["content"].encode()))
        return self.represent(run, status=202)

    @extend_schema(summary="What came of each record", responses=ImportItemSerializer(many=True))
    @action(detail=True, methods=["get"], filterset_class=ImportItemFilter)
    def items(self, request: Request, pk: str) -> Response:
        """In the file's order; of those that were rejected, the field and why; of an undone import, what was left."""
        rows = self.get_queryset().filter(run=self._run(pk))
        return self.paged(self.filter_queryset(rows), ImportItemSerializer, ("line", "id"))

    @extend_schema(summary="Import the file of a dry run", request=None, responses={202: ImportSerializer})
    @action(detail=True, methods=["post"])
    def start(self, request: Request, pk: str) -> Response:
        """The new import. 409 when the dry run has not ended well, or its file is not kept any more."""
        return self.represent(runs.start_in_earnest(self._run(pk), actor=self.caller.actor), status=202)

    @extend_schema(summary="Stop an import", request=None, responses=ImportSerializer)
    @action(detail=True, methods=["post"])
    def cancel(self, request: Request, pk: str) -> Response:
        """What is written stays until the import is undone. 409 when it is not running."""
        return self.represent(runs.cancel(self._run(pk), actor=self.caller.actor))

    @extend_schema(summary="Let an import go on", request=None, responses={202: ImportSerializer})
    @action(detail=True, methods=["post"])
    def resume(self, request: Request, pk: str) -> Response:
        """From where it was stopped, failed, or stands still. 409 when it cannot."""
        return self.represent(runs.resume(self._run(pk), actor=self.caller.actor), status=202)

    @extend_schema(summary="Undo an import", request=None, responses={202: ImportSerializer})
    @action(detail=True, methods=["post"])
    def undo(self, request: Request, pk: str) -> Response:
        """Take back what it did; what somebody has changed since is left, and says so among the items. 409 when it has
        not ended, was a dry run, or is undone already.
        """
        return self.represent(runs.undo(self._run(pk), actor=self.caller.actor), status=202)

    def _run(self, pk: str) -> ImportRun:
        run_id = parse_uuid(pk)
        run = super().get_queryset().filter(pk=run_id).first() if run_id else None
        if run is None:
            raise NotFound
        return cast("ImportRun", run)

    def _agent_id(self, named: UUID | None) -> UUID:
        bound = self.caller.agent_id
        agent_id = named or bound
        if agent_id is None:
            raise refused("agent_id", FieldCode.REQUIRED, "Say which agent is to know it.")
        if bound is not None and agent_id != bound:
            raise refused("agent_id", FieldCode.INVALID_FORMAT, "There is no such agent, or it is archived.")
        return agent_id

    def _answer_form(self, handler: Any, request: Request, *args: Any, **kwargs: Any) -> Response:
        run = partial(self._in_scope, handler, request, *args, **kwargs)
        with served_from(request):
            return once(cast("Request", _Digested(request)), org_id=self.org_id, actor=self.caller.actor, answer=run)


class _Digested:
    """A form as idempotency knows requests: its fields and its file's digest are its body."""

    def __init__(self, request: Request) -> None:
        self.headers, self.method, self.get_full_path = request.headers, request.method, request.get_full_path
        self._request = request

    @property
    def body(self) -> bytes:
        digest = hashlib.sha256()
        for name, value in sorted(self._request.POST.lists()):
            digest.update(repr((name, value)).encode())
        for name, file in sorted(self._request.FILES.items()):
            digest.update(repr((name, file.name, file.size)).encode())
            for piece in iter(partial(file.read, FILE_PIECE_BYTES), b""):
                digest.update(piece)
            file.seek(0)
        return digest.digest()
