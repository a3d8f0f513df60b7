"""Changes a package in small ways, one at a time, and counts how many of the changes its tests notice.

    python tools/mutate.py posagent/loyalty tests/loyalty [--only name,name] [--slice 1/4] [--sample N] [--out survivors.json]

Operators: comparisons, arithmetic, and/or, not, integers + 1, True/False, texts, negated conditions, += and -=, dropped calls, return None,
break/continue. Annotations, docstrings, Literal and cast are left alone: they do nothing at run time.

One pytest process collects the tests once and learns which test enters which function. Then it forks for every mutant: a change inside a
function is put into the living function object and only the tests that enter it are run, quickest first, until one fails; a change at module
level (constants, defaults, tables) is imported afresh and the whole suite run. A test that runs another process sees the unchanged code, so it
catches nothing. More than 30 s is counted as caught (an endless loop). Exit code 1 below --gate percent.
"""

from __future__ import annotations

import argparse
import ast
import importlib.abc
import importlib.util
import json
import os
import random
import signal
import sys
import time
import types
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import pytest
from _pytest.runner import runtestprotocol

ROOT = Path(__file__).resolve().parents[1]
LIMIT_S = 30

COMPARE = {
    ast.Lt: ast.LtE, ast.LtE: ast.Lt, ast.Gt: ast.GtE, ast.GtE: ast.Gt, ast.Eq: ast.NotEq, ast.NotEq: ast.Eq,
    ast.In: ast.NotIn, ast.NotIn: ast.In, ast.Is: ast.IsNot, ast.IsNot: ast.Is,
}  # fmt: skip
ARITHMETIC = {
    ast.Add: ast.Sub, ast.Sub: ast.Add, ast.Mult: ast.Add, ast.FloorDiv: ast.Mult, ast.Mod: ast.FloorDiv, ast.Pow: ast.Mult, ast.Div: ast.Mult,
    ast.BitOr: ast.BitAnd, ast.BitAnd: ast.BitOr, ast.BitXor: ast.BitOr, ast.LShift: ast.RShift, ast.RShift: ast.LShift,
}  # fmt: skip


@dataclass(frozen=True)
class Mutant:
    """One change: the ``index``-th changeable node of a file, in the order of the walk."""

    file: str
    line: int
    index: int
    what: str
    function: str  # qualified name of the outermost function; "" at module level


def changes(node: ast.AST) -> str:
    """What would be done to a node; empty: nothing."""
    match node:
        case ast.Compare(ops=[op]) if type(op) in COMPARE:
            return f"{type(op).__name__} -> {COMPARE[type(op)].__name__}"
        case ast.BinOp(op=op) | ast.AugAssign(op=op) if type(op) in ARITHMETIC:
            return f"{type(op).__name__} -> {ARITHMETIC[type(op)].__name__}"
        case ast.BoolOp(op=ast.And()):
            return "and -> or"
        case ast.BoolOp(op=ast.Or()):
            return "or -> and"
        case ast.UnaryOp(op=ast.Not() | ast.USub()):
            return f"{type(node.op).__name__} dropped"
        case ast.Constant(value=bool(value)):
            return f"{value} -> {not value}"
        case ast.Constant(value=int(value)):
            return f"{value} -> {value + 1}"
        case ast.Constant(value=str(value)):
            return f"{value!r:.40} -> 'XX…'"
        case ast.If() | ast.IfExp() | ast.While():
            return "condition negated"
        case ast.Return(value=ast.expr() as value) if not (isinstance(value, ast.Constant) and value.value is None):
            return "return None"
        case ast.Expr(value=ast.Call(func=func)) if not (isinstance(func, ast.Name) and func.id == "assert_never"):
            return "call dropped"
        case ast.Break():
            return "break -> continue"
        case ast.Continue():
            return "continue -> break"
        case _:
            return ""


