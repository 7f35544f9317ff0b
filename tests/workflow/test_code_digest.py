"""The digest of a rule's code follows what the code means, and only the code that the rule can reach."""

from __future__ import annotations

import ast
import gc
import random
import shutil
import time
from functools import partial
from pathlib import Path

import pytest

from video_r2 import code_digest
from video_r2.code_digest import KnownDigests, Project, digest, parts
from video_r2.errors import UserError

SCRIPT = '''"""A script."""

from video_r2 import tools
from video_r2.judge import judge_of
from video_r2.metrics import mean
from video_r2.registry import Registered


def main(job):
    """Do it."""
    value = mean.mean(job)
    return judge_of(value), tools.chosen(job), Registered


if __name__ == "__main__":
    main(globals()["snakemake"])
'''
MODULES = {
    "video_r2/__init__.py": "",
    "video_r2/metrics/__init__.py": '"""Metrics."""\n',
    "video_r2/metrics/mean.py": """
import numpy as np

from video_r2.numbers import ZERO, scaled


def mean(of):
    return sum(scaled(value) for value in of) / 2 + ZERO


def median(of):
    return np.median(of)


def other():
    return 3
""",
    "video_r2/numbers.py": """
from dataclasses import dataclass, field

ZERO = 0
LIMIT = 5
UNUSED = 7
SCALE: int = 2


def scaled(value, limit=LIMIT):
    return min(value * SCALE, limit)


@dataclass
class Base:
    shown: int = 1


@dataclass
class Pair(Base):
    size: int = field(default=4)

    def total(self):
        return self.size


def unused(pair: Pair) -> int:
    return 1
""",
    # A package that passes on what a module of it has.
    "video_r2/judge/__init__.py": "from video_r2.judge.rules import judge as judge_of\n",
    "video_r2/judge/rules.py": """
from pathlib import Path

from video_r2.numbers import Pair

TEXTS = Path(__file__).parent / "texts"


def judge(value):
    return TEXTS / "a.txt", Pair(value)


def silent():
    return None
""",
    "video_r2/judge/texts/a.txt": "Judge.",
    "video_r2/judge/texts/use.yaml": "function: video_r2.named.by_a_file\n",
    "video_r2/named.py": "def by_a_file():\n    return 1\n\n\ndef by_nobody():\n    return 1\n",
    "video_r2/tools.py": """
from video_r2 import computed


def chosen(job):
    return getattr(computed, job)
""",
    "video_r2/computed.py": """
def one():
    return 1


def two():
    return 2


if __name__ == "__main__":
    two()
""",
    # What is done at import counts, although nobody uses a name of it.
    "video_r2/registry.py": """
from video_r2 import plugins

KNOWN = {}


def register(of):
    KNOWN[of.__name__] = of
    return of


@register
class Registered:
    size = 1
""",
    "video_r2/plugins.py": """
import os

from video_r2.numbers import ZERO


def start():
    return 1


def never():
    return 1


os.environ["PLUGINS"] = str(start())
""",
    "video_r2/config.py": "KEY = 1\n",
    "video_r2/unrelated.py": "ONE = 1\n",
}


@pytest.fixture
def scripts(tmp_path: Path) -> Path:
    for name, text in {"score.py": SCRIPT, **MODULES}.items():
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
    return tmp_path


def after(scripts: Path, name: str, old: str, new: str) -> str:
    path = scripts / name
    text = path.read_text(encoding="utf-8")
    assert old in text
    path.write_text(text.replace(old, new), encoding="utf-8")
    code_digest.project.cache_clear()  # a process reads the code once: these tests change it
    return digest(scripts / "score.py", scripts)


MEAN, NUMBERS, PLUGINS = "video_r2/metrics/mean.py", "video_r2/numbers.py", "video_r2/plugins.py"


