"""The `ilab` program: serve · run · sandbox · doctor · audit · db · docs. The only reader of the environment."""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import gc
import os
import signal
import sys
import uuid
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from bot.errors import NotConfiguredError, UserError

if TYPE_CHECKING:
    from bot.settings import Settings

OTHER_VARIABLES = {"ILAB_TOKEN", "ILAB_CHROMIUM", "ILAB_REQUIRE_BROWSER"}
"""Variables that are no settings: the terminal's token, and what the tests look at."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the program; return its exit status."""
    head, rest = _split(list(sys.argv[1:] if arguments is None else arguments))
    given = _parser().parse_args(head)
    given.rest = rest
    try:
        return int(given.run(given))
    except UserError as error:
        from bot.terminal import explain

        print(explain(error), file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        return 130


def _split(arguments: list[str]) -> tuple[list[str], list[str]]:
    """Cut after `run` or `sandbox`: what follows is the bot's own words, or the sandbox's options, and not ours."""
    for number, word in enumerate(arguments):
        if word in ("run", "sandbox") and arguments[number - 1 : number] != ["--env-file"]:
            return arguments[: number + 1], arguments[number + 1 :]
    return arguments, []


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="ilab", description="InterviewLab's operations runbook, executable.")
    parser.add_argument("--env-file", type=Path, help="read settings from this file, beneath the environment's")
    commands = parser.add_subparsers(required=True, metavar="command")

    serve = commands.add_parser("serve", help="serve Slack until stopped")
    serve.set_defaults(run=_serve)

    run = commands.add_parser("run", help="run one of the bot's commands, such as: ilab run status")
    run.set_defaults(run=_run)

    approve = commands.add_parser("approve", help="the same as: ilab run approve ID")
    approve.add_argument("id")
    approve.set_defaults(run=_approve)

    sandbox = commands.add_parser(
        "sandbox", help="a Slack workspace and every vendor on this machine, with the bot in it"
    )
    sandbox.set_defaults(run=_sandbox)

    doctor = commands.add_parser("doctor", help="name what is not set up as it must be, and its exact fix")
    doctor.set_defaults(run=_doctor)

    audit = commands.add_parser("audit", help="check the audit").add_subparsers(required=True, metavar="what")
    verify = audit.add_parser("verify", help="name every altered, missing and cut-off row")
    verify.set_defaults(run=_audit_verify)

    database = commands.add_parser("db", help="the bot's own database").add_subparsers(required=True, metavar="what")
    migrate = database.add_parser("migrate", help="apply the migrations that are missing")
    migrate.set_defaults(run=_db_migrate)

    docs = commands.add_parser("docs", help="print the generated parts of the documentation")
    docs.add_argument("what", choices=("commands", "settings"))
    docs.set_defaults(run=_docs)
    return parser


def settings_from(env_file: Path | None) -> Settings:
    """The settings from the environment, or a UserError that names what is wrong with which variable."""
    import pydantic

    from bot.settings import Settings

    if env_file is not None and not env_file.exists():
        raise UserError(f"There is no file {env_file}.", todo="`--env-file` takes the path of a file of settings.")
    _refuse_unknown_variables()
    try:
        return Settings(_env_file=env_file)
    except pydantic.ValidationError as error:
        wrong = "\n".join(
            f"{_variable(detail['loc'])}: {detail['msg']}"
            for detail in error.errors(include_input=False, include_url=False)
        )
        raise UserError("The settings are not right.", why=wrong, todo="`ilab docs settings` lists them all.") from None


def _variable(place: tuple[int | str, ...]) -> str:
    name = "__".join(str(part) for part in place).upper()
    return name if name.startswith("ILAB_") else f"ILAB_{name}"


def _refuse_unknown_variables() -> None:
    """A misspelt variable of the environment would silently be a setting left out."""
    import difflib

    from bot.settings import variables

    known = {name for name, _, _ in variables()} | OTHER_VARIABLES
    unknown = sorted(name for name in os.environ if name.startswith("ILAB_") and name not in known)
    if unknown:
        near = difflib.get_close_matches(unknown[0], known, n=1)
        raise UserError(
            f"There is no setting {', '.join(unknown)}.",
            why=f"Did you mean {near[0]}?" if near else "",
            todo="`ilab docs settings` lists them all.",
        )


def data_dir_of(settings: Settings) -> Path:
    """Where the embedded database and the journal are: the settings' folder, else the user's own."""
    if settings.data_dir is not None:
        return settings.data_dir
    if sys.platform == "darwin":
        return Path.home() / "Library" / "Application Support" / "ilab"
    return Path(os.environ.get("XDG_DATA_HOME") or Path.home() / ".local" / "share") / "ilab"


