"""Check that workers can start from the user's script, which each worker imports, as multiprocessing does."""

import ast
import sys
from pathlib import Path
from typing import Any

from rl_intdim.errors import ConfigError

GUARD = 'Put what the script does below a line `if __name__ == "__main__":`, or give workers=0.'


def check() -> None:
    """Raise a ConfigError if workers could not start. Each imports the script that starts it, as Python's
    multiprocessing does, so the script must be a file, and importing it must not start the sweep again.

    A notebook or the prompt has no script and needs none.
    """
    script = getattr(sys.modules["__main__"], "__file__", None)
    if script is None:
        return
    if not Path(script).is_file():
        raise ConfigError(f"{script}: workers import the script that starts them: save it in a file. {GUARD}")
    frame: Any = sys._getframe()
    while frame and not (frame.f_code.co_name == "<module>" and frame.f_globals.get("__name__") == "__main__"):
        frame = frame.f_back
    if frame is None or frame.f_code.co_filename != script:  # another thread, a debugger
        return
    try:
        statements = ast.parse(Path(script).read_bytes()).body
    except (OSError, SyntaxError, ValueError):
        return
    running = next((s for s in statements if s.lineno <= frame.f_lineno <= (s.end_lineno or s.lineno)), None)
    if running is not None and not (isinstance(running, ast.If) and "__name__" in ast.unparse(running.test)):
        raise ConfigError(
            f"{script}, line {frame.f_lineno}: workers import the script that starts them, and this line would start "
            f"them again. {GUARD}"
        )
