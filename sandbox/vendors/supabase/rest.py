"""PostgREST, as far as reading goes: tables of `public` under the database's own row-level security."""

from __future__ import annotations

from typing import Any, Final, cast

import psycopg
from aiohttp import web
from psycopg import sql

from sandbox.vendors.supabase.gateway import Gateway
from sandbox.vendors.vendor import call

TABLES: Final = ("entitlements", "entitlement_history", "exemption_codes", "sessions", "turns")
OPERATORS: Final = {
    "eq": "=",
    "neq": "<>",
    "gt": ">",
    "gte": ">=",
    "lt": "<",
    "lte": "<=",
    "like": "like",
    "ilike": "ilike",
}
RESERVED: Final = ("select", "limit", "offset", "order", "apikey", "columns", "and", "or")


class Rest(Gateway):
    """`/rest/v1/`. Without a product database the tables are there and empty."""

    @call("GET", "/rest/v1/", "rest.root")
    async def rest_root(self, request: web.Request) -> web.StreamResponse:
        """Describe the schema to the secret key alone: since April 2026 a publishable key gets 401."""
        if self.caller(request).role != "service_role":
            return self.rest_error(
                401, "42501", "Access to the OpenAPI schema is restricted", hint="Use a secret API key."
            )
        if self.product is not None:
            await self.product.fetch("select 1")
        return web.json_response(
            {
                "swagger": "2.0",
                "info": {"title": "standard public schema", "version": "13.0.5"},
                "basePath": "/",
                "paths": {"/": {}} | {f"/{table}": {} for table in TABLES},
            }
        )

    @call("GET", "/rest/v1/{table}", "rest.select")
    @call("HEAD", "/rest/v1/{table}", "rest.head")
    async def rest_select(self, request: web.Request) -> web.StreamResponse:
        """Return rows as JSON: `select`, `limit`, `offset`, `order`, and filters such as `user_id=eq.…`."""
        table = request.match_info["table"]
        product = self.product
        if table not in TABLES:
            return self.rest_error(404, "PGRST205", f"Could not find the table 'public.{table}' in the schema cache")
        if product is None:
            return _rows("[]", 0, None)
        caller = self.caller(request)
        try:
            query, values = _statement(table, request)
            counted = "count=exact" in request.headers.get("Prefer", "")
            async with product.transaction(role=caller.role, claims=caller.json, read_only=True) as connection:
                whole = sql.SQL("select coalesce(json_agg(t), '[]')::text as rows, count(*) as n from ({}) t")
                row = await (await connection.execute(whole.format(query), values)).fetchone()
                total = None
                if counted:
                    bare, bare_values = _statement(table, request, paged=False)
                    whole = sql.SQL("select count(*) as n from ({}) t")
                    every = await (await connection.execute(whole.format(bare), bare_values)).fetchone()
                    total = cast("int", (every or {})["n"])
        except ValueError as error:
            return self.rest_error(400, "PGRST100", str(error))
        except psycopg.OperationalError:
            raise
        except psycopg.Error as error:
            status = 401 if error.sqlstate == "42501" and caller.role == "anon" else 400
            return self.rest_error(status, error.sqlstate or "XX000", error.diag.message_primary or str(error))
        row = row or {"rows": "[]", "n": 0}
        return _rows(row["rows"], row["n"], total)


def _rows(text: str, count: int, total: int | None) -> web.Response:
    span = f"0-{count - 1}" if count else "*"
    return web.Response(
        text=text,
        content_type="application/json",
        headers={"Content-Range": f"{span}/{'*' if total is None else total}", "Preference-Applied": "count=exact"}
        if total is not None
        else {"Content-Range": f"{span}/*"},
    )


def _statement(table: str, request: web.Request, *, paged: bool = True) -> tuple[sql.Composed, list[Any]]:
    """Build the statement. Raises ValueError for what this subset of PostgREST's language lacks."""
    wanted = [name.strip() for name in request.query.get("select", "*").split(",")]
    if any("(" in name or ":" in name for name in wanted):
        raise ValueError("embedding and aliases are not part of this stand-in")
    columns = sql.SQL(", ").join(sql.SQL("*") if name == "*" else sql.Identifier(table, name) for name in wanted)
    parts: list[sql.Composable] = [sql.SQL("select {} from {}").format(columns, sql.Identifier("public", table))]
    values: list[Any] = []
    conditions: list[sql.Composable] = []
    for column, condition in request.query.items():
        if column not in RESERVED:
            conditions.append(_condition(table, column, condition, values))
    if conditions:
        parts += [sql.SQL("where"), sql.SQL(" and ").join(conditions)]
    if paged:
        for term in filter(None, request.query.get("order", "").split(",")):
            name, _, direction = term.partition(".")
            comma = sql.SQL("order by") if "order by" not in str(parts) else sql.SQL(",")
            parts += [comma, sql.Identifier(table, name), sql.SQL("desc" if direction.startswith("desc") else "asc")]
        for word in ("limit", "offset"):
            if word in request.query:
                parts.append(sql.SQL(f"{word} %s"))
                values.append(int(request.query[word]))
    return sql.SQL(" ").join(parts), values


def _condition(table: str, column: str, condition: str, values: list[Any]) -> sql.Composable:
    name = sql.Identifier(table, column)
    operator, _, operand = condition.partition(".")
    if operator in OPERATORS:
        values.append(operand.replace("*", "%") if "like" in operator else operand)
        return sql.SQL("{} {} %s").format(name, sql.SQL(OPERATORS[operator]))
    if operator == "is" and operand in ("null", "true", "false"):
        return sql.SQL("{} is {}").format(name, sql.SQL(operand))
    if operator == "in":
        values.append(operand.strip("()").split(","))
        return sql.SQL("{}::text = any(%s)").format(name)
    raise ValueError(f'"failed to parse filter ({condition})" (line 1, column 1)')