@pytest.mark.parametrize(
    ("name", "old", "new"),
    [
        ("score.py", "def main", "# Why.\n\n\ndef main"),
        ("score.py", '"""Do it."""', '"""Do it well."""'),
        ("score.py", "value = mean.mean(job)", "value = mean.mean(\n        job,\n    )"),
        ("score.py", "value", "found"),
        (MEAN, "scaled(value) for value in of", "scaled(each) for each in of"),
        (MEAN, "return np.median(of)", "return np.max(of)"),
        (MEAN, "def other():\n    return 3\n", ""),
        (MEAN, "def other():", "import scipy\n\n\ndef other():\n    scipy.test()"),
        (NUMBERS, "ZERO = 0", "ZERO = 0  # nothing"),
        (NUMBERS, "UNUSED = 7", "UNUSED = 8"),
        (NUMBERS, "SCALE: int", "SCALE: float"),
        (NUMBERS, "def unused(pair: Pair) -> int:", "def unused(pair: object, more: int) -> float:"),
        ("video_r2/metrics/__init__.py", "Metrics", "All metrics"),
        ("video_r2/judge/rules.py", "return None", "return 0"),
        ("video_r2/named.py", "def by_nobody():\n    return 1", "def by_nobody():\n    return 2"),
        (PLUGINS, "def never():\n    return 1", "def never():\n    return 2"),
        ("video_r2/unrelated.py", "1", "2"),
    ],
)
def test_what_changes_no_result_changes_no_digest(scripts: Path, name: str, old: str, new: str) -> None:
    before = digest(scripts / "score.py", scripts)
    assert after(scripts, name, old, new) == before


@pytest.mark.parametrize(
    ("name", "old", "new"),
    [
        ("score.py", "mean.mean(job)", "mean.mean(job) + 1"),
        ("score.py", "mean.mean", "mean.median"),
        (MEAN, "/ 2", "/ 3"),
        (MEAN, "import ZERO, scaled", "import LIMIT as ZERO, scaled"),
        (NUMBERS, "ZERO = 0", "ZERO = 1"),
        (NUMBERS, "ZERO = 0", "ZERO = 0\nZERO += 1"),
        (NUMBERS, "LIMIT = 5", "LIMIT = 6"),
        (NUMBERS, "limit=LIMIT", "limit=9"),
        (NUMBERS, "SCALE: int = 2", "SCALE: int = 3"),
        (NUMBERS, "shown: int = 1", "shown: int = 2"),
        (NUMBERS, "size: int", "size: float"),
        (NUMBERS, "return self.size", "return -self.size"),
        ("video_r2/metrics/__init__.py", '"""Metrics."""', "from video_r2 import plugins\nprint(plugins)"),
        ("video_r2/judge/__init__.py", "import judge as", "import silent as"),
        ("video_r2/judge/texts/a.txt", "Judge.", "Judge well."),
        ("video_r2/judge/texts/use.yaml", "by_a_file", "by_nobody"),
        ("video_r2/named.py", "def by_a_file():\n    return 1", "def by_a_file():\n    return 2"),
        ("video_r2/computed.py", "return 2", "return 3"),
        # A module that is handed around may be started as a program.
        ("video_r2/computed.py", "\n    two()", "\n    one()"),
        ("video_r2/registry.py", "size = 1", "size = 2"),
        ("video_r2/registry.py", "KNOWN[of.__name__]", "KNOWN[of]"),
        (PLUGINS, '"PLUGINS"', '"OTHERS"'),
        (PLUGINS, "def start():\n    return 1", "def start():\n    return 2"),
    ],
)
def test_what_may_change_a_result_changes_the_digest(scripts: Path, name: str, old: str, new: str) -> None:
    before = digest(scripts / "score.py", scripts)
    assert after(scripts, name, old, new) != before


def test_what_is_set_before_another_projects_import_is_not_the_same_as_after_it(scripts: Path) -> None:
    setting = 'os.environ["OFFLINE"] = "1"\n'
    before = after(scripts, "score.py", "from video_r2 import tools\n", f"import os\n{setting}import torch\n")
    assert after(scripts, "score.py", f"{setting}import torch\n", f"import torch\n{setting}") != before


