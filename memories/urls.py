"""Memories' pages."""

from __future__ import annotations

from django.urls import path

from memories.views import deciding, detail, imports, inbox, listing, merging, recall, removal, writing

app_name = "memories"
urlpatterns = [
    path("memories", listing.memory_list, name="list"),
    path("memories/new", writing.create, name="create"),
    path("memories/delete", removal.delete_many, name="delete_many"),
    path("memories/merge", merging.merge_many, name="merge_many"),
    path("memories/recall", recall.recall, name="recall"),
    path("memories/<uuid:memory_id>", detail.detail, name="detail"),
    path("memories/<uuid:memory_id>/edit", writing.edit, name="edit"),
    path("memories/<uuid:memory_id>/uses", detail.all_uses, name="uses"),
    path("memories/<uuid:memory_id>/tags", writing.tags, name="tags"),
    path("memories/<uuid:memory_id>/delete", removal.delete, name="delete"),
    path("memories/<uuid:memory_id>/unmerge", merging.unmerge, name="unmerge"),
    path("memories/<uuid:memory_id>/versions/<int:number>/restore", writing.restore, name="restore"),
    path("imports", imports.import_list, name="imports"),
    path("imports/new", imports.create, name="new_import"),
    path("imports/<uuid:run_id>", imports.detail, name="import"),
    path("imports/<uuid:run_id>/start", imports.start, name="start_import"),
    path("imports/<uuid:run_id>/cancel", imports.cancel, name="cancel_import"),
    path("imports/<uuid:run_id>/resume", imports.resume, name="resume_import"),
    path("imports/<uuid:run_id>/undo", imports.undo, name="undo_import"),
    path("review", inbox.inbox, name="review"),
    path("review/<uuid:memory_id>", inbox.inbox, name="review_item"),
    path("review/<uuid:memory_id>/approve", deciding.approve, name="approve"),
    path("review/<uuid:memory_id>/edit", deciding.edit, name="edit_and_approve"),
    path("review/<uuid:memory_id>/keep-both", deciding.keep_both, name="keep_both"),
    path("review/<uuid:memory_id>/reject", deciding.reject, name="reject"),
]
