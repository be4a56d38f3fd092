"""The `signalbox` command: its sub-commands, and the one place where whatever goes wrong becomes a sentence."""

from __future__ import annotations

import os
import sys
from contextlib import suppress
from typing import Any, Final, NoReturn

import click

from cli.commands import LazyGroup, Table
from cli.interrupts import ignoring_signals
from cli.problems import CANNOT_START, PROBLEMS
from engine.errors import SignalboxError

INTERRUPTED: Final = 130
"""What a shell gives a command that Ctrl-C ended."""

TRACEBACK: Final = "SIGNALBOX_TRACEBACK"

_COMMANDS: Final[Table] = {
    "serve": ("cli.serve:serve", "Run the server."),
    "send": ("cli.send:send", "Send the messages that the rows of a file lead to."),
    "evaluate": ("cli.evaluate:evaluate", "Decide what the rows of a file would lead to, and show it."),
    "trace": ("cli.trace:trace", "Tell all about one message: its decision, and every event in order."),
    "messages": ("cli.messages:messages", "List messages, and take them back."),
    "channels": ("cli.channels:channels", "See how the sending is; pause it and go on."),
    "dead-letters": ("cli.dead_letters:dead_letters", "See what failed for good, and send it anew."),
    "accounts": ("cli.accounts:accounts", "See the accounts, and put money in."),
    "rules": ("cli.rules.group:rules", "Check, test and look after the rules."),
}


@click.group(
    cls=LazyGroup,
    table=_COMMANDS,
    context_settings={"help_option_names": ["-h", "--help"]},
    epilog="Exit codes: 0 all is well, 1 problems were found, 2 wrong usage or could not begin. "
    "Example: signalbox rules check",
)
@click.version_option(package_name="signalbox", prog_name="signalbox")
def signalbox() -> None:
    """Decide for every message to a person whether it may go, when, through which channels and in which order."""


def main() -> None:
    """Run the command and end with its exit code. Nobody meets a traceback unless they ask for one."""
    # grpc's C core writes lines of its own to standard error unless told otherwise before it is imported.
    os.environ.setdefault("GRPC_VERBOSITY", "NONE")
    try:
        code = _run()
    except Exception as error:
        if os.environ.get(TRACEBACK):
            raise
        what = f"{type(error).__name__}: {error}" if str(error) else type(error).__name__
        click.echo(f"signalbox: this should not have happened: {what}\n  hint: {TRACEBACK}=1 shows where", err=True)
        code = PROBLEMS
    sys.exit(code)


def _run() -> int:
    try:
        ended: Any = signalbox.main(prog_name="signalbox", standalone_mode=False)
        sys.stdout.flush()
    except click.ClickException as problem:
        _tell(problem)
        return problem.exit_code
    except (click.Abort, KeyboardInterrupt):
        _end_interrupted()
    except BrokenPipeError:
        # Whoever read our output has gone (`| head`). Python would complain once more when it closes stdout.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return PROBLEMS
    except SignalboxError as problem:
        click.echo(f"signalbox: {problem}", err=True)
        return CANNOT_START
    return ended if isinstance(ended, int) else 0


def _end_interrupted() -> NoReturn:
    """Say so and end at once.

    Everything has unwound by now but grpc's channel, which would wait for ever in its `__del__` if it is the one that
    was interrupted. So Python does not tidy up any more; what was printed is written out first.
    """
    with ignoring_signals():
        with suppress(OSError):  # whoever reads it may have been interrupted too
            sys.stdout.flush()
        with suppress(OSError):
            click.echo("signalbox: interrupted", err=True)  # click has ended the line of the ^C
            sys.stderr.flush()
        os._exit(INTERRUPTED)


def _tell(problem: click.ClickException) -> None:
    """Usage errors show the usage; every other is one sentence under our name."""
    if isinstance(problem, click.UsageError):
        problem.show()
    else:
        click.echo(f"signalbox: {problem.format_message()}", err=True)


if __name__ == "__main__":
    main()
