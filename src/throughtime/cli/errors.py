"""How the program ends: one line that says what is wrong, and an exit code."""

import sys
from typing import Any, NoReturn

import typer
from typer.core import TyperGroup

OK, FAILED, BAD_INPUT, INTERRUPTED = 0, 1, 2, 130

# typer has had its own copy of click since 0.2x, so the class is taken from where it can be found in both.
UsageProblem: type[Exception] = typer.BadParameter.__mro__[2]


class Problem(ValueError):
    """Something the user can mend: what is wrong, where, and what to do."""


class Failure(RuntimeError):
    """The work was started and did not succeed."""


class Interrupted(RuntimeError):
    """Ctrl-C where nothing could be saved."""


class Group(TyperGroup):
    """A command group that turns every expected error into one line on standard error and an exit code."""

    def invoke(self, ctx: Any) -> Any:
        """Run the command; typer itself would end silently at Ctrl-C."""
        try:
            return super().invoke(ctx)
        except KeyboardInterrupt:
            raise Interrupted("interrupted before there was anything to save; nothing is written") from None

    def main(self, *args: Any, **extra: Any) -> Any:
        """Run the program; with `standalone_mode=False` errors are raised instead."""
        for option in ("--inputs", "--outputs"):  # the last one alone would count, silently
            if list(args[0] if args else extra.get("args") or sys.argv).count(option) > 1:
                _end(f"{option} is given twice; name all columns in one, with commas: {option} a,b", BAD_INPUT)
        if not extra.pop("standalone_mode", True):
            return super().main(*args, **(extra | {"standalone_mode": False}))
        try:
            code = super().main(*args, **(extra | {"standalone_mode": False}))
        except UsageProblem as problem:
            _end_usage(problem)
        except (Failure, FloatingPointError) as failure:
            _end(str(failure), FAILED)
        except (ValueError, OSError) as problem:
            _end(_said(problem), BAD_INPUT)
        except Interrupted as interrupted:
            _end(str(interrupted), INTERRUPTED)
        except (KeyboardInterrupt, typer.Abort):
            _end("interrupted", INTERRUPTED)
        sys.exit(code if isinstance(code, int) else OK)


def _end_usage(problem: Any) -> NoReturn:
    message = problem.format_message().rstrip(".")
    if not message:  # called without arguments: the help was shown
        sys.exit(BAD_INPUT)
    command = getattr(getattr(problem, "ctx", None), "command_path", "throughtime")
    _end(f"{message} (see {command} --help)", BAD_INPUT)


def _said(problem: Exception) -> str:
    if isinstance(problem, OSError) and problem.strerror and problem.filename:
        return f"{problem.filename}: {problem.strerror}"
    return str(problem)


def _end(message: str, code: int) -> NoReturn:
    print("error:", " ".join(message.split()), file=sys.stderr)
    sys.exit(code)
