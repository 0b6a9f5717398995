"""Every error that tinydeploy raises on purpose.

    TinydeployError               exit code 1
    ├── UsageError                exit code 2   an option or argument that makes no sense
    ├── InputFileError                          a file that is not what it should be
    ├── UnsupportedModelError                   a readable model that asks for too much
    ├── MissingDependencyError                  a package or program that is not installed
    ├── CompileError                            the C compiler refused
    ├── OutputError                             the output folder cannot be written
    ├── TrainingError                           training or its data went wrong
    ├── BoardLinkError                          no answer, or a wrong one, from a board
    ├── EmulationError                          the firmware faulted in the emulated board
    ├── ProgramError                            an accelerator's program that it must refuse
    ├── TrapError                               an accelerator's program broke a rule while it ran
    ├── BudgetError               exit code 3   memory, accuracy or SNR outside its budget
    ├── MismatchError             exit code 4   outputs that differ from the reference
    └── InternalError                           an invariant of ours is broken: a bug

An error says what is wrong and where (`message`) and what to try (`hint`). The command line prints
both and no traceback; `--debug` shows the traceback.
"""

from __future__ import annotations


class TinydeployError(Exception):
    """Base of all errors of tinydeploy.

    Args:
        message: What is wrong and where, one sentence, without a full stop at its end.
        hint: What the user can try, one or more sentences; empty where there is nothing to advise.
    """

    exit_code = 1

    def __init__(self, message: str, hint: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint

    def __str__(self) -> str:
        return f"{self.message}\n{self.hint}" if self.hint else self.message


class UsageError(TinydeployError):
    """An option or argument that makes no sense."""

    exit_code = 2


class InputFileError(TinydeployError):
    """A file that is missing, unreadable, truncated or not of its format."""


class UnsupportedModelError(TinydeployError):
    """A readable model that asks for something tinydeploy cannot do."""


class MissingDependencyError(TinydeployError):
    """A Python package or a program that is needed and not installed."""


class CompileError(TinydeployError):
    """The C compiler or linker refused; the message quotes it."""


class OutputError(TinydeployError):
    """The output folder cannot be written."""


class TrainingError(TinydeployError):
    """Training, or the data for it, went wrong."""


class BoardLinkError(TinydeployError):
    """No answer, or a wrong one, from a board, real or emulated."""


class EmulationError(TinydeployError):
    """The firmware faulted, or broke a rule of the hardware, in the emulated board."""


class ProgramError(TinydeployError):
    """A program of an accelerator that is damaged, of another version, or does not fit."""


class TrapError(TinydeployError):
    """An accelerator stopped at an instruction that breaks a rule; the message names it."""


class BudgetError(TinydeployError):
    """A memory, accuracy or SNR budget is missed."""

    exit_code = 3


class MismatchError(TinydeployError):
    """Outputs differ from the reference interpreter."""

    exit_code = 4


class InternalError(TinydeployError):
    """An invariant of tinydeploy itself is broken: a bug, never the user's mistake."""
