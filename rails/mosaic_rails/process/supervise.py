"""The shim's second half: stay with the worker until nothing of its tree is left, and say how it ended."""

# pathlib and contextlib would cost several milliseconds at every start of a worker.
# ruff: noqa: SIM105
from __future__ import annotations

import fcntl
import math
import os
import select
import signal
import time

from mosaic_rails.process import tree
from mosaic_rails.process.home import SHIM_ERROR, Home, Record
from mosaic_rails.process.log import BoundedLog, Redactor
from mosaic_rails.process.shim import Job, Worker, ending
from mosaic_rails.process.stall import Stall

_CHUNK_BYTES = 1 << 18
_PIPE_BYTES = 1 << 20
_LEFTOVER_GRACE_SEC = 2.0
_LONGEST_WAIT_SEC = 3600.0  # poll takes no more than some weeks; limits may be longer
_STOPS = (signal.SIGTERM, signal.SIGINT)


def until_gone(job: Job, home: Home, worker: Worker) -> Record:
    """Pump output, hold the limits, kill what must be killed; returns the exit record."""
    try:
        return Supervision(job, home, worker).run()
    except BaseException:
        # Without a supervisor nobody holds the limits. The rail will find the attempt lost.
        import traceback  # noqa: PLC0415 - as dear as all the rest together, and not for every worker

        tree.send_below(os.getpid(), signal.SIGKILL)
        fd = home.create(SHIM_ERROR)
        os.write(fd, traceback.format_exc().encode("utf-8", "replace"))
        home.publish(SHIM_ERROR)
        os._exit(70)


class Supervision:
    """One run of one worker.

    It ends by itself, or one of the limits, or SIGTERM, stops it. Either way the whole tree gets SIGTERM, some time,
    and SIGKILL until nothing is left. The shim is a subreaper, so "no child left" means "no descendant left".
    """

    def __init__(self, job: Job, home: Home, worker: Worker) -> None:
        self._job = job
        self._worker = worker
        self._log = BoundedLog(home, job.log_head, job.log_tail, Redactor(job.env))
        self._stall = Stall(job.stall, os.getpid(), job.cwd)
        self._timeout_at = worker.since + job.timeout
        self._status: int | None = None
        self._cause = ""
        self._detail = ""
        self._kill_at = math.inf
        self._kill_pause = 0.001
        self._asked_to_stop = False
        self._output_ended = False
        self._poll = select.poll()
        self._wake = self._open()

    def run(self) -> Record:
        while self._reap():
            self._wait()
            self._decide(time.monotonic())
        self._drain()
        self._log.close()
        return self._ending()

    def _open(self) -> int:
        """Make signals and output wake the loop; returns the descriptor that signals write to."""
        os.set_blocking(self._worker.output, False)
        try:
            fcntl.fcntl(self._worker.output, fcntl.F_SETPIPE_SZ, _PIPE_BYTES)
        except OSError:
            pass  # too many large pipes of this user: slower, not wrong
        wake, write_end = os.pipe2(os.O_CLOEXEC | os.O_NONBLOCK)
        signal.set_wakeup_fd(write_end, warn_on_full_buffer=False)
        signal.signal(signal.SIGCHLD, lambda *_: None)
        signal.signal(signal.SIGHUP, signal.SIG_IGN)
        for each in _STOPS:
            signal.signal(each, self._ask_to_stop)
        self._poll.register(wake, select.POLLIN)
        self._poll.register(self._worker.output, select.POLLIN)
        # The rail blocks all of these when it starts the shim, so that none came before it could be handled.
        signal.pthread_sigmask(signal.SIG_SETMASK, ())
        return wake

    def _ask_to_stop(self, *_: object) -> None:
        self._asked_to_stop = True

    def _reap(self) -> bool:
        """Take in the ends of children; False when none is left."""
        try:
            while True:
                pid, status = os.waitpid(-1, os.WNOHANG)
                if not pid:
                    return True
                if pid == self._worker.pid:
                    self._status = status
        except ChildProcessError:
            return False

    def _wait(self) -> None:
        """Sleep until a child ends, output comes, somebody asks to stop, or a limit may be reached."""
        due = self._due()
        pause = min(max(0.0, due - time.monotonic()), _LONGEST_WAIT_SEC)
        for fd, _ in self._poll.poll(math.ceil(pause * 1000)):
            if fd == self._wake:
                os.read(self._wake, 4096)
            else:
                self._read()

    def _due(self) -> float:
        if self._cause:
            return self._kill_at
        if self._asked_to_stop or self._status is not None:
            return 0.0
        return min(self._timeout_at, self._stall.next_check)

    def _decide(self, now: float) -> None:
        job = self._job
        if self._cause:
            if now >= self._kill_at:
                self._kill(now)
        elif self._status is not None:
            self._stop("exit", "", min(job.grace, _LEFTOVER_GRACE_SEC))
        elif self._asked_to_stop:
            self._stop("revoked", "stopped as asked", job.grace)
        elif now >= self._timeout_at:
            self._stop("timeout", f"ran longer than {job.timeout:g} s", job.grace)
        elif self._stall.stuck(now):
            what = "no output, no CPU time and no change in its working directory"
            self._stop("stall", f"{what} for {job.stall:g} s", job.grace)

    def _stop(self, cause: str, detail: str, grace: float) -> None:
        self._cause = cause
        self._detail = detail
        self._kill_at = time.monotonic() + grace
        tree.send_below(os.getpid(), signal.SIGTERM)

    def _kill(self, now: float) -> None:
        """One pass; whatever was forked meanwhile is met by the next, until no child is left."""
        tree.send_below(os.getpid(), signal.SIGKILL)
        self._kill_at = now + self._kill_pause
        self._kill_pause = min(self._kill_pause * 2, 0.25)

    def _read(self) -> bool:
        """One piece of output; False when there is none now."""
        try:
            data = os.read(self._worker.output, _CHUNK_BYTES)
        except BlockingIOError:
            return False
        if not data:
            if not self._output_ended:
                self._poll.unregister(self._worker.output)
                self._output_ended = True
            return False
        self._log.write(data)
        self._stall.output(time.monotonic())
        return True

    def _drain(self) -> None:
        """What the dead tree left in the pipe; bounded, as its other end may have been handed to somebody else."""
        for _ in range(_PIPE_BYTES // select.PIPE_BUF):
            if not self._read():
                return

    def _ending(self) -> Record:
        code = None if self._status is None else os.waitstatus_to_exitcode(self._status)
        signum = -code if code is not None and code < 0 else None
        how = f"killed by {_name(signum)}" if signum else f"exit {code}"
        parts = [part for part in (self._detail, how) if part]
        if self._log.error:
            parts.append(f"{self._log.unwritten} bytes of its output could not be logged: {self._log.error}")
        record = ending(self._cause or "exit", "; ".join(parts), self._worker.started_at)
        record.update(exit_code=None if signum else code, signal=signum, bytes=self._log.received)
        return record


def _name(signum: int) -> str:
    try:
        return signal.Signals(signum).name
    except ValueError:
        return f"signal {signum}"