def test_a_module_that_is_imported_for_what_it_does_counts(scripts: Path) -> None:
    before = digest(scripts / "score.py", scripts)
    assert after(scripts, NUMBERS, "ZERO = 0", "import readline\n\nZERO = 0") != before


def test_parts_have_names_that_a_person_can_find(scripts: Path) -> None:
    assert set(parts(scripts / "score.py", scripts)) == {
        "script score",
        "function score.main",
        "function video_r2.metrics.mean.mean",
        "function video_r2.numbers.scaled",
        "constant video_r2.numbers.ZERO",
        "constant video_r2.numbers.LIMIT",
        "constant video_r2.numbers.SCALE",
        "class video_r2.numbers.Base",
        "class video_r2.numbers.Pair",
        "function video_r2.judge.rules.judge",
        "constant video_r2.judge.rules.TEXTS",
        "file video_r2/judge/texts/a.txt",
        "file video_r2/judge/texts/use.yaml",
        "function video_r2.named.by_a_file",
        "function video_r2.tools.chosen",
        "function video_r2.computed.one",
        "function video_r2.computed.two",
        "script video_r2.computed",
        "class video_r2.registry.Registered",
        "function video_r2.registry.register",
        "constant video_r2.registry.KNOWN",
        "what is done at the import of video_r2.registry",
        "what is done at the import of video_r2.plugins",
        "function video_r2.plugins.start",
    }


def test_the_configuration_reaches_a_rule_through_its_params_only(scripts: Path) -> None:
    before = after(scripts, "score.py", "def main", "from video_r2.config import KEY\n\n\ndef main")
    assert after(scripts, "video_r2/config.py", "1", "2") == before


def test_the_digest_does_not_depend_on_the_place(scripts: Path, tmp_path_factory: pytest.TempPathFactory) -> None:
    elsewhere = tmp_path_factory.mktemp("elsewhere") / "scripts"
    scripts.rename(elsewhere)
    moved = digest(elsewhere / "score.py", elsewhere)
    elsewhere.rename(scripts)
    code_digest.project.cache_clear()
    assert digest(scripts / "score.py", scripts) == moved


def test_code_that_is_no_python_is_named(scripts: Path) -> None:
    (scripts / NUMBERS).write_text("def", encoding="utf-8")
    code_digest.project.cache_clear()
    with pytest.raises(UserError, match=r"numbers\.py"):
        digest(scripts / "score.py", scripts)


# --- the library itself -----------------------------------------------------------------------------------------------


def test_every_script_has_a_digest_of_its_own(root: Path) -> None:
    folder = root / "scripts"
    digests = {path.name: digest(path, folder) for path in sorted(folder.glob("*.py"))}
    assert len(set(digests.values())) == len(digests) > 20


def test_what_only_some_rules_use_counts_for_those_only(root: Path) -> None:
    users: dict[str, set[str]] = {}
    for script in (root / "scripts").glob("*.py"):
        for part in parts(script, root / "scripts"):
            users.setdefault(part, set()).add(script.stem)
    rules = {path.stem for path in (root / "scripts").glob("*.py")} - {
        "score",
        "fit_order_weights",
        "fuzz_parsers",
        "plan",
        "doctor",
        "lock_sources",
        "published",
        "why",
        "from_frozen",
    }
    assert users["function video_r2.rewards.format.format_reward"] & rules == {"train_grpo"}
    assert users["function video_r2.paper.figures.curves"] & rules == {"training_curves"}
    assert users["file video_r2/evaluation/task.yaml"] & rules == {"predict"}
    # lmms-eval finds this one by its name in task.yaml.
    assert users["function video_r2.evaluation.tasks.process_results"] & rules == {"predict"}


