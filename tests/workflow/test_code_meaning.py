"""What code says, whatever it looks like: the names of local variables do not count, and nothing else is lost."""

from __future__ import annotations

import ast
import dis
import random
from collections.abc import Iterator
from pathlib import Path
from types import CodeType

import pytest

from video_r2.code_meaning import meaning


def text(source: str) -> str:
    return meaning(ast.parse(source).body).text


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("def f(a):\n    b = a\n    return b", "def f(a):\n    c = a\n    return c"),
        ("def f(a):\n    b: int = a\n    return b", "def f(a):\n    b = a\n    return b"),
        ("def f(a: int) -> int:\n    return a", "def f(a):\n    'Doc.'\n    return a"),
        ("x = [a for a in b]", "x = [c for c in b]"),
        ("x = {k: v for k, v in b if k}", "x = {p: q for p, q in b if p}"),
        ("def f(a):\n    return [b for c in a for b in c]", "def f(a):\n    return [c for b in a for c in b]"),
        ("def f(a):\n    for b, *c in a:\n        pass", "def f(a):\n    for d, *e in a:\n        ..."),
        (
            "def f(a):\n    if (n := len(a)) > 2:\n        return n",
            "def f(a):\n    if (m := len(a)) > 2:\n        return m",
        ),
        (
            "def f(a):\n    any((last := b) for b in a)\n    return last",
            "def f(a):\n    any((end := c) for c in a)\n    return end",
        ),
        (
            "def f():\n    n = 0\n    def g():\n        nonlocal n\n        n += 1\n    return g",
            "def f():\n    m = 0\n    def g():\n        nonlocal m\n        m += 1\n    return g",
        ),
        (
            "def f():\n    n = 0\n    def g():\n        n = 1\n        return n\n    return n, g",
            "def f():\n    n = 0\n    def g():\n        m = 1\n        return m\n    return n, g",
        ),
        (
            "def f():\n    try:\n        g()\n    except E as error:\n        h(error)",
            "def f():\n    try:\n        g()\n    except E as e:\n        h(e)",
        ),
        (
            "def f(a):\n    match a:\n        case [x, *y]:\n            return x, y",
            "def f(a):\n    match a:\n        case [p, *q]:\n            return p, q",
        ),
        ("def f(p):\n    with open(p) as a:\n        return a", "def f(p):\n    with open(p) as b:\n        return b"),
        ("x = 1_000 + 0x10", "x = 1000 + 16"),
        ("x = 'a' 'b'", 'x = "ab"'),
        ("print('done')", "print('all is done')"),
        ("raise UserError(f'{n} are gone', cure='look')", "raise UserError(f'gone: {n}', cure='look again')"),
        ("print(', '.join(f'{n}: gone' for n in a))", "print('; '.join(f'{n} is gone' for n in a))"),
        ("print(a or 'none', b['c'])", "print(a or 'nothing', b['d'])"),
        ("print(UserError('a'))", "print(UserError('b'))"),
        ("warnings.warn('slow', stacklevel=2)", "warnings.warn('it is slow', stacklevel=2)"),
        ("for a in tqdm(b, desc='films'):\n    c(a)", "for a in tqdm(b, desc='clips'):\n    c(a)"),
    ],
)
def test_these_say_the_same(one: str, other: str) -> None:
    assert text(one) == text(other)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("x = 1", "x = 1.0"),
        ("x = 1", "x = True"),
        ("x = 'a'", "x = a"),
        ("x = -0.0", "x = 0.0"),
        ("x = a.b", "x = a.c"),
        ("x = f(a=1)", "x = f(b=1)"),
        ("def f(a, b): return a", "def f(b, a): return a"),
        ("def f(args): pass", "def f(*args): pass"),
        ("def f(vararg): pass", "def f(*vararg): pass"),
        ("def f(a, /): pass", "def f(a): pass"),
        ("def f(*, a): pass", "def f(a): pass"),
        ("def f(a=1): pass", "def f(a=2): pass"),
        ("def f(a): return a", "async def f(a): return a"),
        # A parameter can be given by its name, and others can see an attribute's and a function's.
        ("def f(a): return a", "def f(b): return b"),
        ("class A:\n    b = 1", "class A:\n    c = 1"),
        ("def f():\n    def g(): pass\n    return g", "def f():\n    def h(): pass\n    return h"),
        # Which of two variables is meant.
        ("def f(a):\n    b, c = a\n    return b", "def f(a):\n    b, c = a\n    return c"),
        ("def f(a):\n    b = a\n    return b", "def f(a):\n    b = a\n    return c"),
        (
            "def f():\n    n = 0\n    def g():\n        n = 1\n",
            "def f():\n    n = 0\n    def g():\n        nonlocal n\n        n = 1\n",
        ),
        ("def f():\n    n = 1", "def f():\n    global n\n    n = 1"),
        ("x = [a for a in b]", "x = [b for a in b]"),
        # Who looks at its own variables sees their names.
        ("def f():\n    a = 1\n    return locals()", "def f():\n    b = 1\n    return locals()"),
        ("def f(t):\n    a = 1\n    return t.query('x > @a')", "def f(t):\n    b = 1\n    return t.query('x > @a')"),
        ("def f(a):\n    b = a\n    return f'{b=}'", "def f(a):\n    c = a\n    return f'{c=}'"),
        # Types that are read when the program runs.
        ("class A(Section):\n    b: int", "class A(Section):\n    b: float"),
        ("@command\ndef f(a: int): pass", "@command\ndef f(a: float): pass"),
        # What is said: to a file, by another function, of a rejected record; what a message is made of.
        ("print('a', file=f)", "print('b', file=f)"),
        ("say('a')", "say('b')"),
        ("def f(print): print('a')", "def f(print): print('b')"),
        ("raise RejectedRecord('a')", "raise RejectedRecord('b')"),
        ("raise UserError(f'{n}')", "raise UserError(f'{m}')"),
        ("print(f())", "print(g())"),
        # What is handed to a function, whose value is said: it may do more than give it.
        ("print(table(x, 'mean'))", "print(table(x, 'median'))"),
        ("print(f'{save(x, 1)} {g(\"a\")}')", "print(f'{save(x, 1)} {g(\"b\")}')"),
        ("raise UserError('a', file=set_aside(x, 'b'))", "raise UserError('a', file=set_aside(x, 'c'))"),
        ("print(', '.join(save(n, 'a') for n in b))", "print(', '.join(save(n, 'c') for n in b))"),
        ("print(x.join('a'))", "print(x.join('b'))"),
        ("print('a'); x = 'a'", "print('a'); x = 'b'"),
        ("tqdm(f('a'), desc='a')", "tqdm(f('b'), desc='a')"),
    ],
)
def test_these_do_not(one: str, other: str) -> None:
    assert text(one) != text(other)


