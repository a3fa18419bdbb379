"""What may drift apart: the registry, the documentation, the SQL, and who imports whom."""

from __future__ import annotations

import ast
import re
import subprocess
import sys
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest

from bot import docs
from bot.app import registry
from bot.operation import Act, Invocation
from bot.people import Actor, Role, Standing
from bot.policy import Allow, decide
from bot.settings import Settings, section_of
from bot.store.queries import statements
from bot.words import parse

ROOT = Path(__file__).parent.parent
PACKAGES = ("bot", "handlers", "sandbox", "sql")


def modules(package: str) -> Iterator[tuple[str, Path, ast.Module]]:
    """Every module of a package: dotted name, path, syntax tree."""
    for path in sorted((ROOT / package).rglob("*.py")):
        name = ".".join(path.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__")
        yield name, path, ast.parse(path.read_text(encoding="utf-8"))


def imports(tree: ast.AST) -> Iterator[str]:
    """Everything a module imports, wherever in it, as dotted names."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, "imports are absolute"
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


def within(name: str, *packages: str) -> bool:
    """Whether a dotted name is one of these, or in one of them."""
    return any(name == package or name.startswith(package + ".") for package in packages)


def test_imports_go_one_way() -> None:
    """From handlers to bot, and never further; only the sandbox's __main__ knows the bot, and only the program the sandbox."""
    wrong = []
    for package in PACKAGES:
        for name, _, tree in modules(package):
            for imported in imports(tree):
                allowed = True
                if within(name, "handlers"):
                    allowed = not within(
                        imported, "bot.slack", "bot.app", "bot.serving", "slack_bolt", "slack_sdk", "psycopg", "sandbox"
                    )
                elif within(name, "sandbox"):
                    allowed = name == "sandbox.__main__" or not within(imported, "bot", "handlers")
                elif within(name, "bot"):
                    allowed = not within(imported, "sandbox") or name == "bot.__main__"
                    allowed &= not within(imported, "handlers") or name in ("bot.__main__", "bot.app")
                elif within(name, "sql"):
                    allowed = not within(imported, "bot", "handlers", "sandbox")
                if not allowed:
                    wrong.append(f"{name} imports {imported}")
    assert wrong == []


def test_slack_is_known_in_one_place() -> None:
    """Bolt and the SDK are imported only under bot/slack, and where requests come in."""
    users = {
        name
        for name, _, tree in modules("bot")
        if any(within(imported, "slack_bolt", "slack_sdk") for imported in imports(tree))
    }
    assert {name for name in users if not within(name, "bot.slack")} == {"bot.web"}


IO = ("psycopg", "psycopg_pool", "httpx", "aiohttp", "slack_sdk", "slack_bolt", "stripe", "procrastinate", "asyncio")


def test_what_is_pure_does_no_io() -> None:
    """A module marked [pure] imports nothing that talks to anything, itself or through one of ours."""
    trees = {name: tree for name, _, tree in modules("bot")}
    pure = [name for name, tree in trees.items() if "[pure]" in (ast.get_docstring(tree) or "")]
    assert len(pure) >= 10
    imported = {name: imported_at_run_time(tree) for name, tree in trees.items()}
    wrong = []
    for name in pure:
        ways, seen = [(name,)], {name}
        while ways:
            way = ways.pop()
            for found in imported[way[-1]]:
                if within(found, *IO):
                    wrong.append(" → ".join((*way, found)))
                ours = next((module for module in (found, found.rpartition(".")[0]) if module in trees), None)
                if ours is not None and ours not in seen:
                    seen.add(ours)
                    ways.append((*way, ours))
    assert wrong == []


def imported_at_run_time(tree: ast.Module) -> set[str]:
    """What a module imports, but for its types alone."""
    for_types = [node for node in ast.walk(tree) if isinstance(node, ast.If) and "TYPE_CHECKING" in ast.dump(node.test)]
    return set(imports(tree)) - {name for node in for_types for name in imports(node)}


def test_nothing_happens_at_import() -> None:
    """Importing every module builds no settings, opens nothing, and needs no environment."""
    names = [
        name for package in ("bot", "handlers") for name, _, _ in modules(package) if not name.endswith("__main__")
    ]
    program = (
        "import importlib, socket, sys, threading\n"
        "def refuse(*_): raise AssertionError('a socket at import')\n"
        "socket.socket.connect = refuse\n"
        f"[importlib.import_module(name) for name in {names!r}]\n"
        "assert threading.active_count() == 1\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", program], cwd=ROOT, env={}, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr[-2000:]


def test_the_environment_is_read_in_one_place() -> None:
    """Only the program reads the environment; everything else is told."""
    readers = {
        name
        for package in ("bot", "handlers")
        for name, path, _ in modules(package)
        if re.search(r"os\.environ|getenv", path.read_text(encoding="utf-8"))
    }
    # the launcher hands PostgreSQL the environment it was given
    assert readers - {"bot.store.embedded", "bot.store.embedded_host", "bot.store.embedded_exec"} == {"bot.__main__"}


@pytest.mark.parametrize("operation", list(registry()), ids=lambda operation: operation.words)
def test_every_command_is_told(operation: object) -> None:
    """A command has a summary, examples that parse to it, a documented usage, and a story that runs it."""
    assert operation.summary.endswith(".")
    assert operation.examples
    for example in operation.examples:
        understood = parse(registry(), example)
        assert isinstance(understood, Invocation)
        assert understood.operation is operation
    assert f"/ilab {operation.usage}" in docs.commands()
    stories = "".join(path.read_text(encoding="utf-8") for path in (ROOT / "tests" / "stories").glob("*.py"))
    assert re.search(rf"/ilab {re.escape(operation.words)}\b", stories), f"no story runs {operation.words}"


def test_buttons_lead_somewhere() -> None:
    """Every offer written in a handler holds words that parse."""
    for name, path, tree in [*modules("handlers"), *modules("bot")]:
        for node in ast.walk(tree):
            if isinstance(node, ast.Call) and getattr(node.func, "id", "") == "Offer":
                words = next(keyword.value for keyword in node.keywords if keyword.arg == "words")
                if isinstance(words, ast.Constant):
                    assert parse(registry(), words.value).operation, f"{name} ({path}): {words.value}"


def test_the_generated_documents_are_fresh() -> None:
    """docs/commands.md and docs/settings.md are what `make docs` writes."""
    assert (ROOT / "docs" / "commands.md").read_text(encoding="utf-8") == docs.commands()
    assert (ROOT / "docs" / "settings.md").read_text(encoding="utf-8") == docs.settings()


def test_secrets_are_secret() -> None:
    """Every setting that holds a credential hides its value."""
    for name, field in walk_settings(Settings):
        if re.search(r"token|secret|api_key|routing_key|_key$|database_url", name):
            assert "SecretStr" in str(field.annotation), name


def walk_settings(model: type) -> Iterator[tuple[str, object]]:
    """Every field of the settings, through its sections."""
    for name, field in model.model_fields.items():
        section = section_of(field)
        if section is None:
            yield name, field
        else:
            yield from walk_settings(section)


def test_every_statement_is_used() -> None:
    """The named statements of sql/state and the modules of bot/store name each other, and nothing else."""
    for path in sorted((ROOT / "sql" / "state").glob("*.sql")):
        module = (ROOT / "bot" / "store" / f"{path.stem}.py").read_text(encoding="utf-8")
        assert set(re.findall(r'_SQL\["(\w+)"\]', module)) == set(statements(path.stem)), path.name


def test_sql_is_in_sql() -> None:
    """Statements stand in sql/, not in Python, but for the migrations' own bookkeeping and a check that all answers."""
    allowed = {
        "bot.store.migrate",
        "bot.store.embedded",
        "bot.store.database",
        "bot.store.audit",
        "bot.journal",
        "bot.jobs",
        "bot.steps",
        "bot.product",
    }
    pattern = re.compile(r'(?<![\w"])[a-z]{0,2}"(?!"")\s*(select|insert|update|delete from|with)\s', re.IGNORECASE)
    users = {
        name
        for package in ("bot", "handlers")
        for name, path, _ in modules(package)
        if pattern.search(path.read_text(encoding="utf-8"))
    }
    assert users <= allowed, users - allowed


def test_sql_asks_no_clock() -> None:
    """No statement of ours decides by the database's clock: the bot's own time is passed in."""
    for path in (ROOT / "sql" / "state").glob("*.sql"):
        statements_only = re.sub(r"--.*", "", path.read_text(encoding="utf-8"))
        assert not re.search(r"\bnow\(\)|current_timestamp|clock_timestamp", statements_only), path.name


def test_reads_do_not_act() -> None:
    """A handler's read is given no transaction, and an act is audited: it writes an entry in the same transaction."""
    for name, path, _ in modules("handlers"):
        text = path.read_text(encoding="utf-8")
        acts = [op for op in registry() if isinstance(op, Act) and op.act.__module__ == name]
        # an act writes its entry itself, or is a step of a request or an incident, which the modules named for such a
        # step audit
        audited = len(re.findall(r"await audit\.add\(|return await (?:changes|[a-z]+ing)\.", text))
        assert audited >= len({op.act for op in acts}), name


def test_nobody_without_rights_is_allowed_anything() -> None:
    """A stranger, a guest, a bot and an unknown person may run no command at all."""
    for standing in Standing:
        if standing is Standing.MEMBER:
            continue
        actor = Actor(id="U1", name="x", standing=standing, role=Role.ADMIN, known_at=datetime.now(UTC))
        assert not any(isinstance(decide(operation, actor), Allow) for operation in registry()), standing


def test_nothing_names_this_machine() -> None:
    """No committed file names a path of somebody's machine, or where packages are downloaded from."""
    listed = subprocess.run(["git", "ls-files"], cwd=ROOT, capture_output=True, text=True, check=True).stdout.split(
        "\n"
    )
    pattern = re.compile(r"(extra-)?index-url[= ]|https?://[^ ]+\.(whl|tar\.gz|tgz|deb)\b|/root/|/home/\w+/")
    wrong = []
    for name in listed:
        path = ROOT / name
        if not name or path.suffix == ".png" or not path.is_file() or path == Path(__file__):
            continue
        for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), 1):
            if pattern.search(line):
                wrong.append(f"{name}:{number}: {line.strip()[:80]}")
    assert wrong == []
