"""A digest of what a script means: it changes with the code that the script can reach, and with nothing else.

Snakemake follows a script by its time stamp and does not follow the modules that it imports. The digest here is part of
every rule's params instead. It is taken of parts: the functions, classes and constants of the project that the script
uses, directly or through others; what its modules do when they are imported; the data files that such parts name. Where it
cannot be told which part of a module is used, all of the module counts: to run again is better than a result that is stale.
"""

from __future__ import annotations

import ast
import json
import re
import sys
from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from functools import cache, cached_property
from hashlib import sha256
from pathlib import Path
from typing import NamedTuple

from video_r2.code_meaning import Meaning, meaning
from video_r2.code_modules import Import, Module, file_of, folder_of, read_module
from video_r2.errors import UserError
from video_r2.files import files_below, replacing

# What these hold reaches a result through a rule's params (config, prompts), or not at all: they end a job, or note something
# beside what it makes.
WITHOUT_EFFECT = frozenset(
    f"video_r2.{name}"
    for name in ("config", "ended", "errors", "judge.server", "run", "space", "training.guards", "training.watch")
)
THROUGH_PARAMS = frozenset({"video_r2/judge/prompts"})


def digest(script: Path, root: Path) -> str:
    """Digest of `script` and of what it uses of the modules below folder `root`: 16 hexadecimal digits.

    Raises:
        UserError: if a file cannot be read or is not valid Python.
    """
    return digest_of(parts(script, root))


def digest_of(parts: dict[str, str]) -> str:
    """The digest of code that has these parts."""
    return _digest(sorted(parts.items()))


def parts(script: Path, root: Path) -> dict[str, str]:
    """What `digest` is taken of: the digest of every part by its name, such as "function video_r2.records.read_table".

    Raises:
        UserError: if a file cannot be read or is not valid Python.
    """
    return project(root).parts(script)


def digest_of_function(module: str, name: str, root: Path) -> str:
    """Digest of a function, or another part, of a module below folder `root`, and of what it uses there."""
    return digest_of(project(root).parts_of(module, name))


@cache
def project(root: Path) -> Project:
    """The code below folder `root` as it was when this process first asked."""
    return Project(root)


class KnownDigests:
    """Digests that some process has computed of the same sources: to follow all code takes a second for each plan and job.

    Args:
        root: folder of the scripts and of the project's modules.
        note: file that they are kept in; without its folder nothing is kept.
    """

    def __init__(self, root: Path, note: Path) -> None:
        self._root = root
        self._note = note
        self._wanted: dict[str, Callable[[], str]] = {}
        self._known: dict[str, str] = {}

    def want(self, name: str, compute: Callable[[], str]) -> Callable[[], str]:
        """The digest of that name, when it is asked for; computed with all others that are wanted where it is not known."""
        self._wanted[name] = compute

        def digest() -> str:
            if name not in self._known:
                self._known |= self._noted_or_computed(name)
            return self._known[name]

        return digest

    @cached_property
    def _sources(self) -> str | None:
        """Digest of the sources as they were when this process first asked: what it computes is of those, or of later ones."""
        return _digest_of_files(self._root)

    def _noted_or_computed(self, name: str) -> dict[str, str]:
        sources = self._sources
        noted = {} if sources is None else self._noted(sources)
        if name in noted:
            return noted
        found = {name: self._wanted[name]()}
        for other, compute in self._wanted.items():
            with suppress(UserError):  # told where it is asked for
                found[other] = compute()
        # What was edited meanwhile may have been read before or after.
        if sources is not None and self._note.parent.is_dir() and _digest_of_files(self._root) == sources:
            with suppress(OSError), replacing(self._note) as temporary:
                temporary.write_text(json.dumps({"sources": sources, "digests": found}), encoding="utf-8")
        return found

    def _noted(self, sources: str) -> dict[str, str]:
        try:
            noted = json.loads(self._note.read_text(encoding="utf-8"))
            return dict(noted["digests"]) if noted["sources"] == sources else {}
        except (OSError, ValueError, LookupError, TypeError):
            return {}


def _digest_of_files(root: Path) -> str | None:
    """Digest of all files below a folder, and of the Python that reads them; None where one cannot be read."""
    files = (path for path in sorted(files_below(root)) if path.parent.name != "__pycache__")
    try:
        found = [(path.relative_to(root).as_posix(), sha256(path.read_bytes()).digest()) for path in files]
    except OSError:
        return None
    return _digest([sys.version, *found])


