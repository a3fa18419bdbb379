"""Becomes another program under another account, bound to the life of its parent. Run as a script, never imported.

    python -I -S embedded_exec.py PARENT SIGNAL WAY UID GID PROGRAM [ARGUMENT…]

Linux clears the parent-death signal whenever credentials change, and a changed process may no longer be able to read
Python's own modules, so everything is loaded first, then the credentials change, then the signal is set, then the
program takes over. `--check PATH…` in the program's place exits with 0 when all paths can be read that way.
See prctl(2), capabilities(7), user_namespaces(7).
"""

from __future__ import annotations

import ctypes
import errno
import os
import sys
from pathlib import Path

_PR_SET_PDEATHSIG = 1
_PR_GET_SECUREBITS = 27
_PR_SET_SECUREBITS = 28
_SECBIT_NO_SETUID_FIXUP = 4
_PR_CAP_AMBIENT = 47
_PR_CAP_AMBIENT_RAISE = 2
_CAPABILITIES = {"capability": 2, "override": 1}
"""CAP_DAC_READ_SEARCH and CAP_DAC_OVERRIDE, of linux/capability.h, by the way that keeps them."""
_LINUX_CAPABILITY_VERSION_3 = 0x20080522
_CLONE_NEWUSER = 0x10000000


def _must(doing: str, result: int) -> None:
    if result != 0:
        number = ctypes.get_errno()
        raise OSError(number, f"{doing}: {os.strerror(number)}")


def _become(libc: ctypes.CDLL, uid: int, gid: int, capability: int | None) -> None:
    """The process runs as `uid`, with no capability but the one that is named, which outlives exec."""
    if capability is not None:
        # Without this setuid() takes all capabilities, and access(), which PostgreSQL asks about itself, knows none.
        bits = libc.prctl(_PR_GET_SECUREBITS, 0, 0, 0, 0) | _SECBIT_NO_SETUID_FIXUP
        _must("PR_SET_SECUREBITS", libc.prctl(_PR_SET_SECUREBITS, bits, 0, 0, 0))
    os.setgroups([gid])
    os.setgid(gid)
    os.setuid(uid)
    if capability is not None:
        header = (ctypes.c_uint32 * 2)(_LINUX_CAPABILITY_VERSION_3, 0)
        sets = (ctypes.c_uint32 * 6)(*[1 << capability] * 3, 0, 0, 0)
        _must("capset", libc.capset(header, sets))
        _must("PR_CAP_AMBIENT", libc.prctl(_PR_CAP_AMBIENT, _PR_CAP_AMBIENT_RAISE, capability, 0, 0))


def _enter_namespace(libc: ctypes.CDLL, uid: int, gid: int) -> None:
    """Inside a user namespace of its own the process, and what its outer account owns, looks like `uid`."""
    outer_uid, outer_gid = os.getuid(), os.getgid()
    _must("unshare", libc.unshare(_CLONE_NEWUSER))
    Path("/proc/self/setgroups").write_text("deny", encoding="ascii")
    Path("/proc/self/uid_map").write_text(f"{uid} {outer_uid} 1", encoding="ascii")
    Path("/proc/self/gid_map").write_text(f"{gid} {outer_gid} 1", encoding="ascii")


def main(arguments: list[str]) -> None:
    """Never returns: the process is the program now, or has ended with status 126 and a line on stderr."""
    parent, signal, way, uid, gid, program, *rest = arguments
    try:
        libc = ctypes.CDLL(None, use_errno=True)
        if way == "namespace":
            _enter_namespace(libc, int(uid), int(gid))
        elif way != "self":
            _become(libc, int(uid), int(gid), _CAPABILITIES.get(way))
        if program == "--check":
            for path in rest:
                os.close(os.open(path, os.O_RDONLY))
                if not os.access(path, os.R_OK):
                    raise PermissionError(errno.EACCES, "access() denies it", path)
            os._exit(0)
        if sys.platform == "linux":
            _must("PR_SET_PDEATHSIG", libc.prctl(_PR_SET_PDEATHSIG, int(signal), 0, 0, 0))
        if os.getppid() != int(parent):
            os._exit(0)  # the parent died before the signal was set; nobody is waiting for this server
        os.execv(program, [program, *rest])  # noqa: S606 - the arguments are ours
    except OSError as error:
        os.write(2, f"embedded_exec: {way}: {error}\n".encode())
        os._exit(126)


if __name__ == "__main__":
    main(sys.argv[1:])
