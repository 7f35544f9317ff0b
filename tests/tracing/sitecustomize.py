"""Python imports this first, where the folder is on PYTHONPATH: the library's functions that a rule's script calls are listed.

A line per function goes to the file that TRACED_FUNCTIONS names: script, file of the library, line, name. The library's
modules are compiled with a note in front of what every function does, so that nothing else takes longer.
"""

import ast
import builtins
import os
import sys
from collections.abc import Sequence
from importlib.machinery import ModuleSpec, PathFinder, SourceFileLoader
from types import ModuleType
from typing import Any

LIBRARY = "video_r2"
NOTE = "__note_call__"

script = os.path.basename(sys.orig_argv[-1])
seen: set[tuple[str, int, str]] = set()
importing: list[str] = []
target = os.environ.get("TRACED_FUNCTIONS")


def note(file: str, line: int, name: str) -> None:
    """Note a function at its first call, unless it is called while a module of the library is imported."""
    if importing or (file, line, name) in seen:
        return
    seen.add((file, line, name))
    os.write(handle, f"{script.split('.')[1]}\t{file}\t{line}\t{name}\n".encode())


class Noting(ast.NodeTransformer):
    """Puts a note in front of what functions and lambdas of a file of the library do."""

    def __init__(self, file: str) -> None:
        self.file = file
        self.inside: list[str] = []

    def _note(self, line: int, name: str) -> ast.Call:
        values: list[ast.expr] = [ast.Constant(value) for value in (self.file, line, "".join([*self.inside, name]))]
        return ast.Call(ast.Name(NOTE, ast.Load()), values, [])

    def _visit_inside(self, node: Any, names: str) -> None:
        self.inside.append(names)
        self.generic_visit(node)
        self.inside.pop()

    def visit_ClassDef(self, node: ast.ClassDef) -> ast.ClassDef:
        self._visit_inside(node, f"{node.name}.")
        return node

    def visit_FunctionDef(self, node: Any) -> Any:
        self._visit_inside(node, f"{node.name}.<locals>.")
        line = min([node.lineno, *(decorator.lineno for decorator in node.decorator_list)])
        behind = 0 if ast.get_docstring(node, clean=False) is None else 1
        node.body.insert(behind, ast.Expr(self._note(line, node.name)))
        return node

    visit_AsyncFunctionDef = visit_FunctionDef  # noqa: N815 - ast's name

    def visit_Lambda(self, node: ast.Lambda) -> ast.Lambda:
        self._visit_inside(node, "<lambda>.<locals>.")
        node.body = ast.BoolOp(ast.Or(), [self._note(node.lineno, "<lambda>"), node.body])  # a note is None
        return node


class NotingLoader(SourceFileLoader):
    """Compiles modules with notes, and keeps nothing of that for others."""

    def path_stats(self, path: str) -> Any:
        raise OSError("what others have compiled has no notes")

    def source_to_code(self, data: Any, path: Any, *, _optimize: int = -1) -> Any:
        tree = Noting(os.fspath(path).rpartition(f"/{LIBRARY}/")[2]).visit(ast.parse(data, path))
        return super().source_to_code(ast.fix_missing_locations(tree), path)

    def exec_module(self, module: ModuleType) -> None:
        importing.append(module.__name__)
        try:
            super().exec_module(module)
        finally:
            importing.pop()


class NotingFinder:
    """Finds the library's modules."""

    @staticmethod
    def find_spec(name: str, path: Sequence[str] | None, over: ModuleType | None = None) -> ModuleSpec | None:
        if name.split(".")[0] != LIBRARY:
            return None
        spec = PathFinder.find_spec(name, path, over)
        if spec is not None and isinstance(spec.loader, SourceFileLoader):
            spec.loader = NotingLoader(name, spec.loader.path)
        return spec


if target and script.startswith("tmp") and script.endswith(".py") and ".snakemake/scripts/" in sys.orig_argv[-1]:
    handle = os.open(target, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o644)
    setattr(builtins, NOTE, note)
    sys.meta_path.insert(0, NotingFinder)