def test_uses_are_the_global_names_with_their_attributes() -> None:
    of = meaning(
        ast.parse(
            "@records.checked\n"
            "def f(a, b=DEFAULT):\n"
            "    from video_r2.late import thing\n"
            "    c = a.own.attribute\n"
            "    table = records.read.table(c)\n"
            "    return [d + OFFSET for d in table], thing, globals()['named'], 'video_r2.by.name', 'text'\n"
        ).body
    )
    assert of.uses == {("records", "checked"), ("DEFAULT",), ("records", "read", "table"), ("OFFSET",), ("named",)}
    assert of.imports == {("video_r2.late", 0, "thing")}
    assert of.strings == {"video_r2.by.name"}
    assert not of.names_by_text
    assert meaning(ast.parse("def f(a):\n    return globals()[a]").body).names_by_text
    assert meaning(ast.parse("def f():\n    return vars()").body).names_by_text
    assert not meaning(ast.parse("def f(a):\n    return vars(a)").body).names_by_text


# --- the library's own functions: the compiler says which names are local -----------------------------------------------


def functions(root: Path) -> Iterator[tuple[ast.FunctionDef, CodeType]]:
    """Functions of the library without nested scopes, with their code as Python compiles it."""
    for path in sorted((root / "scripts").rglob("*.py")):
        source = path.read_text(encoding="utf-8")
        codes = {
            code.co_name: code for code in compile(source, str(path), "exec").co_consts if isinstance(code, CodeType)
        }
        for node in ast.parse(source).body:
            if isinstance(node, ast.FunctionDef) and not any(
                isinstance(constant, CodeType) for constant in codes[node.name].co_consts
            ):
                yield node, codes[node.name]


def renamed(node: ast.FunctionDef, names: dict[str, str]) -> ast.FunctionDef:
    copy = ast.parse(ast.unparse(node)).body[0]
    assert isinstance(copy, ast.FunctionDef)
    for inner in ast.walk(copy):
        if isinstance(inner, ast.Name):
            inner.id = names.get(inner.id, inner.id)
        elif isinstance(inner, ast.ExceptHandler) and inner.name:
            inner.name = names.get(inner.name, inner.name)
    return copy


def test_the_names_of_local_variables_do_not_count_in_any_function_of_the_library(root: Path) -> None:
    tried = 0
    for node, code in functions(root):
        arguments = code.co_argcount + code.co_kwonlyargcount + bool(code.co_flags & 4) + bool(code.co_flags & 8)
        imported = {
            alias.asname or alias.name
            for of in ast.walk(node)
            if isinstance(of, ast.Import | ast.ImportFrom)
            for alias in of.names
        }
        local = [name for name in code.co_varnames[arguments:] if name not in imported]
        if not local or "vars(" in ast.unparse(node):
            continue
        tried += 1
        shuffled = random.Random(node.name).sample(local, len(local))
        assert text(ast.unparse(renamed(node, dict(zip(local, shuffled, strict=True))))) == text(ast.unparse(node))
        # The global names do.
        used = [step.argval for step in dis.get_instructions(code) if step.opname == "LOAD_GLOBAL"]
        for name in used[:3]:
            assert meaning([renamed(node, {name: "elsewhere"})]).text != meaning([node]).text
    assert tried > 200


def test_every_line_that_is_taken_away_changes_what_a_function_says(root: Path) -> None:
    tried = 0
    for node, _ in functions(root):
        before = meaning([node]).text
        for at, statement in enumerate(node.body):
            if isinstance(statement, ast.Expr) and isinstance(statement.value, ast.Constant):
                continue
            shorter = ast.parse(ast.unparse(node)).body[0]
            assert isinstance(shorter, ast.FunctionDef)
            del shorter.body[at]
            assert meaning([shorter]).text != before
            tried += 1
    assert tried > 1000
