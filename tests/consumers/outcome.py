"""What a check can end with, beside success."""

import contextlib
import io
import logging
import warnings


class Wrong(Exception):
    """An artifact does not say what it should, or a reader does not see it."""


class Absent(Exception):
    """The program that would read is not installed."""


class Skipped(Exception):
    """The session was not configured to write what would be read."""


def demand(holds, sentence):
    """Raises `Wrong` unless the condition holds."""
    if not holds:
        raise Wrong(sentence)


def demand_file(folder, name):
    """The path of an artifact; raises `Skipped` if there is none. Whether there has to be one, `reports` checks."""
    path = folder / name
    if not path.is_file():
        raise Skipped(f"there is no `{name}`")
    return path


@contextlib.contextmanager
def quiet():
    """Keeps other programs' chatter out of the report."""
    logging.disable(logging.CRITICAL)
    with warnings.catch_warnings(), contextlib.redirect_stdout(io.StringIO()), contextlib.redirect_stderr(io.StringIO()):
        warnings.simplefilter("ignore")
        yield