def change(node: Any) -> ast.AST:
    """The changed node."""
    match node:
        case ast.Compare():
            node.ops = [COMPARE[type(node.ops[0])]()]
        case ast.BinOp() | ast.AugAssign():
            node.op = ARITHMETIC[type(node.op)]()
        case ast.BoolOp():
            node.op = ast.Or() if isinstance(node.op, ast.And) else ast.And()
        case ast.UnaryOp():
            return node.operand  # type: ignore[no-any-return]
        case ast.Constant(value=bool(value)):
            node.value = not value
        case ast.Constant(value=int(value)):
            node.value = value + 1
        case ast.Constant(value=str(value)):
            node.value = "XX" + value
        case ast.If() | ast.IfExp() | ast.While():
            node.test = ast.UnaryOp(ast.Not(), node.test)
        case ast.Return():
            node.value = ast.Constant(None)
        case ast.Expr():
            return ast.Pass()
        case ast.Break():
            return ast.Continue()
        case ast.Continue():
            return ast.Break()
    return node  # type: ignore[no-any-return]


class Walk(ast.NodeTransformer):
    """Visits the changeable nodes in one fixed order; changes the one whose number is asked for."""

    def __init__(self, wanted: int | None = None) -> None:
        self.wanted = wanted
        self.count = 0
        self.found: list[tuple[int, int, str, str]] = []  # (line, index, what, function)
        self.scope: list[str] = []
        self.function = ""

    def visit(self, node: ast.AST) -> Any:
        what = changes(node)
        if what:
            index, self.count = self.count, self.count + 1
            self.found.append((getattr(node, "lineno", 0), index, what, self.function))
            if index == self.wanted:
                return ast.copy_location(change(node), node)
        return super().visit(node)

    def _scoped(self, node: Any) -> Any:
        outer = self.function
        self.scope.append(node.name)
        if not isinstance(node, ast.ClassDef) and not outer:
            self.function = ".".join(self.scope)
        if node.body and isinstance(node.body[0], ast.Expr) and isinstance(node.body[0].value, ast.Constant):
            docstring, node.body = node.body[0], node.body[1:]
            node.body = [docstring, *[self.visit(each) for each in node.body]]
        else:
            node.body = [self.visit(each) for each in node.body]
        if not isinstance(node, ast.ClassDef):
            self.function = outer  # defaults are evaluated where the function is defined
            node.args.defaults = [self.visit(each) for each in node.args.defaults]
            node.args.kw_defaults = [each and self.visit(each) for each in node.args.kw_defaults]
        else:
            node.decorator_list = node.decorator_list  # dataclass(frozen=True, slots=True): no behaviour of the rules
        self.scope.pop()
        return node

    visit_FunctionDef = visit_ClassDef = _scoped  # noqa: N815 - the names that ast calls

    def visit_Module(self, node: ast.Module) -> Any:
        node.body = [each if isinstance(each, ast.Expr) and isinstance(each.value, ast.Constant) else self.visit(each) for each in node.body]
        return node

    def visit_AnnAssign(self, node: ast.AnnAssign) -> Any:
        if node.value is not None:
            node.value = self.visit(node.value)
        return node

    def visit_Subscript(self, node: ast.Subscript) -> Any:
        return node if isinstance(node.value, ast.Name) and node.value.id == "Literal" else self.generic_visit(node)

    def visit_Call(self, node: ast.Call) -> Any:
        if isinstance(node.func, ast.Name) and node.func.id in ("cast", "TypeVar"):
            node.args[1:] = [self.visit(each) for each in node.args[1:]]
            return node
        return self.generic_visit(node)

    def visit_Assign(self, node: ast.Assign) -> Any:
        names = [target.id for target in node.targets if isinstance(target, ast.Name)]
        return node if "__all__" in names else self.generic_visit(node)


def mutants_of(package: Path, only: list[str]) -> Iterator[Mutant]:
    """Every mutant of the package's files."""
    for path in sorted(package.rglob("*.py")):
        if only and path.stem not in only:
            continue
        walk = Walk()
        walk.visit(ast.parse(path.read_text("utf-8")))
        for line, index, what, function in walk.found:
            yield Mutant(str(path.relative_to(ROOT)), line, index, what, function)


def mutated(mutant: Mutant) -> types.CodeType:
    """The compiled module with the change."""
    path = ROOT / mutant.file
    tree = Walk(mutant.index).visit(ast.parse(path.read_text("utf-8")))
    return compile(ast.fix_missing_locations(tree), str(path), "exec", dont_inherit=True)


def module_of(file: str) -> str:
    """The dotted name of a file."""
    return ".".join(Path(file).with_suffix("").parts).removesuffix(".__init__")


