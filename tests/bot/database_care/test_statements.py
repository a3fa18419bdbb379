"""A migration's text: split into statements, and what can be said of them."""

from __future__ import annotations

import pytest

from bot.database_care.statements import line_of, read, split
from bot.errors import UserError


@pytest.mark.parametrize(
    ("text", "statements"),
    [
        ("", []),
        (" ;; \n;", []),
        ("-- nothing; here\n/* nor; /* nested; */ here; */", []),
        ("select 1", ["select 1"]),
        ("select 1;\nselect 2;", ["select 1", "select 2"]),
        ("select ';', 'it''s;'; select 2", ["select ';', 'it''s;'", "select 2"]),
        (r"select E'\';'; select 2", [r"select E'\';'", "select 2"]),
        ('select ";"; select 2', ['select ";"', "select 2"]),
        ("do $$ begin; end; $$; select 2", ["do $$ begin; end; $$", "select 2"]),
        ("do $a$ $$;$$ ; $a$; select 2", ["do $a$ $$;$$ ; $a$", "select 2"]),
        ("select $1; select 2", ["select $1", "select 2"]),
        ("select 1 -- a; comment\n; select 2", ["select 1 -- a; comment", "select 2"]),
        ("select 1 - 2 / 3; select 2", ["select 1 - 2 / 3", "select 2"]),
        ("select 'open; select 2", ["select 'open", "select 2"]),
    ],
)
def test_statements_are_told_apart(text: str, statements: list[str]) -> None:
    """Semicolons in strings, names, comments and bodies end nothing."""
    assert [one.text for one in split(text)] == statements


def test_where_they_begin() -> None:
    """The line is that of the statement itself, not of the comments before it."""
    text = "-- a\n\nselect 1;\n/* b\n*/ select\n2;\n"
    assert [one.line for one in split(text)] == [3, 5]
    assert line_of(text, text.index("2;") + 1) == 6
    assert line_of(text, None) is None


@pytest.mark.parametrize(
    ("text", "stepwise"),
    [
        ("create index a on b (c)", False),
        ("create index concurrently a on b (c)", True),
        ("create unique  index\nconcurrently a on b (c)", True),
        ("select 1; -- first\nvacuum full t", True),
        ("reindex index concurrently a", True),
        ("alter table t detach partition p concurrently", True),
        ("refresh materialized view concurrently v", False),
        ("comment on table t is 'create index concurrently'", False),
        ("alter type mood add value 'good'", False),
        ("create function f() returns int language sql as $$ select 1 -- vacuum\n $$", False),
    ],
)
def test_what_refuses_a_transaction(text: str, stepwise: bool) -> None:  # noqa: FBT001
    """One such statement, and all are run one by one."""
    assert read(text).stepwise is stepwise


@pytest.mark.parametrize(
    ("text", "losing"),
    [
        ("create table t (a int)", ()),
        ("drop table t; truncate u", ("drop table", "truncate")),
        ("alter table t drop column a, alter column b type int", ("alter column b type", "drop column")),
        ("DELETE  FROM t", ("delete from",)),
        ("create function f() returns void language sql as $$ delete from t $$", ()),
        ("select 'drop table t'", ()),
    ],
)
def test_what_is_lost(text: str, losing: tuple[str, ...]) -> None:
    """What destroys something is named, unless it only stands in a string or in a body."""
    assert read(text).losing == losing


@pytest.mark.parametrize(
    "text",
    [
        "\\i other.sql",
        "begin; select 1; commit;",
        "select 1;\nROLLBACK;",
        "start transaction",
        "copy t from stdin;",
        "",
        "create index concurrently a on b (c); create function f() returns int begin atomic select 1; end",
    ],
)
def test_what_cannot_be_run(text: str) -> None:
    """Psql's own commands, transactions of its own, rows of its own, nothing, and what cannot be told apart."""
    with pytest.raises(UserError):
        read(text)


def test_a_body_may_begin() -> None:
    """`begin` in a body controls no transaction of ours."""
    assert len(read("create function f() returns void language plpgsql as $$ begin commit; end $$;").statements) == 1
    assert len(read("do $$ begin null; end $$").statements) == 1
