"""What every action on memories has at hand."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from rest_framework.response import Response
from rest_framework.serializers import Serializer

from ibex.core.errors import NotFound
from ibex.core.ids import parse_uuid
from ibex.core.rest import OrgViewSet
from ibex.core.tenancy import scope
from memories.api.resource import told, validated
from memories.refinement.draft import Outcome


class MemoryResource(OrgViewSet):
    """The resource; its actions are mixed in by subject."""

    def body(self, serializer_class: type[Serializer[Any]], **options: Any) -> dict[str, Any]:
        """The body's fields. Raises the framework's ValidationError."""
        return validated(serializer_class, self.request.data, **options)

    def outcome(self, outcome: Outcome) -> Response:
        """What refinement did, with the memory that stands for the text now."""
        return told(self.org_id, outcome, self.get_queryset())

    def seen(self, pk: str) -> UUID:
        """The id of a memory that the caller may see, for an action that opens its own transactions."""
        memory_id = parse_uuid(pk)
        with scope(self.org_id):
            if memory_id is None or not self.get_queryset().filter(pk=memory_id).exists():
                raise NotFound
        return memory_id