class _Node(NamedTuple):
    """Something of the project that can be reached.

    Args:
        kind: "part" (a name of a module), "imported" (a module, as far as it does something when it is imported), "script"
            (a module that is run), "whole" (all of a module, also as it is run), "file" (a data file).
        module: the module's name, or the file's path below the root.
        name: the part's.
    """

    kind: str
    module: str
    name: str = ""


class Project:
    """The modules below a folder.

    Args:
        root: the folder.
    """

    def __init__(self, root: Path) -> None:
        self.root = root
        self._modules: dict[str, Module | None] = {}
        self._meanings: dict[_Node, Meaning | None] = {}
        self._successors: dict[_Node, list[_Node]] = {}
        self._digests: dict[_Node, str | None] = {}

    def parts(self, script: Path) -> dict[str, str]:
        """The digest of every part that a script reaches, by its name."""
        name = ".".join(script.relative_to(self.root).with_suffix("").parts)
        if self._module(name) is None:
            raise UserError("there is no such script", file=script)
        return self._counted(_Node("script", name))

    def parts_of(self, module: str, name: str) -> dict[str, str]:
        """The digest of every part that a part of a module reaches, by its name."""
        known = self._module(module)
        if known is None or name not in known.definitions:
            raise LookupError(f"{module} has no {name}")
        return self._counted(_Node("part", module, name))

    def _counted(self, start: _Node) -> dict[str, str]:
        counted = ((node, self._part_digest(node)) for node in self.reached(start))
        return {self._title(node): digest for node, digest in counted if digest is not None}

    def reached(self, start: _Node) -> set[_Node]:
        """All that can be reached from `start`, and `start`."""
        seen = {start}
        waiting = [start]
        while waiting:
            new = set(self._follow(waiting.pop())) - seen
            seen |= new
            waiting.extend(new)
        return seen

    # --- modules ------------------------------------------------------------------------------------------------------

    def _module(self, name: str) -> Module | None:
        """The project's module of that name; None of other projects' modules, and of those that change no result."""
        if name not in self._modules:
            path = None if name in WITHOUT_EFFECT else file_of(name, self.root)
            self._modules[name] = None if path is None else read_module(name, path, self.root)
        return self._modules[name]

    def _module_of(self, node: _Node) -> Module:
        """The module of a node, which is made of one that is there."""
        module = self._module(node.module)
        if module is None:
            raise LookupError(f"no module {node.module}")
        return module

    def _statements(self, node: _Node) -> list[ast.stmt]:
        module = self._module_of(node)
        if node.kind == "part":
            return module.definitions[node.name]
        return [*module.effects, *(module.as_script if node.kind == "script" else [])]

    def _meaning(self, node: _Node) -> Meaning | None:
        """What a part, or a module at its import, says; None of what has no code of its own."""
        if node not in self._meanings:
            has_code = node.kind in ("part", "imported", "script")
            self._meanings[node] = meaning(self._statements(node)) if has_code else None
        return self._meanings[node]

    # --- digests ------------------------------------------------------------------------------------------------------

    def _part_digest(self, node: _Node) -> str | None:
        """Digest of a part by itself; None of what has nothing that could change a result."""
        if node not in self._digests:
            self._digests[node] = self._make_part_digest(node)
        return self._digests[node]

    def _make_part_digest(self, node: _Node) -> str | None:
        if node.kind == "file":
            return sha256((self.root / node.module).read_bytes()).hexdigest()[:16]
        of = self._meaning(node)
        if of is None or not of.text:
            return None
        module = self._module_of(node)
        heads = {use[0] for use in of.uses}
        sources = sorted(
            f"{name} = {source}" for name in heads & module.imported.keys() for source in module.imported[name]
        )
        return _digest([of.text, *sources])

    def _title(self, node: _Node) -> str:
        if node.kind == "file":
            return f"file {node.module}"
        if node.kind != "part":
            return (
                f"what is done at the import of {node.module}" if node.kind == "imported" else f"script {node.module}"
            )
        first = self._statements(node)[0]
        kind = "class" if isinstance(first, ast.ClassDef) else "constant"
        kind = "function" if isinstance(first, ast.FunctionDef | ast.AsyncFunctionDef) else kind
        return f"{kind} {node.module}.{node.name}"

    # --- what leads where ---------------------------------------------------------------------------------------------

    def _follow(self, node: _Node) -> list[_Node]:
        if node not in self._successors:
            self._successors[node] = [*dict.fromkeys(self._lead(node))]
        return self._successors[node]

    def _lead(self, node: _Node) -> Iterator[_Node]:
        if node.kind == "file":
            text = (self.root / node.module).read_text(encoding="utf-8", errors="replace")
            yield from self._named_in(re.findall(r"[A-Za-z_]\w*(?:\.[A-Za-z_]\w*)+", text))
            return
        module = self._module_of(node)
        if node.kind == "part":
            yield _Node("imported", node.module)
        elif node.kind == "whole":
            yield _Node("script", node.module)  # by its name it may be started as a program, too
            for name in module.names:
                yield from self._name(module, (name,))
            for star in module.stars:
                yield from self._attribute(star, ())
        else:
            package = node.module.rpartition(".")[0]
            for name in [package, *module.imports]:
                if self._module(name) is not None:
                    yield _Node("imported", name)
            for star in module.stars:
                yield from self._attribute(star, ())
        of = self._meaning(node)
        if of is not None:
            yield from self._used(module, of)

    def _used(self, module: Module, of: Meaning) -> Iterator[_Node]:
        for use in of.uses:
            yield from self._name(module, use)
        for source, level, name in of.imports:
            yield from self._source(Import(module.absolute(source, level), "" if name == "*" else name), ())
        if of.names_by_text:
            yield _Node("whole", module.name)
        if of.names_files:
            yield from self._files(module, of.strings)
        yield from self._named_in(of.strings)

    def _name(self, module: Module, chain: tuple[str, ...]) -> Iterator[_Node]:
        """What a global name of a module stands for, with the attributes that are taken of it."""
        name, *attributes = chain
        if name in module.definitions:
            yield _Node("part", module.name, name)
        for source in module.imported.get(name, ()):
            yield from self._source(source, tuple(attributes))

    def _source(self, source: Import, attributes: tuple[str, ...]) -> Iterator[_Node]:
        yield from self._attribute(source.module, (source.name, *attributes) if source.name else attributes)

    def _attribute(self, name: str, chain: tuple[str, ...]) -> Iterator[_Node]:
        """What a chain of attributes of the module of that name stands for: all of it, where there is none."""
        module = self._module(name)
        if module is None:
            if folder := folder_of(name, self.root):
                below = [chain[0]] if chain else sorted({path.stem for path in folder.glob("*.py")})
                for each in below:
                    yield from self._attribute(f"{name}.{each}", chain[1:])
            return
        yield _Node("imported", name)
        if not chain:
            yield _Node("whole", name)
        elif chain[0] in module.names:
            yield from self._name(module, chain)
        elif file_of(f"{name}.{chain[0]}", self.root) or folder_of(f"{name}.{chain[0]}", self.root):
            yield from self._attribute(f"{name}.{chain[0]}", chain[1:])
        else:
            yield _Node("whole", name)

    def _named_in(self, texts: Iterable[str]) -> Iterator[_Node]:
        """What dotted names in texts stand for, if they are of a package of the project."""
        for text in texts:
            top, *rest = text.split(".")
            if rest and (self.root / top / "__init__.py").is_file():
                yield from self._attribute(top, tuple(rest))

    def _files(self, module: Module, strings: Iterable[str]) -> Iterator[_Node]:
        """The data files that code names beside its module: those of its texts that are files, or else all that are there."""
        folder = module.path.parent
        named = [folder / string for string in strings if string and _is_path(folder / string)]
        for path in named or [folder]:
            for file in sorted(path.rglob("*")) if path.is_dir() else [path]:
                shown = file.relative_to(self.root).as_posix()
                through_params = any(shown.startswith(f"{other}/") for other in THROUGH_PARAMS)
                if file.is_file() and file.suffix not in (".py", ".pyc") and not through_params:
                    yield _Node("file", shown)


def _is_path(path: Path) -> bool:
    try:
        return path.exists()
    except (OSError, ValueError):  # a text that can be no path: too long, or with a zero byte
        return False


def _digest(of: object) -> str:
    return sha256(repr(of).encode()).hexdigest()[:16]
