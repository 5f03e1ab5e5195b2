"""Agents' rows in the Django admin. What may be written here is written by the services."""

from __future__ import annotations

from typing import Any

from django import forms
from django.contrib import admin, messages
from django.contrib.auth.models import Group
from django.db.models import Model, QuerySet
from django.http import HttpRequest
from unfold.widgets import UnfoldAdminEmailInputWidget, UnfoldAdminPasswordWidget

from agents import session_admin  # noqa: F401 - registers what was said and what is known of calls
from agents.access import Place
from agents.choices import OrganizationStatus, Role
from agents.limits import LIMIT_FIELDS
from agents.models import (
    Agent,
    AuditEvent,
    Directive,
    Member,
    ModelCall,
    Operator,
    Organization,
    ProviderConnection,
    Token,
)
from agents.services import agents, audit, members, organizations, prices, providers, tokens
from ibex.core.admin import ReadOnlyAdmin, TenantAdmin
from ibex.core.errors import InvalidRequest

admin.site.unregister(Group)  # What a member may do is their role.


def standing(request: HttpRequest) -> Place:
    """Where the operator stands; the admin site has seen to it that there is one."""
    place: Place = request.place  # type: ignore[attr-defined]
    return place


@admin.register(Organization)
class OrganizationAdmin(TenantAdmin):
    tenant_column = "pk"
    list_display = ["name", "slug", "status", "requests_per_minute", "created_at"]
    fields = ["name", "slug", "status", *LIMIT_FIELDS, "created_at"]
    readonly_fields = ["slug", "created_at"]

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        return False

    def save_model(self, request: HttpRequest, obj: Organization, form: Any, change: bool) -> None:
        stored = Organization.objects.get(pk=obj.pk)
        said, actor = form.cleaned_data, standing(request).actor
        organizations.update(stored, actor=actor, **{field: said[field] for field in ("name", *LIMIT_FIELDS)})
        organizations.set_status(stored, OrganizationStatus(said["status"]), actor=actor)


class MemberForm(forms.ModelForm):
    """A new member is named by email, so that nobody has to choose from the operators of other organizations."""

    email = forms.EmailField(max_length=254, widget=UnfoldAdminEmailInputWidget)

    class Meta:
        model = Member
        fields = ["role"]


@admin.register(Member)
class MemberAdmin(TenantAdmin):
    list_display = ["operator", "role", "created_at"]
    list_filter = ["role"]
    list_select_related = ["operator"]
    search_fields = ["operator__email", "operator__name"]
    readonly_fields = ["operator", "created_at"]

    def get_form(self, request: HttpRequest, obj: Any = None, change: bool = False, **options: Any) -> Any:
        return super().get_form(request, obj, change, **({} if obj else {"form": MemberForm}), **options)

    def get_fields(self, request: HttpRequest, obj: Any = None) -> list[str]:
        return ["operator", "role", "created_at"] if obj else ["email", "role"]

    def save_model(self, request: HttpRequest, obj: Member, form: Any, change: bool) -> None:
        place = standing(request)
        by, role = Role(place.member.role), form.cleaned_data["role"]
        if change:
            members.change_role(Member.objects.get(pk=obj.pk), role, by=by, actor=place.actor)
            return
        made, password = members.invite(
            org=place.organization, email=form.cleaned_data["email"], role=role, by=by, actor=place.actor
        )
        obj.pk, obj.operator = made.pk, made.operator
        if password:
            messages.warning(request, f"Their first password, shown this once: {password}")

    def delete_model(self, request: HttpRequest, obj: Member) -> None:
        place = standing(request)
        members.remove(obj, by=Role(place.member.role), actor=place.actor)

    def delete_queryset(self, request: HttpRequest, queryset: QuerySet[Member]) -> None:
        for member in queryset:
            self.delete_model(request, member)


@admin.register(Operator)
class OperatorAdmin(TenantAdmin):
    """The operators of this organization; members are invited and removed under Members."""

    tenant_column = "memberships__org_id"
    list_display = ["email", "name", "is_active", "is_staff", "is_superuser", "last_login"]
    search_fields = ["email", "name"]
    fields = ["email", "name", "is_active", "is_staff", "is_superuser", "last_login", "created_at"]
    readonly_fields = ["email", "last_login", "created_at"]

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        return False

    def save_model(self, request: HttpRequest, obj: Operator, form: Any, change: bool) -> None:
        super().save_model(request, obj, form, change)
        place = standing(request)
        audit.record(
            org_id=place.organization.pk,
            actor=place.actor,
            action="operator.updated",
            obj=obj,
            fields=sorted(form.changed_data),
        )


