"""Fetching an archive: by an address that is valid for a quarter of an hour, and by nothing else."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

from asgiref.sync import sync_to_async
from django.http import HttpRequest, HttpResponseBase, StreamingHttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_GET

from agents.archives.links import archive_under, file_name
from agents.models import Archive
from ibex.core import storage
from ibex.core.errors import IbexError, NotFound


@require_GET
async def archive(request: HttpRequest, signed: str) -> HttpResponseBase:
    """The file, to whoever has the address: nobody is asked who they are, as at a store's own addresses."""
    try:
        found = await sync_to_async(archive_under)(signed)
        await asyncio.to_thread(_look, found)
    except IbexError as error:
        return await sync_to_async(render)(request, "agents/no_archive.html", {"error": error}, status=error.status)
    return StreamingHttpResponse(
        _chunks(found),
        content_type="application/x-ndjson",
        headers={
            "Content-Disposition": f'attachment; filename="{file_name(found)}"',
            "Content-Length": str(found.bytes),
            "Cache-Control": "private, no-store",
        },
    )


def _look(archive: Archive) -> None:
    """Before the answer has begun, it can still be another one."""
    try:
        with storage.opened(archive.key):
            return
    except FileNotFoundError:
        raise NotFound from None


async def _chunks(archive: Archive) -> AsyncIterator[bytes]:
    with storage.opened(archive.key) as file:
        while chunk := await asyncio.to_thread(file.read, storage.CHUNK_BYTES):
            yield chunk