NOT_FOLLOWED = frozenset(
    [
        "__init_subclass__",
        "__subclasses__",
        "__set_name__",
        "__doc__",
        "exec",
        "import_module",
        "modules",
        "redirect_stdout",
    ]
)
LOOKED_AT = {
    ("video_r2/config_pages.py", "__doc__"),  # of pages of the docs
    ("video_r2/generated_pages.py", "__doc__"),
    ("predict.py", "os"),  # its environment: what a script sets counts for it
    ("video_r2/evaluation/predictions.py", "redirect_stdout"),  # into the log, as the two below
    ("video_r2/evaluation/adapter.py", "redirect_stdout"),
    ("video_r2/run.py", "redirect_stdout"),
    ("video_r2/training/worker.py", "import_module"),  # of the rule's script, where every digest begins
    ("video_r2/slurm.py", "modules"),  # of the plug-in
    ("video_r2/provenance/circumstances.py", "modules"),  # which packages were used
    ("video_r2/__init__.py", "modules"),  # Snakemake
    ("video_r2/evaluation/lmms_models.py", "modules"),  # of lmms-eval
}


def test_the_library_has_no_form_that_a_digest_does_not_follow(root: Path) -> None:
    """What changes a table of another module, or finds code in a way that cannot be read from it, would go unnoticed."""
    scripts = root / "scripts"
    found = set()
    for path in scripts.rglob("*.py"):
        text = path.read_text(encoding="utf-8")
        if path.parent == scripts and 'globals()["snakemake"]' not in text:
            continue  # no rule calls it
        tree, name = ast.parse(text), path.relative_to(scripts).as_posix()
        imported = {
            alias.asname or alias.name.partition(".")[0]
            for node in ast.walk(tree)
            if isinstance(node, ast.Import | ast.ImportFrom)
            for alias in node.names
        }
        for node in ast.walk(tree):
            used = getattr(node, "id", None) or getattr(node, "attr", None) or getattr(node, "name", None)
            found |= {(name, used)} if used in NOT_FOLLOWED else set()
            if isinstance(node, ast.ClassDef) and any(keyword.arg == "metaclass" for keyword in node.keywords):
                found.add((name, node.name))
        found |= {(name, module) for module in ("resources", "runpy", "pkgutil") if module in imported}
        for node in tree.body:
            targets = [node.target] if isinstance(node, ast.AugAssign) else getattr(node, "targets", [])
            for target in targets:
                while isinstance(target, ast.Attribute | ast.Subscript):
                    target = target.value
                found |= {(name, target.id)} if isinstance(target, ast.Name) and target.id in imported else set()
    assert found == LOOKED_AT


@pytest.mark.parametrize(
    ("modules", "script"),
    [
        ({"lib/extra/helper": "def f():\n    return 1\n"}, "from lib.extra import helper\nprint(helper.f())\n"),
        ({"lib/extra/helper": "def f():\n    return 1\n"}, "import lib.extra.helper\nlib.extra.helper.f()\n"),
        ({"lib/extra/helper": "def f():\n    return 1\n"}, "from lib import extra\nprint(extra)\n"),
        (
            {
                "lib/extra/use": "from . import helper\ndef g():\n    return helper.f()\n",
                "lib/extra/helper": "def f():\n    return 1\n",
            },
            "from lib.extra.use import g\nprint(g())\n",
        ),
        (
            {
                "lib/m": "import typing\nif typing.TYPE_CHECKING:\n    L: int\nelse:\n    L = 1\ndef f():\n    return L\n"
            },
            "from lib.m import f\nprint(f())\n",
        ),
        (
            {"lib/m": "if __name__ == '__main__':\n    pass\nelse:\n    L = 1\ndef f():\n    return L\n"},
            "from lib.m import f\nprint(f())\n",
        ),
        ({"lib/m": "L = 2\n", "lib/m/__init__": "L = 1\n"}, "from lib.m import L\nopen(L)\n"),
        ({"lib/m": "def run():\n    open('o', 'w').write(str(1))\n"}, "from lib.m import run\nstatus = run()\n"),
    ],
)
def test_ordinary_python_is_followed(tmp_path: Path, modules: dict[str, str], script: str) -> None:
    (tmp_path / "lib").mkdir()
    (tmp_path / "lib/__init__.py").touch()
    (tmp_path / "script.py").write_text(script)
    for name, text in modules.items():
        path = (tmp_path / name).with_suffix(".py")
        path.parent.mkdir(exist_ok=True)
        path.write_text(text)
    before = Project(tmp_path).parts(tmp_path / "script.py")
    for name, text in modules.items():
        (tmp_path / name).with_suffix(".py").write_text(text.replace("1", "3"))
    assert Project(tmp_path).parts(tmp_path / "script.py") != before


