"""/api/v1/wording"""

from __future__ import annotations

from typing import Any

from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from agents.api.permissions import any_of
from agents.choices import Locale, Scope
from agents.models import Organization
from context.own_words import WORDS_MAX, change_wording, example, locale_of, own_words, wording_for
from context.wording import WORDINGS
from ibex.core.errors import PermissionDenied
from ibex.core.rest import OrgViewSet


class WordingSerializer(serializers.Serializer[Any]):
    """The language of the words around memories, and the organization's own words by language, in place of the
    template's: introduction, procedures, instructions, excerpts, directive_in_user_message (with `{directive}`).
    """

    locale = serializers.ChoiceField(
        choices=Locale.choices, required=False, help_text="Of agents that have none of their own."
    )
    words = serializers.DictField(
        child=serializers.DictField(child=serializers.CharField(allow_blank=True, trim_whitespace=False)),
        required=False,
        help_text="Own words by language and place. A change names what changes; an empty text gives the template's.",
    )


class SaidSerializer(WordingSerializer):
    """What prompts say, by language: each text, and a block with every kind of entry."""

    texts = serializers.DictField(child=serializers.DictField(child=serializers.CharField()))
    examples = serializers.DictField(child=serializers.CharField())


class WordingViewSet(OrgViewSet):
    """What stands around memories in the prompts of an organization."""

    queryset = Organization.objects.all()
    serializer_class = WordingSerializer
    pagination_class = None
    scopes = {"retrieve": any_of(Scope.AGENT_READ, Scope.ORG_ADMIN), "partial_update": Scope.ORG_ADMIN}

    @extend_schema(summary="The words around memories", responses=SaidSerializer)
    def retrieve(self, request: Request) -> Response:
        """As they stand, with an example for each language."""
        return _said(self._organization())

    @extend_schema(summary="Change the words around memories", responses=SaidSerializer)
    def partial_update(self, request: Request) -> Response:
        """For new blocks, in every process within a second; what a session was shown stays as it was."""
        if self.caller.agent_id is not None:
            raise PermissionDenied("This token is bound to one agent and cannot change the organization.")
        return _said(change_wording(self._organization(), actor=self.caller.actor, **self.validated(partial=True)))

    def _organization(self) -> Organization:
        return Organization.objects.get(pk=self.org_id)


def _said(org: Organization) -> Response:
    said = {locale: wording_for(org, locale) for locale in WORDINGS}
    return Response(
        {
            "locale": locale_of(org),
            "words": {locale: words for locale in WORDINGS if (words := own_words(org, locale))},
            "texts": {locale: {name: getattr(wording, name) for name in WORDS_MAX} for locale, wording in said.items()},
            "examples": {locale: example(wording) for locale, wording in said.items()},
        }
    )
