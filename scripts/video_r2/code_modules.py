"""The modules of a project as their source tells: which statement or import each of their names stands for."""

from __future__ import annotations

import ast
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path

from video_r2.code_meaning import is_plain_decorator, without_effect
from video_r2.errors import UserError


@dataclass(frozen=True)
class Import:
    """What a name was imported from: a module, or a `name` of it."""

    module: str
    name: str = ""

    def __str__(self) -> str:
        return f"{self.module}.{self.name}" if self.name else self.module


@dataclass
class Module:
    """A module.

    Args:
        name: as it is imported: "video_r2.data.frames".
        path: its file.
        definitions: the statements that bind each name: a function, a class, assignments.
        imported: where each imported name comes from.
        imports: modules, the project's and others, that are imported with this one.
        stars: modules of which every name is imported.
        effects: statements that do something at import, with the imports of other projects' modules before them.
        as_script: what is done besides, if this is not imported but run.
    """

    name: str
    path: Path
    definitions: dict[str, list[ast.stmt]] = field(default_factory=dict)
    imported: dict[str, list[Import]] = field(default_factory=dict)
    imports: list[str] = field(default_factory=list)
    stars: list[str] = field(default_factory=list)
    effects: list[ast.stmt] = field(default_factory=list)
    as_script: list[ast.stmt] = field(default_factory=list)

    @property
    def names(self) -> set[str]:
        """Every name that the module binds."""
        return {*self.definitions, *self.imported}

    def absolute(self, module: str, level: int) -> str:
        """Name of `module`, given as in `from ..module import`, whose number of dots is `level`."""
        if not level:
            return module
        package = self.name.split(".") if self.path.name == "__init__.py" else self.name.split(".")[:-1]
        return ".".join([*package[: len(package) - level + 1], *filter(None, [module])])


def file_of(module: str, root: Path) -> Path | None:
    """The file of a module of the project whose modules lie in `root`, or none; as Python, a package before a module."""
    base = root.joinpath(*module.split("."))
    return next((path for path in (base / "__init__.py", base.with_suffix(".py")) if path.is_file()), None)


def folder_of(module: str, root: Path) -> Path | None:
    """The folder of a package of the project that has no file of its own, or none."""
    folder = root.joinpath(*module.split("."))
    return folder if folder.is_dir() and file_of(module, root) is None else None


def read_module(name: str, path: Path, root: Path) -> Module:
    """Read the module of that name; `root` is the folder of the project's modules.

    Raises:
        UserError: if its file cannot be read or is not valid Python.
    """
    try:
        tree = ast.parse(path.read_text(encoding="utf-8"))
    except (OSError, SyntaxError, UnicodeDecodeError, ValueError) as error:
        raise UserError(f"cannot be read as Python: {error}", file=path) from error
    module = Module(name, path)
    names = [node for node in ast.walk(tree) if isinstance(node, ast.Name)]
    used = {node.id for node in names}
    loaded = {node.id for node in names if isinstance(node.ctx, ast.Load)}
    before: list[ast.stmt] = []  # imports since the last effect
    for statement in _as_imported(tree.body):
        if isinstance(statement, ast.Import | ast.ImportFrom):
            bound = _bind_imports(module, statement)
            if _of_another(statement, root) and bound and not used & bound and path.name != "__init__.py":
                module.effects.append(statement)  # nobody uses its name: it is imported for what it does
            else:
                before.append(statement)
        elif _is_test(statement, "__name__"):
            module.as_script.append(statement)
        elif (defined := _defines(statement)) is not None:
            for bound_name in defined:
                module.definitions.setdefault(bound_name, []).append(statement)
            if _registers(statement):
                module.effects.append(statement)
            elif isinstance(statement, ast.Assign) and loaded.isdisjoint(defined) and _calls(statement):
                module.as_script.append(statement)  # "status = run()", for what `run` does
        elif not without_effect(statement):
            # What is set before another project's module is imported may change what that one does.
            module.effects += [*(given for given in before if _of_another(given, root)), statement]
            before = []
            _bind_within(module, statement)
    return module