def _where_a_bot_has_run(settings: Settings) -> Path:
    """The data folder; or NotConfiguredError where no bot has run: an empty new database would answer, and mislead."""
    data_dir = data_dir_of(settings)
    if settings.database_url is None and not (data_dir / "postgresql").exists():
        raise NotConfiguredError(
            "No bot has run here: there is no database of its own to ask.",
            todo="Set ILAB_DATABASE_URL or ILAB_DATA_DIR, or name the bot's settings by --env-file.",
        )
    return data_dir


def token() -> str:
    """The personal token of whoever sits at the terminal, or NotConfiguredError that says how to get one."""
    if given := os.environ.get("ILAB_TOKEN"):
        return given
    kept = Path(os.environ.get("XDG_CONFIG_HOME") or Path.home() / ".config") / "ilab" / "token"
    if kept.is_file():
        return kept.read_text(encoding="utf-8").strip()
    raise NotConfiguredError(
        "I do not know who you are.",
        why="No token, no rights.",
        todo=f"Type `/ilab token issue` in Slack, then set ILAB_TOKEN, or put the token in {kept}.",
    )


def _serve(given: argparse.Namespace) -> int:
    from bot import serving
    from bot.logs import configure

    settings = settings_from(given.env_file)
    configure(settings.log_level)
    return until_stopped(serving.serving(settings, data_dir=data_dir_of(settings)))


def until_stopped(serving: contextlib.AbstractAsyncContextManager[Any]) -> int:
    """Hold the context until SIGTERM or Ctrl-C, then leave it in order; stop as well while it is still being entered."""

    async def whole() -> int:
        me = asyncio.current_task()
        assert me is not None  # noqa: S101 -- this runs in one
        stop = asyncio.Event()
        entered = False

        def stopped() -> None:
            stop.set()
            if not entered:
                me.cancel()

        for number in (signal.SIGTERM, signal.SIGINT):
            asyncio.get_running_loop().add_signal_handler(number, stopped)
        try:
            async with serving:
                entered = True
                await stop.wait()
        except asyncio.CancelledError:
            if not stop.is_set():
                raise
        return 0

    return asyncio.run(whole())


def _run(given: argparse.Namespace) -> int:
    with _uncollected():
        from bot import app, terminal
        from bot.logs import configure

    settings = settings_from(given.env_file)
    configure("WARNING")

    mine, data_dir = token(), _where_a_bot_has_run(settings)

    async def whole() -> int:
        async with app.core(settings, data_dir=data_dir) as core:
            return await terminal.run(core, given.rest, token=mine, key=f"terminal:{uuid.uuid4()}")

    return asyncio.run(whole())


@contextlib.contextmanager
def _uncollected() -> Iterator[None]:
    """Nothing is searched for garbage until the block ends: modules make none, and the search took a fifth of the start."""
    gc.disable()
    try:
        yield
    finally:
        gc.freeze()
        gc.enable()


def _approve(given: argparse.Namespace) -> int:
    given.rest = ["approve", given.id]
    return _run(given)


def _sandbox(given: argparse.Namespace) -> int:
    from sandbox.__main__ import main as sandbox

    return sandbox(given.rest)


def _doctor(given: argparse.Namespace) -> int:
    from bot import app, terminal
    from bot.doctor.examining import examine
    from bot.logs import configure

    settings = settings_from(given.env_file)
    configure("WARNING")

    async def whole() -> int:
        async with app.examined(settings, data_dir=data_dir_of(settings)) as ground:
            answer = await examine(ground)
        print(terminal.page(answer, ground.now(), colour=sys.stdout.isatty()))
        return terminal.exit_status(answer)

    return asyncio.run(whole())


def _audit_verify(given: argparse.Namespace) -> int:
    from bot import app
    from bot.logs import configure
    from bot.store import audit

    settings = settings_from(given.env_file)
    configure("WARNING")

    data_dir = _where_a_bot_has_run(settings)

    async def whole() -> int:
        async with (
            app.core(settings, data_dir=data_dir) as core,
            core.services.database.connection() as connection,
        ):
            count, findings = await audit.check(connection)
        for finding in findings:
            print(f"✖ {finding.what}")
        if not findings:
            print(f"✔ {count} entries, none altered, none missing, the end is there")
        return 1 if findings else 0

    return asyncio.run(whole())


def _db_migrate(given: argparse.Namespace) -> int:
    from bot.store.migrate import migrate

    settings = settings_from(given.env_file)
    if settings.database_url is None:
        raise NotConfiguredError(
            "The embedded database migrates itself when the bot starts.", todo="For another one set ILAB_DATABASE_URL."
        )
    applied = asyncio.run(migrate(settings.database_url.get_secret_value()))
    print("\n".join(applied) or "Nothing to apply.")
    return 0


def _docs(given: argparse.Namespace) -> int:
    from bot import docs

    print(docs.commands() if given.what == "commands" else docs.settings(), end="")
    return 0


if __name__ == "__main__":
    sys.exit(main())
