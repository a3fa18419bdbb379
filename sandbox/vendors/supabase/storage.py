"""Storage: buckets, and objects of which only the rows are kept, under the database's own row-level security."""

from __future__ import annotations

import hashlib
import json
from typing import Any, Final
from uuid import uuid4

import psycopg
from aiohttp import web

from sandbox.product import Row
from sandbox.vendors.supabase.gateway import Gateway
from sandbox.vendors.vendor import call

PROJECT_LIMIT: Final = 52_428_800
"""The project's own limit on the size of a file, in bytes; that of the bucket may be lower."""

SAVE: Final = """
insert into storage.objects (bucket_id, name, owner, owner_id, metadata, version, created_at, updated_at)
values (%(bucket)s, %(name)s, %(owner)s::uuid, %(owner)s::uuid::text, %(metadata)s, %(version)s, %(now)s, %(now)s)
"""
REPLACE: Final = (
    SAVE
    + """ on conflict (bucket_id, name) do update set metadata = excluded.metadata, version = excluded.version,
    updated_at = excluded.updated_at, owner_id = excluded.owner_id"""
)


class Storage(Gateway):
    """`/storage/v1/`. Without a product database there is no bucket."""

    @call("GET", "/storage/v1/status", "storage.status")
    async def storage_status(self, request: web.Request) -> web.StreamResponse:
        """Answer 200 while the service is up."""
        del request
        return web.Response(status=200)

    @call("GET", "/storage/v1/bucket/{bucket}", "storage.bucket")
    async def bucket(self, request: web.Request) -> web.StreamResponse:
        """Return a bucket with its limits, to who may see it."""
        row = await self._bucket(request, visible=True)
        if row is None:
            return self.storage_error(404, "Bucket not found", "Bucket not found")
        return web.json_response(row, dumps=_dumps)

    @call("POST", "/storage/v1/object/list/{bucket}", "storage.list", writes=False)
    async def list_objects(self, request: web.Request) -> web.StreamResponse:
        """List the objects, and the folders, directly under `prefix`."""
        body = await self.json_object(request)
        prefix = str(body.get("prefix", "")).strip("/")
        prefix = f"{prefix}/" if prefix else ""
        if self.product is None:
            return web.json_response([])
        caller = self.caller(request)
        async with self.product.transaction(role=caller.role, claims=caller.json, read_only=True) as connection:
            rows = await (
                await connection.execute(
                    "select split_part(substr(name, length(%(prefix)s) + 1), '/', 1) as name,"
                    " bool_or(position('/' in substr(name, length(%(prefix)s) + 1)) > 0) as folder, min(id::text) as id,"
                    " min(created_at) as created_at, max(updated_at) as updated_at,"
                    " max(last_accessed_at) as last_accessed_at, (array_agg(metadata))[1] as metadata"
                    " from storage.objects where bucket_id = %(bucket)s and starts_with(name, %(prefix)s)"
                    " group by 1 order by 1 limit %(limit)s offset %(offset)s",
                    {
                        "prefix": prefix,
                        "bucket": request.match_info["bucket"],
                        "limit": int(body.get("limit") or 100),
                        "offset": int(body.get("offset") or 0),
                    },
                )
            ).fetchall()
        listed = []
        for row in rows:
            if row.pop("folder"):
                row = dict.fromkeys(row) | {"name": row["name"]}  # noqa: PLW2901 - Storage shows a folder by name alone
            listed.append(row)
        return web.json_response(listed, dumps=_dumps)

    @call("POST", "/storage/v1/object/{bucket}/{name:.+}", "storage.upload")
    @call("PUT", "/storage/v1/object/{bucket}/{name:.+}", "storage.replace")
    async def upload(self, request: web.Request) -> web.StreamResponse:
        """Keep the row of an uploaded file: size, type and policies are checked, its bytes are dropped."""
        bucket = await self._bucket(request, visible=False)
        if bucket is None or self.product is None:
            return self.storage_error(404, "Bucket not found", "Bucket not found")
        raw = await request.read()
        if len(raw) > min(bucket["file_size_limit"] or PROJECT_LIMIT, PROJECT_LIMIT):
            return self._refused(request, 413, "Payload too large", "The object exceeded the maximum allowed size")
        kind = request.content_type
        if bucket["allowed_mime_types"] and kind not in bucket["allowed_mime_types"]:
            return self._refused(request, 415, "invalid_mime_type", f"mime type {kind} is not supported")
        return await self._save(request, raw, kind)

    def _refused(self, request: web.Request, status: int, error: str, message: str) -> web.Response:
        """Refuse a file, and write it into the service's log."""
        path = f"/object/{request.match_info['bucket']}/{request.match_info['name']}"
        self.company.note("storage_logs", message, {"status": str(status), "path": path})
        return self.storage_error(status, error, message)

    async def _save(self, request: web.Request, raw: bytes, kind: str) -> web.Response:
        bucket, name = request.match_info["bucket"], request.match_info["name"]
        caller = self.caller(request)
        over = request.headers.get("x-upsert") == "true" or request.method == "PUT"
        etag = hashlib.md5(raw, usedforsecurity=False).hexdigest()
        metadata = {"eTag": f'"{etag}"', "size": len(raw), "mimetype": kind, "contentLength": len(raw)}
        values = {
            "bucket": bucket,
            "name": name,
            "owner": caller.claims.get("sub"),
            "metadata": json.dumps(metadata),
            "version": str(uuid4()),
            "now": self.world.clock.now(),
        }
        assert self.product is not None  # noqa: S101 - the caller has looked
        try:
            async with self.product.transaction(role=caller.role, claims=caller.json) as connection:
                await connection.execute(REPLACE if over else SAVE, values)
        except psycopg.errors.UniqueViolation:
            return self.storage_error(409, "Duplicate", "The resource already exists")
        except psycopg.errors.InsufficientPrivilege as error:
            reason = error.diag.message_primary or "new row violates row-level security policy"
            self.company.note("storage_logs", reason, {"status": "403", "path": f"/object/{bucket}/{name}"})
            return self.storage_error(403, "Unauthorized", "new row violates row-level security policy")
        rows = await self.product.fetch(
            "select id::text from storage.objects where bucket_id = %s and name = %s", [bucket, name]
        )
        return web.json_response({"Key": f"{bucket}/{name}", "Id": rows[0]["id"] if rows else None})

    @call("DELETE", "/storage/v1/object/{bucket}", "storage.delete_many")
    async def delete_objects(self, request: web.Request) -> web.StreamResponse:
        """Delete the objects named in `prefixes`, and return those that were deleted."""
        body = await self.json_object(request)
        names = [str(name) for name in body.get("prefixes", [])]
        return web.json_response(await self._delete(request, names), dumps=_dumps)

    @call("DELETE", "/storage/v1/object/{bucket}/{name:.+}", "storage.delete")
    async def delete_object(self, request: web.Request) -> web.StreamResponse:
        """Delete one object."""
        if await self._delete(request, [request.match_info["name"]]):
            return web.json_response({"message": "Successfully deleted"})
        return self.storage_error(404, "not_found", "Object not found")

    async def _delete(self, request: web.Request, names: list[str]) -> list[Row]:
        if self.product is None or not names:
            return []
        caller = self.caller(request)
        async with self.product.transaction(role=caller.role, claims=caller.json) as connection:
            await connection.execute("select set_config('storage.allow_delete_query', 'true', true)")
            cursor = await connection.execute(
                "delete from storage.objects where bucket_id = %s and name = any(%s)"
                " returning id::text, bucket_id, name, owner_id, created_at, updated_at, metadata",
                [request.match_info["bucket"], names],
            )
            return await cursor.fetchall()

    async def _bucket(self, request: web.Request, *, visible: bool) -> Row | None:
        if self.product is None:
            return None
        caller = self.caller(request)
        role, claims = (caller.role, caller.json) if visible else (None, "")
        async with self.product.transaction(role=role, claims=claims, read_only=True) as connection:
            cursor = await connection.execute(
                "select id, name, owner_id as owner, public, file_size_limit, allowed_mime_types, created_at, updated_at"
                " from storage.buckets where id = %s",
                [request.match_info["bucket"]],
            )
            return await cursor.fetchone()


def _dumps(value: Any) -> str:
    return json.dumps(value, default=lambda one: one.isoformat() if hasattr(one, "isoformat") else str(one))
