"""The core is pure: no float, no clock, no input or output. Reads the source."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

FILES = sorted((Path(__file__).parents[2] / "posagent" / "loyalty").rglob("*.py"))
STDLIB = {"__future__", "collections", "dataclasses", "datetime", "hashlib", "json", "re", "typing"}
FORBIDDEN_CALLS = {"float", "open", "print", "input", "eval", "exec", "round", "hash", "id", "__import__", "globals"}
CLOCK = {"now", "today", "utcnow", "fromtimestamp", "time"}


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_there_is_no_float_no_clock_and_no_input_or_output(path: Path) -> None:
    wrong = []
    for node in ast.walk(ast.parse(path.read_text("utf-8"))):
        match node:
            case ast.Constant(value=float() | complex()):
                wrong.append((node.lineno, "float literal"))
            case ast.BinOp(op=ast.Div()) | ast.AugAssign(op=ast.Div()):
                wrong.append((node.lineno, "division /"))
            case ast.Call(func=ast.Name(id=name)) if name in FORBIDDEN_CALLS:
                wrong.append((node.lineno, f"{name}()"))
            case ast.Call(func=ast.Attribute(attr=name)) if name in CLOCK:
                wrong.append((node.lineno, f".{name}()"))
            case ast.Import(names=names):
                wrong += [(node.lineno, alias.name) for alias in names if alias.name not in STDLIB]
            case ast.ImportFrom(module=module) if module is not None:
                ours = module.startswith("posagent.loyalty") or module == "posagent.strict"
                if not ours and module.partition(".")[0] not in STDLIB:
                    wrong.append((node.lineno, module))
            case ast.Global() | ast.Nonlocal():
                wrong.append((node.lineno, "state between calls"))
            case _:
                pass
    assert wrong == []


def test_the_check_sees_what_it_forbids() -> None:
    seen = [type(node).__name__ for node in ast.walk(ast.parse("x = 1 / 2.0"))]
    assert "Div" in seen
    assert len(FILES) > 20
