"""The shim's first half: start the worker, at most once, ever. Its second half is `supervise`.

What is loaded here delays every worker, so this module knows nothing that can wait until the worker runs.
"""

# pathlib and contextlib would cost several milliseconds at every start of a worker.
# ruff: noqa: PTH110, PTH118, PTH123, PTH208, SIM105
from __future__ import annotations

import ctypes
import os
import resource
import stat
import time

from mosaic_rails.process import proc
from mosaic_rails.process.home import EXIT, LOG, PID, STARTED, ExitRecord, Home, Record, one_line

EXIT_UNPREPARED = 74
EXIT_HELD = 75
EXIT_STARTED_BEFORE = 76

#: Where the worker's environment comes from: the shim's own, or its standard input, entries separated by NUL.
ENVIRONMENT, STDIN = "environment", "stdin"

_PR_SET_CHILD_SUBREAPER = 36
_NICE = 5
_OOM_SCORE_ADJ = 500


class Job:
    """What the rail asks of a shim, as it stands on its command line.

    Attributes:
        stdin: path of the file given as standard input; empty: /dev/null.
        timeout, stall, grace: seconds.
        log_head, log_tail: bytes.
    """

    def __init__(self, words: list[str]) -> None:
        self.home, self.cwd, self.stdin = words[:3]
        self.timeout, self.stall, self.grace = map(float, words[3:6])
        self.log_head, self.log_tail = map(int, words[6:8])
        self.argv = words[9:]
        given = _standard_input() if words[8] == STDIN else proc.environ(os.getpid())
        # As it was handed over: Python itself may add LC_CTYPE to os.environ.
        entries = (entry.partition(b"=") for entry in given.split(b"\0") if entry)
        self.env = {name: value for name, _, value in entries}
        if b"PATH" in self.env:  # the worker is looked for on it
            os.environb[b"PATH"] = self.env[b"PATH"]


class Worker:
    """A started worker.

    Attributes:
        output: read end of the pipe that has its stdout and stderr.
        since: monotonic time of its start.
        started_at: the same as ISO 8601 with offset.
    """

    def __init__(self, pid: int, output: int) -> None:
        self.pid = pid
        self.output = output
        self.since = time.monotonic()
        self.started_at = now()


class CannotStart(Exception):
    """Raised when the command could not be started; the message says why, for people."""


def main(words: list[str]) -> None:
    """Run one attempt from its lock to its exit record. Ends the process; 0 when the exit record is written."""
    job = Job(words)
    _close_inherited()
    home, record = _claim(job)
    try:
        worker = _start(job)
    except CannotStart as error:
        never_ran(home, record, "spawn", str(error))
        os._exit(0)
    from mosaic_rails.process import supervise  # noqa: PLC0415 - the worker runs while this loads

    record.write(supervise.until_gone(job, home, worker))
    os._exit(0)


def never_ran(home: Home, record: ExitRecord, cause: str, detail: str) -> None:
    """Record the end of an attempt that has had its one start, and no worker; its log is empty."""
    os.close(home.create(LOG))
    home.publish(LOG)
    record.write(ending(cause, detail, now()))


def ending(cause: str, detail: str, started_at: str) -> Record:
    """The exit record of an attempt that never ran; `supervise` fills in the rest for one that did."""
    return {
        "cause": cause,
        "exit_code": None,
        "signal": None,
        "detail": one_line(detail),
        "started_at": started_at,
        "ended_at": now(),
        "bytes": 0,
    }


def now() -> str:
    """Wall clock as ISO 8601 with offset, microseconds."""
    seconds, nanoseconds = divmod(time.time_ns(), 1_000_000_000)
    return time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(seconds)) + f".{nanoseconds // 1000:06d}+00:00"


def _standard_input() -> bytes:
    """All of it; afterwards it is empty."""
    with open(0, "rb", closefd=False) as file:
        given = file.read()
    nothing = os.open(os.devnull, os.O_RDONLY)
    os.dup2(nothing, 0)
    os.close(nothing)
    return given


