"""Who may import whom. Reads the source, imports nothing."""

import ast
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
PURE_NAMES = tuple(
    f"posagent.{name}"
    for name in (
        "loyalty", "counter", "counter_parts", "counter_sale", "counter_redeem", "counter_charge",
        "counter_amend", "counter_join", "checkout", "checkout_events", "redeeming", "redemption_events",
        "doors", "events", "handout", "open_checkout", "page_events", "day_report", "member_code", "check_digits", "token_codes",
        "slips", "slip_texts", "pairing_slip", "screen.upos", "strict", "messages", "scan_router",
    )
)
PURE_STDLIB = {
    "__future__", "abc", "base64", "bisect", "collections", "csv", "dataclasses", "datetime", "difflib", "enum", "fractions", "functools",
    "hashlib", "hmac", "itertools", "json", "math", "operator", "re", "string", "struct", "tomllib", "types", "typing", "unicodedata",
    "zoneinfo",
}  # fmt: skip
FOR_DRIVERS = tuple(f"posagent.{name}" for name in ("ports", "errors", "slips", "strict", "member_code"))
PROTOCOL = tuple(f"offline_queue.{part}" for part in ("answers", "chain", "errors", "signature", "signed_file", "wire"))
OUR_TOPS = {"posagent", "drivers", "offline_queue", "virtual_counter", "tools"}
SOURCES = sorted(p for top in ("posagent", "drivers", "offline_queue", "virtual_counter") for p in (ROOT / top).rglob("*.py"))


def imports(path: Path) -> list[str]:
    found = []
    for node in ast.walk(ast.parse(path.read_text("utf-8"))):
        if isinstance(node, ast.Import):
            found += [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}: relative imports hide the layer"
            found += [f"{node.module}.{alias.name}" for alias in node.names]
    return found


def is_in(name: str, packages: tuple[str, ...] | list[str]) -> bool:
    return any(name == package or name.startswith(package + ".") for package in packages)


def module_name(path: Path) -> str:
    return ".".join(path.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__")


def allowed(module: str, name: str) -> bool:
    top = name.split(".")[0]
    ours = top in OUR_TOPS
    if is_in(module, PURE_NAMES):
        return is_in(name, PURE_NAMES) if ours else top in PURE_STDLIB
    if module in {"posagent.ports", "posagent.errors"}:
        return is_in(name, (*PURE_NAMES, "posagent.errors")) if ours else top in sys.stdlib_module_names
    if module.startswith("drivers"):
        return not ours or is_in(name, ("drivers", *FOR_DRIVERS))
    if module.startswith("offline_queue"):
        if ours:
            return is_in(name, ("offline_queue",))
        return top in sys.stdlib_module_names or top in {"sqlite_utils", "requests", "urllib3", "tenacity", "cryptography"}
    if module.startswith("virtual_counter.demo"):
        return top != "drivers"  # the demo starts the agent and the receiver as an operator would
    if module.startswith("virtual_counter"):
        return not ours or is_in(name, ("virtual_counter",))
    if is_in(module, ("posagent.cloud",)):
        return not ours or is_in(name, (*PURE_NAMES, "posagent.cloud", "posagent.errors", *PROTOCOL))
    if module.startswith("posagent.cli"):
        return top != "drivers"
    return not is_in(name, ("drivers", "posagent.cloud", "virtual_counter", "posagent.cli")) or module == "posagent.__main__"


@pytest.mark.parametrize("path", SOURCES, ids=module_name)
def test_a_module_imports_only_what_its_layer_may(path: Path) -> None:
    module = module_name(path)
    wrong = [name for name in imports(path) if not allowed(module, name)]
    assert not wrong, f"{module} must not import {', '.join(wrong)}"


@pytest.mark.parametrize("path", [p for p in SOURCES if is_in(module_name(p), PURE_NAMES)], ids=module_name)
def test_the_pure_core_knows_no_float(path: Path) -> None:
    constants = [node for node in ast.walk(ast.parse(path.read_text("utf-8"))) if isinstance(node, ast.Constant)]
    floats = [node.lineno for node in constants if isinstance(node.value, float)]
    assert not floats, f"{path.name}: float literals at lines {floats}"


@pytest.mark.parametrize("path", SOURCES, ids=module_name)
def test_a_module_says_in_its_first_line_what_it_owns(path: Path) -> None:
    tree = ast.parse(path.read_text("utf-8"))
    assert not tree.body or ast.get_docstring(tree), f"{path}: the first line must say what the module owns"


def test_the_product_names_no_place_of_its_making() -> None:
    for path in SOURCES:
        text = path.read_text("utf-8")
        assert "../shared" not in text, path