def living(mutant: Mutant) -> types.FunctionType | None:
    """The function object that the change belongs into."""
    found: Any = sys.modules.get(module_of(mutant.file))
    for part in mutant.function.split("."):
        found = vars(found).get(part) if found is not None else None
    if isinstance(found, property):
        found = found.fget
    if isinstance(found, classmethod | staticmethod):
        found = found.__func__
    return found if isinstance(found, types.FunctionType) else None


def code_in(code: types.CodeType, qualname: str) -> types.CodeType | None:
    """The code object of a qualified name inside a module's code."""
    for constant in code.co_consts:
        if isinstance(constant, types.CodeType):
            if constant.co_qualname == qualname:
                return constant
            if qualname.startswith(constant.co_qualname + ".") and (found := code_in(constant, qualname)):
                return found
    return None


class Fresh(importlib.abc.Loader, importlib.abc.MetaPathFinder):
    """Imports one module from changed code."""

    def __init__(self, name: str, code: types.CodeType) -> None:
        self.name, self.code = name, code

    def find_spec(self, fullname: str, path: Any = None, target: Any = None) -> Any:
        if fullname != self.name:
            return None
        file = self.code.co_filename
        package = [str(Path(file).parent)] if file.endswith("__init__.py") else None
        return importlib.util.spec_from_file_location(fullname, file, loader=self, submodule_search_locations=package)

    def exec_module(self, module: types.ModuleType) -> None:
        exec(self.code, module.__dict__)  # noqa: S102 - our own package


class Hunt:
    """A pytest plugin whose test loop is the hunt."""

    def __init__(self, package: Path, tests: str, mutants: list[Mutant], minutes: int) -> None:
        self.package, self.tests, self.mutants = package, tests, mutants
        self.until = time.monotonic() + minutes * 60
        self.survivors: list[Mutant] = []
        self.caught = 0
        self.killers: dict[str, list[str]] = {}  # file or function -> tests that caught something there, the latest first

    def pytest_runtestloop(self, session: pytest.Session) -> bool:
        seconds: dict[str, float] = {}
        entered: dict[tuple[str, str], set[str]] = {}
        items = {item.nodeid: item for item in session.items}
        prefix = str(self.package)
        for name, item in items.items():
            seen: set[tuple[str, str]] = set()

            def note(frame: types.FrameType, event: str, _: Any, seen: set[tuple[str, str]] = seen) -> None:
                if frame.f_code.co_filename.startswith(prefix):
                    seen.add((frame.f_code.co_filename, frame.f_code.co_qualname.partition(".<locals>")[0]))

            start = time.perf_counter()
            sys.settrace(note)
            try:
                failed = self._run(item)
            finally:
                sys.settrace(None)
            seconds[name] = time.perf_counter() - start
            if failed:
                raise SystemExit(f"{name} fails without any change; mend it first")
            for each in seen:
                entered.setdefault(each, set()).add(name)
        order = sorted(items, key=lambda name: seconds[name])
        print(f"{len(items)} tests in {sum(seconds.values()):.0f} s; {len(self.mutants)} mutants", flush=True)
        for number, mutant in enumerate(self.mutants, 1):
            if time.monotonic() > self.until:
                print(f"time is over after {number - 1} mutants", flush=True)
                break
            tests = entered.get((str(ROOT / mutant.file), mutant.function), set())
            if (mutant.function and not tests) or self._survives(mutant, [items[name] for name in self._likely(mutant, tests, order)]):
                self.survivors.append(mutant)
            else:
                self.caught += 1
            if number % 200 == 0:
                print(f"{number} tried, {len(self.survivors)} survive", flush=True)
        return True

    @staticmethod
    def _run(item: pytest.Item) -> bool:
        return any(report.failed for report in runtestprotocol(item, nextitem=None, log=False))

    def _likely(self, mutant: Mutant, tests: set[str], order: list[str]) -> list[str]:
        """The tests that caught the last changes here, then the others, quickest first."""
        first = [*self.killers.get(f"{mutant.file}:{mutant.function}", []), *self.killers.get(mutant.file, [])]
        return list(dict.fromkeys(name for name in [*first, *order] if name in tests))

    def _survives(self, mutant: Mutant, items: list[pytest.Item]) -> bool:
        code = mutated(mutant)
        reading, writing = os.pipe()
        child = os.fork()
        if child == 0:
            quiet = os.open(os.devnull, os.O_WRONLY)
            os.dup2(quiet, 1)
            os.dup2(quiet, 2)
            signal.alarm(LIMIT_S)
            caught = True
            try:
                function = living(mutant) if mutant.function else None
                changed = code_in(code, mutant.function) if function else None
                if function is not None and changed is not None:
                    function.__code__ = changed
                    killer = next((item for item in items if self._run(item)), None)
                    caught = killer is not None
                    os.write(writing, killer.nodeid.encode() if killer else b"")
                else:
                    caught = self._afresh(mutant, code)
            finally:
                os._exit(1 if caught else 0)
        os.close(writing)
        killer = os.read(reading, 65_536).decode()
        os.close(reading)
        for place in (f"{mutant.file}:{mutant.function}", mutant.file) if killer else ():
            names = self.killers.setdefault(place, [])
            names[:] = [killer, *[name for name in names if name != killer]][:8]
        return os.waitpid(child, 0)[1] == 0

    def _afresh(self, mutant: Mutant, code: types.CodeType) -> bool:
        tests = str(ROOT / self.tests)
        top = module_of(str(self.package.relative_to(ROOT)))
        for name, module in list(sys.modules.items()):
            if name.startswith(top) or str(getattr(module, "__file__", "") or "").startswith(tests):
                del sys.modules[name]
        sys.meta_path.insert(0, Fresh(module_of(mutant.file), code))
        return pytest.main([tests, "-x", "-q", "-p", "no:cacheprovider", "-k", "not laws and not cli"]) != 0


