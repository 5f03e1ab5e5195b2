"""Agents' pages."""

from __future__ import annotations

from django.urls import path

from agents.views import agents, archives, directives, limits, privacy, providers, retention, sign_in, tokens

app_name = "agents"
urlpatterns = [
    path("sign-in", sign_in.sign_in, name="sign_in"),
    path("sign-out", sign_in.sign_out, name="sign_out"),
    path("switch-organization", sign_in.switch_organization, name="switch_organization"),
    path("agents", agents.agent_list, name="list"),
    path("agents/new", agents.create, name="create"),
    path("agents/<uuid:agent_id>", agents.detail, name="detail"),
    path("agents/<uuid:agent_id>/edit", agents.edit, name="edit"),
    path("agents/<uuid:agent_id>/status", agents.set_status, name="set_status"),
    path("agents/<uuid:agent_id>/directive", directives.directive, name="directive"),
    path("agents/<uuid:agent_id>/directive/<int:number>", directives.version, name="directive_version"),
    path("agents/<uuid:agent_id>/directive/roll-back", directives.roll_back, name="roll_back"),
    path("agents/<uuid:agent_id>/directive/deactivate", directives.deactivate, name="deactivate"),
    path("agents/<uuid:agent_id>/tokens", tokens.agent_tokens, name="agent_tokens"),
    path("agents/<uuid:agent_id>/sessions", agents.agent_sessions, name="agent_sessions"),
    path("archives/<str:signed>", archives.archive, name="archive"),
    path("providers", providers.provider_list, name="providers"),
    path("providers/new", providers.create, name="create_provider"),
    path("providers/<uuid:provider_id>/edit", providers.edit, name="edit_provider"),
    path("providers/<uuid:provider_id>/delete", providers.delete, name="delete_provider"),
    path("providers/<uuid:provider_id>/test", providers.test, name="test_provider"),
    path("settings/limits", limits.limits, name="limits"),
    path("settings/privacy", privacy.privacy, name="privacy"),
    path("settings/retention", retention.retention, name="retention"),
    path("tokens", tokens.token_list, name="tokens"),
    path("tokens/new", tokens.create, name="create_token"),
    path("tokens/<uuid:token_id>/revoke", tokens.revoke, name="revoke"),
]