def test_known_digests_are_those_of_the_same_sources(tmp_path: Path) -> None:
    root, note = tmp_path / "scripts", tmp_path / "kept/digests.json"
    root.mkdir()
    note.parent.mkdir()
    (root / "one.py").write_text("print(open('1'))\n")
    (root / "two.py").write_text("print(open('2'))\n")
    asked: list[str] = []

    def known() -> dict[str, str]:
        digests = KnownDigests(root, note)

        def compute(script: str) -> str:
            asked.append(script)
            return code_digest.digest_of(Project(root).parts(root / script))

        wanted = {script: digests.want(script, partial(compute, script)) for script in ("one.py", "two.py")}
        return {script: digest() for script, digest in wanted.items()}

    first = known()
    assert first == {script: code_digest.digest_of(Project(root).parts(root / script)) for script in first}
    asked.clear()
    assert known() == first
    assert asked == []
    (root / "two.py").write_text("print(open('3'))\n")
    second = known()
    assert (second["one.py"], second["two.py"] == first["two.py"]) == (first["one.py"], False)
    for damage in ("", "{}", '{"sources": 1}', "[1]"):
        note.write_text(damage)
        assert known() == second
    note.unlink()
    (root / "two.py").write_text("def (")  # what is asked for another script is told all the same
    digests = KnownDigests(root, note)
    for script in ("one.py", "two.py"):
        digests.want(script, partial(lambda of: code_digest.digest_of(Project(root).parts(root / of)), script))
    assert digests.want("one.py", lambda: "1")() == "1"
    with pytest.raises(UserError, match=r"two\.py: cannot be read as Python"):
        digests.want("two.py", lambda: code_digest.digest_of(Project(root).parts(root / "two.py")))()


def test_digests_of_sources_that_are_edited_meanwhile_are_not_kept(tmp_path: Path) -> None:
    root, note = tmp_path / "scripts", tmp_path / "digests.json"
    root.mkdir()
    (root / "one.py").write_text("print(open('1'))\n")

    def edit() -> str:
        (root / "one.py").write_text("print(open('2'))\n")
        return "of either"

    assert KnownDigests(root, note).want("one.py", edit)() == "of either"
    assert not note.exists()


def test_digests_of_sources_that_were_edited_since_the_first_are_not_kept(tmp_path: Path) -> None:
    """What the process has read before is as it was then."""
    root, note = tmp_path / "scripts", tmp_path / "digests.json"
    root.mkdir()
    (root / "one.py").write_text("print(open('1'))\n")
    digests = KnownDigests(root, note)
    digests.want("one.py", lambda: "one")()
    assert "one.py" in note.read_text()
    note.unlink()
    (root / "one.py").write_text("print(open('2'))\n")
    assert digests.want("two.py", lambda: "two")() == "two"
    assert not note.exists()


