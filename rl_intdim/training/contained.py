"""What other people's code may do to the process that runs it: raise anything, and change the folder."""

import os
from collections.abc import Iterator
from contextlib import contextmanager

from rl_intdim.errors import IntdimError, TrialFailure, raised


@contextmanager
def contained() -> Iterator[None]:
    """Raise what torch, an algorithm or a user's module raises as a TrialFailure, and come back as `at_home` does."""
    with at_home():
        try:
            yield
        except IntdimError:
            raise
        except (Exception, SystemExit) as error:
            raise TrialFailure(raised(error)) from error


@contextmanager
def at_home() -> Iterator[None]:
    """Come back to the folder of before, to which relative paths belong."""
    home = os.getcwd()
    try:
        yield
    finally:
        os.chdir(home)