def main(arguments: list[str]) -> int:
    """Hunts; returns the exit code."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("package")
    parser.add_argument("tests")
    parser.add_argument("--only", default="", help="file names without .py, separated by commas")
    parser.add_argument("--level", choices=("all", "function", "module"), default="all")
    parser.add_argument("--slice", default="1/1", help="2/4: the second of four equal parts")
    parser.add_argument("--sample", type=int, help="so many, chosen at random")
    parser.add_argument("--minutes", type=int, default=600, help="stop then; with the order at random, what was tried is a fair sample")
    parser.add_argument("--without", default="", help="pytest -k words of tests to leave out, like laws")
    parser.add_argument("--seed", type=int, default=1, help="of the random order")
    parser.add_argument("--out", help="survivors as JSON")
    parser.add_argument("--gate", type=int, default=95)
    args = parser.parse_args(arguments)
    os.chdir(ROOT)
    sys.path.insert(0, str(ROOT))
    os.environ.setdefault("HYPOTHESIS_PROFILE", "mutation")
    os.environ.setdefault("LAW_EXAMPLES", "10")
    package = ROOT / args.package
    mutants = list(mutants_of(package, [name for name in args.only.split(",") if name]))
    mutants = [each for each in mutants if args.level == "all" or (args.level == "function") == bool(each.function)]
    part, parts = map(int, args.slice.split("/"))
    mutants = mutants[part - 1 :: parts]
    random.Random(args.seed).shuffle(mutants)
    mutants = mutants[: args.sample or None]
    hunt = Hunt(package, args.tests, mutants, args.minutes)
    chosen = ["-k", f"not {args.without}"] if args.without else []
    pytest.main([args.tests, "-q", "-p", "no:cacheprovider", "-s", *chosen], plugins=[hunt])
    for survivor in hunt.survivors:
        print(f"{survivor.file}:{survivor.line} {survivor.function or '(module)'}: {survivor.what}")
    total = hunt.caught + len(hunt.survivors)
    if total < len(mutants):
        print(f"{total} of {len(mutants)} mutants tried, chosen at random")
    print(f"{hunt.caught} of {total} caught ({hunt.caught * 1000 // max(total, 1) / 10} %)")
    if args.out:
        found = {"caught": hunt.caught, "survivors": [asdict(each) for each in hunt.survivors]}
        Path(args.out).write_text(json.dumps(found, indent=1), "utf-8")
    return 0 if total and hunt.caught * 100 >= args.gate * total else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