def _close_inherited() -> None:
    """Whatever the daemon leaks must not live as long as a worker."""
    for name in os.listdir("/proc/self/fd"):
        if int(name) > 2:
            try:
                os.close(int(name))
            except OSError:
                pass  # the listing's own descriptor


def _claim(job: Job) -> tuple[Home, ExitRecord]:
    """Everything that must be true before a worker may run; ends the process when it is not."""
    try:
        home = Home(job.home)
        if not home.hold():
            os._exit(EXIT_HELD)
        if home.has(STARTED):
            os._exit(EXIT_STARTED_BEFORE)
        record = ExitRecord(home)
        # The rail finds whom to stop in pid.json as soon as it finds `started`, so pid.json comes first.
        own = proc.process(os.getpid())
        assert own  # noqa: S101 - a process that runs has a stat
        home.write(PID, {"pid": own.pid, "start": own.start, "boot_id": proc.boot_id(), "since": now()})
        try:
            home.start_once()
        except FileExistsError:
            home.discard(EXIT)
            os._exit(EXIT_STARTED_BEFORE)
    except OSError:
        os._exit(EXIT_UNPREPARED)
    return home, record


def _start(job: Job) -> Worker:
    # Orphans of the worker's tree become children of the shim: none gets out of sight.
    ctypes.CDLL(None).prctl(_PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    os.nice(_NICE)
    own_oom_score = _oom_score_adj()
    _oom_score_adj(max(own_oom_score, _OOM_SCORE_ADJ))
    stdin = _open_stdin(job.stdin)
    output, write_end = os.pipe2(os.O_CLOEXEC)
    try:
        pid = _spawn(job, stdin, write_end)
    finally:
        # Memory running out should take the worker, not the one that reports it.
        _oom_score_adj(own_oom_score)
        os.close(write_end)
        os.close(stdin)
    return Worker(pid, output)


def _open_stdin(path: str) -> int:
    try:
        fd = os.open(path or os.devnull, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    except OSError as error:
        raise CannotStart(f"cannot open its standard input {path}: {error.strerror}") from None
    if path and not stat.S_ISREG(os.fstat(fd).st_mode):
        raise CannotStart(f"its standard input {path} is not a regular file")
    return fd


def _spawn(job: Job, stdin: int, output: int) -> int:
    try:
        os.chdir(job.cwd)
    except OSError as error:
        raise CannotStart(f"cannot enter its working directory {job.cwd}: {error.strerror}") from None
    if not job.argv:
        raise CannotStart("its command is empty")
    try:
        return os.posix_spawnp(
            job.argv[0],
            job.argv,
            job.env,
            file_actions=[(os.POSIX_SPAWN_DUP2, fd, at) for at, fd in enumerate((stdin, output, output))],
            setsid=True,
            setsigmask=[],
            setsigdef=range(1, 32),
        )
    except OSError as error:
        raise CannotStart(f"cannot start {job.argv[0]}: {_why(job, error)}") from None
    finally:
        os.chdir("/")  # a shim that stays in the worktree would keep its file system busy


def _why(job: Job, error: OSError) -> str:
    if isinstance(error, FileNotFoundError):
        if "/" not in job.argv[0]:
            return "not found on its PATH " + os.fsdecode(job.env.get(b"PATH", b"(unset)"))
        if os.path.exists(os.path.join(job.cwd, job.argv[0])):
            return "its interpreter (the first line's #!) does not exist"
    if isinstance(error, PermissionError):
        return "not executable (permission denied)"
    return error.strerror or str(error)


def _oom_score_adj(value: int | None = None) -> int:
    """What it is for this process and what it starts from now on, after setting it where that is allowed."""
    with open("/proc/self/oom_score_adj", "r+b", 0) as file:
        before = int(file.read())
        if value is not None:
            try:
                file.write(b"%d" % value)
            except OSError:
                pass  # a container may forbid it; then the kernel chooses by size alone
    return before