def _as_imported(statements: Iterable[ast.stmt]) -> Iterator[ast.stmt]:
    """A module's statements as they are run at its import, what is done besides as a script included."""
    for statement in statements:
        if not (isinstance(statement, ast.If) and _is_test(statement, "TYPE_CHECKING")):
            yield statement
        if isinstance(statement, ast.If) and (_is_test(statement, "TYPE_CHECKING") or _is_test(statement, "__name__")):
            yield from _as_imported(statement.orelse)


def _calls(statement: ast.stmt) -> bool:
    return any(isinstance(node, ast.Call) for node in ast.walk(statement))


def _of_another(statement: ast.stmt, root: Path) -> bool:
    """Whether a statement imports from another project than the one below `root`."""
    if isinstance(statement, ast.ImportFrom):
        return not statement.level and statement.module != "__future__" and not _is_own(_top(statement.module), root)
    return isinstance(statement, ast.Import) and not any(_is_own(_top(alias.name), root) for alias in statement.names)


@cache
def _is_own(module: str, root: Path) -> bool:
    return file_of(module, root) is not None or folder_of(module, root) is not None


def _top(module: str | None) -> str:
    return (module or "").partition(".")[0]


def _is_test(statement: ast.stmt, name: str) -> bool:
    """Whether a statement is `if name …:` or `if typing.name:`."""
    if not isinstance(statement, ast.If):
        return False
    test = statement.test.left if isinstance(statement.test, ast.Compare) else statement.test
    return (test.id if isinstance(test, ast.Name) else getattr(test, "attr", "")) == name


def _bind_imports(module: Module, statement: ast.Import | ast.ImportFrom) -> set[str]:
    bound = set()
    if isinstance(statement, ast.Import):
        for alias in statement.names:
            name = alias.asname or _top(alias.name)
            bound.add(name)
            module.imported.setdefault(name, []).append(Import(alias.name if alias.asname else _top(alias.name)))
            module.imports.append(alias.name)
        return bound
    source = module.absolute(statement.module or "", statement.level)
    module.imports.append(source)
    for alias in statement.names:
        if alias.name == "*":
            module.stars.append(source)
            continue
        bound.add(alias.asname or alias.name)
        module.imported.setdefault(alias.asname or alias.name, []).append(Import(source, alias.name))
        module.imports.append(f"{source}.{alias.name}")
    return bound


def _defines(statement: ast.stmt) -> list[str] | None:
    """Names that a statement defines, if that is all it does."""
    if isinstance(statement, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
        return [statement.name]
    if isinstance(statement, ast.Assign):
        targets: Iterable[ast.expr] = statement.targets
    elif isinstance(statement, ast.AnnAssign | ast.AugAssign):
        targets = [statement.target]
    else:
        return None
    names = []
    for target in targets:
        for node in target.elts if isinstance(target, ast.Tuple | ast.List) else [target]:
            if not isinstance(node, ast.Name) or node.id == "_":
                return None
            names.append(node.id)
    return names


def _registers(statement: ast.stmt) -> bool:
    """Whether to define this may change something elsewhere: a registry, by a decorator or a metaclass."""
    if not isinstance(statement, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
        return False
    metaclass = isinstance(statement, ast.ClassDef) and bool(statement.keywords)
    return metaclass or not all(is_plain_decorator(decorator) for decorator in statement.decorator_list)


def _bind_within(module: Module, statement: ast.stmt) -> None:
    """Bind what a compound statement such as `try` binds: all of it stands for each of its names."""
    for node in _outside_of_functions(statement):
        if isinstance(node, ast.Import | ast.ImportFrom):
            _bind_imports(module, node)
        elif isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
            module.definitions.setdefault(node.name, []).append(statement)
        elif isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store):
            module.definitions.setdefault(node.id, []).append(statement)


def _outside_of_functions(node: ast.AST) -> Iterator[ast.AST]:
    yield node
    if not isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef | ast.Lambda):
        for child in ast.iter_child_nodes(node):
            yield from _outside_of_functions(child)
