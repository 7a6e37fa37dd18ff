"""The exit codes of every headless command, one enum, shown in ``--help``."""

from enum import IntEnum


class ExitCode(IntEnum):
    """What a script can distinguish after a headless command."""

    OK = 0
    FAILED = 1
    USAGE = 2
    AUTH = 3
    UNREACHABLE = 4
    PARTIAL = 5
    JOB_FAILED = 6
    BELOW_FLOOR = 7
    INTERNAL = 70
    INTERRUPTED = 130

    @property
    def meaning(self) -> str:
        """One line for ``--help``."""
        return _MEANINGS[self]


_MEANINGS = {
    ExitCode.OK: "done; every check passed, or everything was written",
    ExitCode.FAILED: "a check failed, or nothing could be written",
    ExitCode.USAGE: "the command line, the profile or an answer is missing or wrong",
    ExitCode.AUTH: "a token was refused or lacks a permission",
    ExitCode.UNREACHABLE: "a server could not be reached or did not answer in time",
    ExitCode.PARTIAL: "some changes were written and some failed",
    ExitCode.JOB_FAILED: "the dbt Cloud job that was run has failed or was cancelled",
    ExitCode.BELOW_FLOOR: "coverage is below a percentage given with --fail-under",
    ExitCode.INTERNAL: "internal error; see the log file",
    ExitCode.INTERRUPTED: "interrupted by a person or a signal",
}
