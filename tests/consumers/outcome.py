"""Results of a check other than success."""

import contextlib
import io
import logging
import warnings


class Wrong(Exception):
    """An artifact has wrong content, or a reader does not see the content."""


class Absent(Exception):
    """The reading program is not installed."""


class Skipped(Exception):
    """The session was not configured to write the artifact."""


def demand(holds, sentence):
    """Raises `Wrong` unless the condition holds."""
    if not holds:
        raise Wrong(sentence)


def demand_file(folder, name):
    """Returns the path of an artifact. Raises `Skipped` if there is none; `reports` checks whether
    it is required.
    """
    path = folder / name
    if not path.is_file():
        raise Skipped(f"there is no `{name}`")
    return path


@contextlib.contextmanager
def quiet():
    """Discards the output of other programs."""
    logging.disable(logging.CRITICAL)
    with warnings.catch_warnings(), contextlib.redirect_stdout(io.StringIO()), contextlib.redirect_stderr(io.StringIO()):
        warnings.simplefilter("ignore")
        yield
