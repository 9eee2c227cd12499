"""How the program ends: one line that says what is wrong, and an exit code."""

import os
import signal
import sys
from contextlib import suppress
from threading import Timer
from typing import Any, NoReturn

import typer
from typer.core import TyperGroup

from throughtime.texts import printable

MENDED = (FileNotFoundError, FileExistsError, IsADirectoryError, NotADirectoryError, PermissionError)  # by other words
OK, FAILED, BAD_INPUT, INTERRUPTED, UNHEARD = 0, 1, 2, 130, 141

# typer has had its own copy of click since 0.2x, so the class is taken from where it can be found in both.
UsageProblem: type[Exception] = typer.BadParameter.__mro__[2]


class Problem(ValueError):
    """Something the user can mend: what is wrong, where, and what to do."""


class Failure(RuntimeError):
    """The work was started and did not succeed."""


class Interrupted(RuntimeError):
    """Ctrl-C where nothing could be saved."""


class Unheard(RuntimeError):
    """Who read what is printed has heard enough, as `head` does."""


class Ending:
    """How a run is ended from outside: the system's signals work as Ctrl-C does, and the exit code says which it was."""

    def __init__(self) -> None:
        self._code = INTERRUPTED
        for name in ("SIGTERM", "SIGHUP"):  # unless it is ignored, as nohup has it; there is no SIGHUP on every system
            number = getattr(signal, name, None)
            if number is not None and signal.getsignal(number) is signal.SIG_DFL:
                signal.signal(number, self._hear)
        sys.unraisablehook = self._unraised

    def _hear(self, number: int, _: Any) -> None:
        self._code = 128 + number
        raise KeyboardInterrupt

    def _unraised(self, lost: Any) -> None:
        """An interrupt that falls into a callback of the garbage collector is lost there: once more, a moment later."""
        if not issubclass(lost.exc_type, KeyboardInterrupt):
            sys.__unraisablehook__(lost)
            return
        again = Timer(0.05, os.kill, (os.getpid(), signal.SIGINT))
        again.daemon = True
        again.start()

    def at_once(self) -> NoReturn:
        """End the process: threads that still compile would crash on the way out."""
        for stream in (sys.stdout, sys.stderr):
            with suppress(OSError):
                stream.flush()
        os._exit(self._code)


class Group(TyperGroup):
    """A command group that turns every expected error into one line on standard error and an exit code."""

    def invoke(self, ctx: Any) -> Any:
        """Run the command; typer itself would end silently at Ctrl-C."""
        try:
            return super().invoke(ctx)
        except KeyboardInterrupt:
            raise Interrupted("interrupted before there was anything to save; nothing is written") from None
        except BrokenPipeError as closed:  # typer would end silently
            if closed.filename:
                raise
            raise Unheard from None

    def main(self, *args: Any, **extra: Any) -> Any:
        """Run the program; with `standalone_mode=False` errors are raised instead."""
        for option in ("--inputs", "--outputs"):  # the last one alone would count, silently
            if list(args[0] if args else extra.get("args") or sys.argv).count(option) > 1:
                _end(f"{option} is given twice; name all columns in one, with commas: {option} a,b", BAD_INPUT)
        self._help_alone([*(args[0] if args else extra.get("args") or sys.argv[1:])])
        if not extra.pop("standalone_mode", True):
            return super().main(*args, **(extra | {"standalone_mode": False}))
        try:
            code = super().main(*args, **(extra | {"standalone_mode": False}))
        except UsageProblem as problem:
            _end_usage(problem)
        except Unheard:
            _end_unheard(UNHEARD)
        except (Failure, FloatingPointError) as failure:
            _end(str(failure), FAILED)
        except MemoryError as failure:  # of what was not foreseen
            _end(f"this machine has too little memory ({failure}); use fewer units, networks or rows", FAILED)
        except (ValueError, *MENDED) as problem:
            _end(_said(problem), BAD_INPUT)
        except OSError as failure:
            _end(_said(failure), FAILED)
        except Interrupted as interrupted:
            _end(str(interrupted), INTERRUPTED)
        except (KeyboardInterrupt, typer.Abort):
            _end("interrupted", INTERRUPTED)
        _flush()
        sys.exit(code if isinstance(code, int) else OK)

    def _help_alone(self, words: list[str]) -> None:
        """Where help is asked for and nothing else, give it: typer imports pydantic to read any option."""
        command = self.commands.get(words[0]) if len(words) == 2 and words[1] == "--help" else None
        if command is None and words != ["--help"]:
            return
        context = typer.Context(self, info_name="throughtime")
        if command is not None:
            context = typer.Context(command, info_name=words[0], parent=context)
        try:
            typer.echo(context.get_help())
        except (BrokenPipeError, SystemExit):  # the latter is rich's word for the former
            _end_unheard(UNHEARD)
        _flush()
        sys.exit(OK)


def _end_usage(problem: Any) -> NoReturn:
    message = problem.format_message().rstrip(".")
    if not message:  # called without arguments: the help was shown
        sys.exit(BAD_INPUT)
    command = getattr(getattr(problem, "ctx", None), "command_path", "throughtime")
    _end(f"{message} (see {command} --help)", BAD_INPUT)


def _said(problem: Exception) -> str:
    from throughtime.checks import one_line  # here, since who asks for help waits for these
    from throughtime.io import files

    if not isinstance(problem, OSError) or not problem.strerror:
        return one_line(str(problem))  # which may quote a file
    if problem.errno in files.ROOM and not problem.filename:  # the writer of files names them
        return f"standard output: {problem.strerror}; not everything was written"
    return f"{problem.filename}: {problem.strerror}" if problem.filename else str(problem)


def _flush() -> None:
    """What was printed is out, or the program ends here: a pipe that nobody reads any more, a full disk."""
    try:
        sys.stdout.flush()
    except BrokenPipeError:
        _end_unheard(UNHEARD)
    except OSError as trouble:
        _tell(_said(trouble))
        _end_unheard(FAILED)


def _end_unheard(code: int) -> NoReturn:
    """What is left goes nowhere, else the interpreter complains once more at its end."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    sys.exit(code)


def _end(message: str, code: int) -> NoReturn:
    _flush()
    _tell(message)
    sys.exit(code)


def _tell(message: str) -> None:
    with suppress(OSError):  # the same pipe may be closed for both
        print("error:", printable(" ".join(message.split())), file=sys.stderr, flush=True)
