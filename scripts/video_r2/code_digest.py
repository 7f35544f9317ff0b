"""A digest of what a script means: it changes with the code that the script can reach, and not with comments.

Snakemake follows a script by its time stamp and does not follow the modules that it imports. The digest here is part of
every rule's params instead: over the syntax trees, without docstrings, of the script and of every project module that
it imports, directly or through others.
"""

from __future__ import annotations

import ast
import hashlib
from collections.abc import Iterator
from functools import cache
from pathlib import Path

from video_r2.errors import UserError

# What these hold reaches a result through a rule's params (config), or not at all (errors, run).
WITHOUT_EFFECT = frozenset({"video_r2.config", "video_r2.errors", "video_r2.run"})


def digest(script: Path, root: Path) -> str:
    """Digest of `script` and of the modules below folder `root` that it imports: 16 hexadecimal digits.

    Raises:
        UserError: if a file cannot be read or is not valid Python.
    """
    seen: dict[str, str] = {}
    waiting = sorted(_imports(script, root))
    while waiting:
        module = waiting.pop()
        path = _file(module, root)
        if module in seen or module in WITHOUT_EFFECT or path is None:
            continue
        seen[module] = _meaning(path)
        waiting.extend(_imports(path, root))
    parts = [_meaning(script), *(f"{module}\n{seen[module]}" for module in sorted(seen))]
    return hashlib.sha256("\n".join(parts).encode()).hexdigest()[:16]


def _file(module: str, root: Path) -> Path | None:
    base = root.joinpath(*module.split("."))
    for path in (base.with_suffix(".py"), base / "__init__.py"):
        if path.is_file():
            return path
    return None


@cache
def _tree(path: Path) -> ast.Module:
    try:
        return ast.parse(path.read_text(encoding="utf-8"))
    except (OSError, SyntaxError, UnicodeDecodeError) as error:
        raise UserError(f"cannot be read as Python: {error}", file=path) from error


@cache
def _imports(path: Path, root: Path) -> frozenset[str]:
    return frozenset(_imported(_tree(path), root))


def _imported(tree: ast.Module, root: Path) -> Iterator[str]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            for name in node.names:
                yield from _with_packages(name.name)
        elif isinstance(node, ast.ImportFrom) and node.module:
            yield from _with_packages(node.module)
            for name in node.names:
                if _file(f"{node.module}.{name.name}", root):
                    yield f"{node.module}.{name.name}"


def _with_packages(module: str) -> Iterator[str]:
    parts = module.split(".")
    for length in range(1, len(parts) + 1):
        yield ".".join(parts[:length])


@cache
def _meaning(path: Path) -> str:
    """The syntax tree as text, without positions, and without docstrings and other strings that nothing uses."""
    tree = _tree(path)
    for node in ast.walk(tree):
        for field in ("body", "orelse", "finalbody"):
            statements = getattr(node, field, None)
            if isinstance(statements, list):
                setattr(node, field, [statement for statement in statements if not _is_bare_string(statement)])
    return ast.dump(tree)


def _is_bare_string(node: ast.AST) -> bool:
    return isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant) and isinstance(node.value.value, str)
