"""What a check can end with, beside success."""

import contextlib
import io
import logging
import warnings


class Wrong(Exception):
    """An artifact does not say what it should, or a reader does not see it."""


class Absent(Exception):
    """The program that would read is not installed."""


def demand(holds, sentence):
    """Raises `Wrong` unless the condition holds."""
    if not holds:
        raise Wrong(sentence)


@contextlib.contextmanager
def quiet():
    """Keeps other programs' chatter out of the report."""
    logging.disable(logging.CRITICAL)
    with warnings.catch_warnings(), contextlib.redirect_stdout(io.StringIO()), contextlib.redirect_stderr(io.StringIO()):
        warnings.simplefilter("ignore")
        yield
