"""Memories' pages."""

from __future__ import annotations

from django.urls import path

from memories.views import detail, listing, removal, writing

app_name = "memories"
urlpatterns = [
    path("memories", listing.memory_list, name="list"),
    path("memories/new", writing.create, name="create"),
    path("memories/delete", removal.delete_many, name="delete_many"),
    path("memories/<uuid:memory_id>", detail.detail, name="detail"),
    path("memories/<uuid:memory_id>/edit", writing.edit, name="edit"),
    path("memories/<uuid:memory_id>/tags", writing.tags, name="tags"),
    path("memories/<uuid:memory_id>/delete", removal.delete, name="delete"),
    path("memories/<uuid:memory_id>/versions/<int:number>/restore", writing.restore, name="restore"),
]
