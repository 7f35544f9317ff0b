"""What a piece of Python says, whatever it looks like: its syntax as text, and what it uses of the world around it.

Comments, docstrings, formatting, type hints of functions, the names of local variables and what is said to the user are not
in the text. Names that others can see are: of parameters, attributes, functions and classes, and of all that is global.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field

# Calls that see a function's variables by their names.
_SEE_LOCALS = frozenset({"locals", "eval", "exec", "vars", "dir"})
_SEE_LOCALS_IN_TEXTS = frozenset({"eval", "query"})  # pandas' methods, from the text that they are given
# Decorators that change how a function is called and nothing else: they register nothing, and read no type hints.
_PLAIN_DECORATORS = frozenset(
    {
        *("abstractmethod", "cache", "cached_property", "classmethod", "contextmanager", "dataclass", "final"),
        *("field_validator", "inference_mode", "lru_cache", "model_validator", "no_grad", "overload", "override"),
        *("property", "setter", "staticmethod", "total_ordering", "wraps"),
    }
)
# Calls whose texts a user reads, and nothing else does: on the terminal, in a log, in an error that ends the job.
_SAY = frozenset({("print",), ("UserError",), ("Interrupted",), ("warnings", "warn")})
_SAYING = frozenset({"desc", "unit"})  # arguments of tqdm
_Comprehension = ast.ListComp | ast.SetComp | ast.DictComp | ast.GeneratorExp
_PASSED_OVER = frozenset({"ctx", "kind", "type_comment", "type_ignores"})
_DOTTED = re.compile(r"[A-Za-z_]\w*(\.[A-Za-z_]\w*)+")


@dataclass(frozen=True)
class Meaning:
    """What some statements say.

    Args:
        text: equal for two pieces that do the same in the same world.
        uses: global names with the attributes that are taken of them, as they are written: ("records", "write_table").
        imports: what is imported inside functions: module, level and name, where the name "" is the module itself.
        strings: strings that could name a module or, where `names_files`, a file.
        names_files: whether `__file__` is used.
        names_by_text: whether global names are looked up by a text that is known only when it runs.
    """

    text: str
    uses: frozenset[tuple[str, ...]]
    imports: frozenset[tuple[str, int, str]]
    strings: frozenset[str]
    names_files: bool
    names_by_text: bool


def meaning(statements: Sequence[ast.stmt]) -> Meaning:
    """What `statements` of a module say."""
    nodes = [node for statement in statements for node in ast.walk(statement)]
    writer = _Writer(keep_locals=any(_sees_locals(node) for node in nodes))
    for statement in statements:
        writer.write(statement)
        writer.out.append("\n")
    return Meaning(
        "".join(writer.out),
        frozenset(writer.uses),
        frozenset(writer.imports),
        frozenset(writer.strings if ("__file__",) in writer.uses else filter(_DOTTED.fullmatch, writer.strings)),
        any(use[0] == "__file__" for use in writer.uses),
        writer.names_by_text,
    )


def is_plain_decorator(decorator: ast.expr) -> bool:
    """Whether a decorator is known to register nothing."""
    at = decorator.func if isinstance(decorator, ast.Call) else decorator
    name = at.attr if isinstance(at, ast.Attribute) else at.id if isinstance(at, ast.Name) else ""
    return name in _PLAIN_DECORATORS


def without_effect(statement: ast.stmt) -> bool:
    """Whether a statement does nothing: a docstring, another constant, `pass`."""
    return isinstance(statement, ast.Pass) or (
        isinstance(statement, ast.Expr) and isinstance(statement.value, ast.Constant)
    )


def _sees_locals(node: ast.AST) -> bool:
    if not isinstance(node, ast.Call):
        return False
    called = node.func
    if isinstance(called, ast.Attribute):
        return called.attr in _SEE_LOCALS_IN_TEXTS and bool(node.args)
    return isinstance(called, ast.Name) and called.id in _SEE_LOCALS


@dataclass
class _Scope:
    """Names of a function, comprehension or class: how each is written; None for a variable that has no number yet."""

    names: dict[str, str | None]
    is_class: bool = False
    are_global: set[str] = field(default_factory=set)


class _Writer(ast.NodeVisitor):
    def __init__(self, keep_locals: bool) -> None:
        self.out: list[str] = []
        self.uses: set[tuple[str, ...]] = set()
        self.imports: set[tuple[str, int, str]] = set()
        self.strings: set[str] = set()
        self.names_by_text = False
        self._keep_locals = keep_locals
        self._scopes: list[_Scope] = []
        self._is_said = False
        self._numbered = 0

    # --- any node -----------------------------------------------------------------------------------------------------

    def write(self, value: object) -> None:
        if isinstance(value, ast.AST):
            self.visit(value)
        elif isinstance(value, list):
            self.out.append("[")
            for item in value:
                self.write(item)
                self.out.append(" ")
            self.out.append("]")
        else:
            self.out.append(repr(value))

    def generic_visit(self, node: ast.AST) -> None:
        self._open(type(node).__name__)
        for name, value in ast.iter_fields(node):
            if name not in _PASSED_OVER:
                self.out.append(" ")
                self.write(_doing(value) if name in ("body", "orelse", "finalbody") else value)
        self.out.append(")")

    def _open(self, kind: str, *values: object) -> None:
        self.out.append(f"({kind}")
        for value in values:
            self.out.append(" ")
            self.write(value)

    # --- names --------------------------------------------------------------------------------------------------------

    def visit_Name(self, node: ast.Name) -> None:
        self._name(node.id)

    def visit_Attribute(self, node: ast.Attribute) -> None:
        attributes = [node.attr]
        at = node.value
        while isinstance(at, ast.Attribute):
            attributes.append(at.attr)
            at = at.value
        attributes.reverse()
        if isinstance(at, ast.Name):
            self._name(at.id, *attributes)
        else:
            self.write(at)
        self.out.append("".join(f".{name}" for name in attributes))

    def _name(self, name: str, *attributes: str) -> None:
        for depth, scope in enumerate(reversed(self._scopes)):
            if name in scope.are_global:
                break
            if name in scope.names and (not scope.is_class or depth == 0):
                if scope.is_class:  # it may be the global of that name, as long as the class has none
                    self.uses.add((name, *attributes))
                self.out.append(self._written(scope, name))
                return
        self.uses.add((name, *attributes))
        self.out.append(name)

    def _written(self, scope: _Scope, name: str) -> str:
        written = scope.names[name]
        if written is None:
            written = scope.names[name] = f"<{self._numbered}>"
            self._numbered += 1
        return written

    def visit_Constant(self, node: ast.Constant) -> None:
        if isinstance(node.value, str):
            if self._is_said:
                self.out.append("said")
                return
            self.strings.add(node.value)
        self.out.append(repr(node.value))

    def visit_JoinedStr(self, node: ast.JoinedStr) -> None:
        if not self._is_said:
            self.generic_visit(node)
            return
        self._open("said", *(part.value for part in node.values if isinstance(part, ast.FormattedValue)))
        self.out.append(")")

    def visit_Call(self, node: ast.Call) -> None:
        if isinstance(node.func, ast.Name):
            own = node.func.id in ("globals", "vars") and not node.args
            self.names_by_text |= own or node.func.id in ("eval", "exec")
        self._open("Call", node.func)
        around, called = self._is_said, self._called(node.func)
        to_a_file = any(keyword.arg == "file" for keyword in node.keywords) and called == ("print",)
        # What another function is given may do more than to be said.
        self._is_said = (called in _SAY and not to_a_file) or (around and _words(node.func))
        self.write(node.args)
        if called == ("tqdm",):
            self.write([keyword for keyword in node.keywords if keyword.arg not in _SAYING])
        else:
            self.write(node.keywords)
        self._is_said = around
        self.out.append(")")

    def _called(self, called: ast.expr) -> tuple[str, ...]:
        """The global name of a function, with the one attribute that is taken of it; empty if it is another expression."""
        attributes = (called.attr,) if isinstance(called, ast.Attribute) else ()
        at = called.value if isinstance(called, ast.Attribute) else called
        if not isinstance(at, ast.Name) or any(at.id in scope.names for scope in self._scopes):
            return ()
        return (at.id, *attributes)

    def visit_Subscript(self, node: ast.Subscript) -> None:
        of, key = node.value, node.slice
        of_globals = isinstance(of, ast.Call) and isinstance(of.func, ast.Name) and of.func.id == "globals"
        if of_globals and isinstance(key, ast.Constant) and isinstance(key.value, str):
            self.uses.add((key.value,))
            self.out.append(f"(global {key.value})")
            return
        self._open("Subscript", of, key)
        self.out.append(")")

    # --- scopes -------------------------------------------------------------------------------------------------------

    def visit_FunctionDef(self, node: ast.FunctionDef | ast.AsyncFunctionDef) -> None:
        hinted = not all(is_plain_decorator(decorator) for decorator in node.decorator_list)
        self._open(type(node).__name__, node.decorator_list, getattr(node, "type_params", []))
        self.out.append(f" {node.name}")
        self._arguments(node.args, hinted)
        if hinted:
            self.write(node.returns)
        self._within(_scope_of(node.args, node.body, self._keep_locals), lambda: self.write(_doing(node.body)))
        self.out.append(")")

    visit_AsyncFunctionDef = visit_FunctionDef  # noqa: N815

    def visit_Lambda(self, node: ast.Lambda) -> None:
        self._open("Lambda")
        self._arguments(node.args, hinted=False)
        self._within(_scope_of(node.args, [node.body], self._keep_locals), lambda: self.write(node.body))
        self.out.append(")")

    def _arguments(self, arguments: ast.arguments, hinted: bool) -> None:
        for kind in ("posonlyargs", "args", "vararg", "kwonlyargs", "kwarg"):
            of = getattr(arguments, kind)
            self.out.append(f" {kind}(")
            for argument in of if isinstance(of, list) else filter(None, [of]):
                self.out.append(f" {argument.arg}")
                if hinted:
                    self.write(argument.annotation)
            self.out.append(")")
        self.write(arguments.defaults)
        self.write(arguments.kw_defaults)

    def visit_ClassDef(self, node: ast.ClassDef) -> None:
        self._open("ClassDef", node.decorator_list, node.bases, node.keywords, getattr(node, "type_params", []))
        self.out.append(f" {node.name}")
        bound = _Bound()
        bound.look(node.body)
        names: dict[str, str | None] = {name: f"member {name}" for name in bound.names}
        scope = _Scope(names, is_class=True, are_global=bound.are_global)
        self._within(scope, lambda: self.write(_doing(node.body)))
        self.out.append(")")

    def _comprehension(self, node: _Comprehension) -> None:
        first = node.generators[0]
        self._open(type(node).__name__, first.iter)
        bound = _Bound()
        for generator in node.generators:
            bound.visit(generator.target)
        names: dict[str, str | None] = {name: name if self._keep_locals else None for name in bound.names}

        def inside() -> None:
            for generator in node.generators:
                self._open("for", generator.target, generator.ifs, generator.is_async)
                if generator is not first:
                    self.write(generator.iter)
                self.out.append(")")
            if isinstance(node, ast.DictComp):
                self.write(node.key)
                self.out.append(":")
                self.write(node.value)
            else:
                self.write(node.elt)

        self._within(_Scope(names), inside)
        self.out.append(")")

    visit_ListComp = visit_SetComp = visit_DictComp = visit_GeneratorExp = _comprehension  # noqa: N815

    def _within(self, scope: _Scope, write: Callable[[], None]) -> None:
        self._scopes.append(scope)
        write()
        self._scopes.pop()

    # --- statements and patterns that hold names as texts -------------------------------------------------------------

    def visit_AnnAssign(self, node: ast.AnnAssign) -> None:
        if self._scopes and self._scopes[-1].is_class:  # of a class such as pydantic's the annotation is the meaning
            self._open("AnnAssign", node.target, node.value)
            self.write(node.annotation)
            self._names_in_texts(node.annotation)
            self.out.append(")")
        elif node.value is not None:
            self._open("Assign", [node.target], node.value)
            self.out.append(")")

    def _names_in_texts(self, annotation: ast.expr) -> None:
        for node in ast.walk(annotation):
            if isinstance(node, ast.Constant) and isinstance(node.value, str):
                self.uses.update((name,) for name in re.findall(r"[A-Za-z_]\w*", node.value))

    def _names(self, kind: str, names: Iterable[str | None]) -> None:
        self.out.append(f"({kind}")
        for name in names:
            self.out.append(" ")
            if name is None:
                self.out.append("None")
            else:
                self._name(name)
        self.out.append(")")

    def visit_Global(self, node: ast.Global) -> None:
        self._names("Global", node.names)

    def visit_Nonlocal(self, node: ast.Nonlocal) -> None:
        self._names("Nonlocal", node.names)

    def visit_ExceptHandler(self, node: ast.ExceptHandler) -> None:
        self._open("ExceptHandler", node.type)
        self._names("as", [node.name])
        self.write(_doing(node.body))
        self.out.append(")")

    def visit_MatchAs(self, node: ast.MatchAs) -> None:
        self._open("MatchAs", node.pattern)
        self._names("as", [node.name])
        self.out.append(")")

    def visit_MatchStar(self, node: ast.MatchStar) -> None:
        self._names("MatchStar", [node.name])

    def visit_MatchMapping(self, node: ast.MatchMapping) -> None:
        self._open("MatchMapping", node.keys, node.patterns)
        self._names("rest", [node.rest])
        self.out.append(")")

    def visit_Import(self, node: ast.Import) -> None:
        if self._scopes:
            self.imports.update((alias.name, 0, "") for alias in node.names)
        self._aliases("Import", node.names)

    def visit_ImportFrom(self, node: ast.ImportFrom) -> None:
        if self._scopes:
            self.imports.update((node.module or "", node.level, alias.name) for alias in node.names)
        self._aliases(f"ImportFrom {'.' * node.level}{node.module}", node.names)

    def _aliases(self, kind: str, aliases: Iterable[ast.alias]) -> None:
        self.out.append(f"({kind}" + "".join(f" {alias.name} as {alias.asname}" for alias in aliases) + ")")


def _words(called: ast.expr) -> bool:
    """Whether a function is a method of a text that stands there, such as `", ".join`: it does nothing but make another."""
    of = called.value if isinstance(called, ast.Attribute) else None
    return isinstance(of, ast.JoinedStr) or (isinstance(of, ast.Constant) and isinstance(of.value, str))


def _doing(statements: object) -> object:
    """Statements without those that do nothing; of a lambda or a conditional expression the body is no list."""
    return [s for s in statements if not without_effect(s)] if isinstance(statements, list) else statements


# --- what a scope binds -----------------------------------------------------------------------------------------------


class _Bound(ast.NodeVisitor):
    """Names that statements bind in their own scope; `kept` are those whose names others can see."""

    def __init__(self) -> None:
        self.names: dict[str, None] = {}
        self.kept: set[str] = set()
        self.are_global: set[str] = set()
        self.are_nonlocal: set[str] = set()

    def look(self, nodes: Iterable[ast.AST]) -> None:
        for node in nodes:
            self.visit(node)

    def _bind(self, name: str | None, kept: bool = False) -> None:
        if name is not None:
            self.names[name] = None
            if kept:
                self.kept.add(name)

    def visit_Name(self, node: ast.Name) -> None:
        if not isinstance(node.ctx, ast.Load):
            self._bind(node.id)

    def visit_FunctionDef(self, node: ast.FunctionDef | ast.AsyncFunctionDef) -> None:
        self._bind(node.name, kept=True)
        self.look(node.decorator_list)
        self._look_at_defaults(node.args)

    visit_AsyncFunctionDef = visit_FunctionDef  # noqa: N815

    def visit_ClassDef(self, node: ast.ClassDef) -> None:
        self._bind(node.name, kept=True)
        self.look([*node.decorator_list, *node.bases, *node.keywords])

    def visit_Lambda(self, node: ast.Lambda) -> None:
        self._look_at_defaults(node.args)

    def _look_at_defaults(self, arguments: ast.arguments) -> None:
        self.look([*arguments.defaults, *filter(None, arguments.kw_defaults)])

    def _comprehension(self, node: _Comprehension) -> None:
        self.visit(node.generators[0].iter)
        # What `:=` binds in a comprehension belongs to the function around it.
        for inner in ast.walk(node):
            if isinstance(inner, ast.NamedExpr):
                self.visit(inner.target)

    visit_ListComp = visit_SetComp = visit_DictComp = visit_GeneratorExp = _comprehension  # noqa: N815

    def visit_ExceptHandler(self, node: ast.ExceptHandler) -> None:
        self._bind(node.name)
        self.generic_visit(node)

    def visit_MatchAs(self, node: ast.MatchAs) -> None:
        self._bind(node.name)
        self.generic_visit(node)

    def visit_MatchStar(self, node: ast.MatchStar) -> None:
        self._bind(node.name)

    def visit_MatchMapping(self, node: ast.MatchMapping) -> None:
        self._bind(node.rest)
        self.generic_visit(node)

    def visit_Import(self, node: ast.Import) -> None:
        for alias in node.names:
            self._bind(alias.asname or alias.name.partition(".")[0], kept=True)

    def visit_ImportFrom(self, node: ast.ImportFrom) -> None:
        for alias in node.names:
            self._bind(alias.asname or alias.name, kept=True)

    def visit_Global(self, node: ast.Global) -> None:
        self.are_global.update(node.names)

    def visit_Nonlocal(self, node: ast.Nonlocal) -> None:
        self.are_nonlocal.update(node.names)


def _scope_of(arguments: ast.arguments, body: Iterable[ast.AST], keep_locals: bool) -> _Scope:
    bound = _Bound()
    bound.look(body)
    names: dict[str, str | None] = {
        name: f"own {name}" if keep_locals or name in bound.kept else None
        for name in bound.names
        if name not in bound.are_global and name not in bound.are_nonlocal
    }
    names.update((name, f"own {name}") for name in _parameters(arguments))
    return _Scope(names, are_global=bound.are_global)


def _parameters(arguments: ast.arguments) -> Iterator[str]:
    for kind in ("posonlyargs", "args", "kwonlyargs"):
        yield from (argument.arg for argument in getattr(arguments, kind))
    yield from (argument.arg for argument in (arguments.vararg, arguments.kwarg) if argument is not None)