@admin.register(Agent)
class AgentAdmin(TenantAdmin):
    list_display = ["name", "slug", "status", "learns", "remembers", "updated_at"]
    list_filter = ["status"]
    search_fields = ["name", "slug"]
    fields = [
        "name",
        "slug",
        "description",
        "status",
        "injection_mode",
        "memory_tokens",
        "learns",
        "remembers",
        "shadows",
        "holdout_share",
        "trusts_body_user",
        "idle_minutes",
        *LIMIT_FIELDS,
    ]

    def get_readonly_fields(self, request: HttpRequest, obj: Any = None) -> list[str]:
        return ["slug"] if obj else ["status"]

    def has_delete_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        return False

    def save_model(self, request: HttpRequest, obj: Agent, form: Any, change: bool) -> None:
        place, said = standing(request), dict(form.cleaned_data)
        if not change:
            made = agents.create(org=place.organization, actor=place.actor, **said)
            obj.pk, obj.slug = made.pk, made.slug
            return
        status = said.pop("status")
        stored = Agent.objects.get(pk=obj.pk)
        changed = agents.update(stored, actor=place.actor, **said)
        if changed.status != status:
            agents.set_status(changed, status, actor=place.actor)


@admin.register(Token)
class TokenAdmin(ReadOnlyAdmin):
    """Tokens are made where their secret can be shown; here they can be revoked."""

    list_display = ["name", "prefix", "agent", "created_by", "last_used_at", "expires_at", "revoked_at"]
    list_select_related = ["agent", "created_by"]
    search_fields = ["name", "prefix"]
    fields = [
        "name",
        "prefix",
        "scopes",
        "agent",
        *LIMIT_FIELDS,
        "created_by",
        "created_at",
        "last_used_at",
        "expires_at",
        "revoked_at",
    ]
    readonly_fields = fields
    actions = ["revoke"]

    @admin.action(description="Revoke the chosen tokens")
    def revoke(self, request: HttpRequest, queryset: QuerySet[Token]) -> None:
        """End them for good."""
        for token in queryset:
            tokens.revoke(token, actor=standing(request).actor)
        messages.success(request, "They stop working everywhere within a second.")


class ProviderForm(forms.ModelForm):
    """The key goes in and is never shown again."""

    key = forms.CharField(
        required=False,
        max_length=500,
        widget=UnfoldAdminPasswordWidget(attrs={"autocomplete": "off"}),
        help_text="Empty: the stored key stays.",
    )

    class Meta:
        model = ProviderConnection
        fields = ["name", "kind", "base_url", "model_patterns", "priority", "prices", "is_active"]

    def clean_prices(self) -> dict[str, dict[str, str]]:
        """What the service would refuse becomes the field's error."""
        try:
            return prices.checked(self.cleaned_data["prices"] or {})
        except InvalidRequest as refusal:
            raise forms.ValidationError([error.message for error in refusal.field_errors]) from None


@admin.register(ProviderConnection)
class ProviderConnectionAdmin(TenantAdmin):
    form = ProviderForm
    list_display = ["name", "kind", "base_url", "priority", "is_active"]
    fields = ["name", "kind", "base_url", "key", "model_patterns", "priority", "prices", "is_active"]

    def save_model(self, request: HttpRequest, obj: ProviderConnection, form: Any, change: bool) -> None:
        place, said = standing(request), dict(form.cleaned_data)
        stored = ProviderConnection.objects.get(pk=obj.pk) if change else None
        key = said.pop("key") or None
        made = providers.save(org=place.organization, actor=place.actor, provider=stored, key=key, **said)
        obj.pk = made.pk

    def delete_model(self, request: HttpRequest, obj: ProviderConnection) -> None:
        providers.delete(obj, actor=standing(request).actor)

    def delete_queryset(self, request: HttpRequest, queryset: QuerySet[ProviderConnection]) -> None:
        for provider in queryset:
            self.delete_model(request, provider)


@admin.register(Directive)
class DirectiveAdmin(ReadOnlyAdmin):
    list_display = ["agent", "version", "author", "note", "created_at"]
    list_select_related = ["agent", "author"]
    fields = ["agent", "version", "content", "author", "note", "created_at"]
    readonly_fields = fields
    ordering = ["-created_at"]


@admin.register(ModelCall)
class ModelCallAdmin(ReadOnlyAdmin):
    list_display = ["created_at", "agent", "purpose", "model", "outcome", "calls", "cost", "duration_ms"]
    list_filter = ["purpose", "outcome"]
    list_select_related = ["agent"]
    ordering = ["-created_at"]


@admin.register(AuditEvent)
class AuditEventAdmin(ReadOnlyAdmin):
    list_display = ["created_at", "actor", "action", "object_type", "object_id", "address"]
    search_fields = ["actor", "action", "object_id"]
    fields = ["created_at", "actor", "action", "object_type", "object_id", "address", "detail"]
    readonly_fields = fields
    ordering = ["-created_at"]