def test_linked_sources_are_among_those_that_digests_are_kept_for(tmp_path: Path) -> None:
    root, note = tmp_path / "scripts", tmp_path / "digests.json"
    root.mkdir()
    (tmp_path / "elsewhere").mkdir()
    (root / "linked").symlink_to(tmp_path / "elsewhere")
    (root / "__pycache__").mkdir()
    (tmp_path / "elsewhere/one.py").write_text("1")
    assert KnownDigests(root, note).want("one.py", lambda: "first")() == "first"
    (root / "__pycache__/one.pyc.123").write_text("made meanwhile")
    assert KnownDigests(root, note).want("one.py", lambda: "second")() == "first"
    (tmp_path / "elsewhere/one.py").write_text("2")
    assert KnownDigests(root, note).want("one.py", lambda: "second")() == "second"


SOME = ["score_accuracy", "train_sft", "predict", "main_accuracy"]


def mutated(scripts: Path, folder: Path, functions: set[str]) -> Path:
    """A copy of the scripts and the library in which these functions begin with another statement."""
    shutil.copytree(scripts, folder, ignore=shutil.ignore_patterns("__pycache__"))
    for name in {function.rpartition(".")[0] for function in functions}:
        path = folder.joinpath(*name.split(".")).with_suffix(".py")
        lines = path.read_text(encoding="utf-8").splitlines()
        for node in reversed(ast.parse("\n".join(lines)).body):
            if isinstance(node, ast.FunctionDef) and f"{name}.{node.name}" in functions:
                lines.insert(node.body[0].lineno - 1, f"{' ' * node.body[0].col_offset}assert {node.name!r}")
        path.write_text("\n".join(lines), encoding="utf-8")
    return folder


def functions_of(scripts: Path) -> set[str]:
    """Names of all functions of the library's modules."""
    found = set()
    for path in scripts.glob("video_r2/**/[a-z]*.py"):
        module = ".".join(path.relative_to(scripts).with_suffix("").parts)
        tree = ast.parse(path.read_text(encoding="utf-8"))
        found |= {f"{module}.{node.name}" for node in tree.body if isinstance(node, ast.FunctionDef)}
    return {name for name in found if name.rpartition(".")[0] not in code_digest.WITHOUT_EFFECT}


@pytest.mark.parametrize("script", SOME)
def test_to_change_all_functions_that_a_script_does_not_reach_changes_nothing(
    root: Path, tmp_path: Path, script: str
) -> None:
    before = parts(root / f"scripts/{script}.py", root / "scripts")
    others = functions_of(root / "scripts") - {name.removeprefix("function ") for name in before}
    assert len(others) > 150
    folder = mutated(root / "scripts", tmp_path / "scripts", others)
    assert parts(folder / f"{script}.py", folder) == before


def test_to_change_one_function_changes_it_for_the_scripts_that_reach_it(root: Path, tmp_path: Path) -> None:
    before = {script: parts(root / f"scripts/{script}.py", root / "scripts") for script in SOME}
    reached = {name.removeprefix("function ") for of in before.values() for name in of} & functions_of(root / "scripts")
    for at, function in enumerate(random.Random(0).sample(sorted(reached), 8)):
        folder = mutated(root / "scripts", tmp_path / str(at), {function})
        for script in SOME:
            now = parts(folder / f"{script}.py", folder)
            part = f"function {function}"
            differs = {name for name in now.keys() | before[script].keys() if now.get(name) != before[script].get(name)}
            assert differs == ({part} if part in before[script] else set())


def test_all_scripts_digests_take_about_as_long_as_a_few_ones(root: Path) -> None:
    # What scripts share is read once: forty-five digests take some three times as long as the longest of them.
    def seconds(scripts: list[Path]) -> float:
        began = time.process_time()
        project = Project(root / "scripts")
        for script in scripts:
            project.parts(script)
        return time.process_time() - began

    scripts = sorted((root / "scripts").glob("*.py"))
    gc.freeze()  # what other tests have left is not gone through again and again
    ratios = [seconds(scripts) / seconds([root / "scripts" / "train_grpo.py"]) for _ in range(3)]
    gc.unfreeze()
    assert len(scripts) > 40
    assert sorted(ratios)[1] < 8
