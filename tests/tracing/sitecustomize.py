"""Python imports this first, where the folder is on PYTHONPATH: the library's functions that a rule's script calls are listed.

A line per function goes to the file that TRACED_FUNCTIONS names: script, file of the library, line, name.
"""

import os
import sys
import threading
from types import CodeType, FrameType
from typing import Any

LIBRARY = "/scripts/video_r2/"
IS_FUNCTION = 0x1  # a code flag (inspect.CO_OPTIMIZED) that modules and classes lack

script = os.path.basename(sys.orig_argv[-1])
seen: dict[int, CodeType] = {}  # by identity: to compare code objects takes long
target = os.environ.get("TRACED_FUNCTIONS")


def called(frame: FrameType, event: str, argument: Any) -> None:
    """Note a function at its first call, unless it is called while a module of the library is imported."""
    code = frame.f_code
    if id(code) in seen:
        return
    if LIBRARY in code.co_filename and code.co_flags & IS_FUNCTION:
        above = frame.f_back
        while above is not None:
            if above.f_code.co_name == "<module>" and LIBRARY in above.f_code.co_filename:
                return
            above = above.f_back
        name = code.co_filename.partition(LIBRARY)[2]
        line = f"{script.split('.')[1]}\t{name}\t{code.co_firstlineno}\t{code.co_qualname}\n"
        os.write(handle, line.encode())
    seen[id(code)] = code


if target and script.startswith("tmp") and script.endswith(".py") and ".snakemake/scripts/" in sys.orig_argv[-1]:
    handle = os.open(target, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o644)
    threading.settrace(called)
    sys.settrace(called)
