"""The house of docs/architecture.md: what a room may import, what a module may do, how long a function may be."""

import ast
import graphlib
import importlib.util
import sysconfig
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
HOUSE = ROOT / "module_utils/_haproxy"

# The ground floor first; a package imports from the floors below its own. The probe stands apart.
FLOORS = (
    {"errors", "atomic_file", "commands", "paths"},
    {"host"},
    {"config"},
    {"services", "binary", "runtime"},
    {"certificates", "build", "pair"},
    {"deploy"},
    {"fragments"},
    {"report"},
)
APART = {"probe": {"errors"}, "agent": set()}
LEVEL = {package: level for level, packages in enumerate(FLOORS) for package in packages}

# Ansible's own, and why: its `open_url` knows proxies, certificates and credentials as the user has set them.
FOREIGN = {"build.source": {"ansible.module_utils.urls"}}

# Longer than 45 lines, and why.
LONG = {"library/haproxy_build.py:main": "it is the list of arguments"}
LINES = 45


def room_of(path):
    """`config.model` for module_utils/_haproxy/config/model.py."""
    return ".".join(path.relative_to(HOUSE).with_suffix("").parts)


ROOMS = {room_of(path): ast.parse(path.read_text()) for path in sorted(HOUSE.rglob("*.py")) if path.stem != "__init__"}
MODULES = sorted((ROOT / "library").glob("*.py"))


def imports(room, tree):
    """The rooms and the other modules that a room imports, wherever in its text."""
    rooms, others = set(), set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            others.update(name.name for name in node.names)
        elif isinstance(node, ast.ImportFrom) and not node.level:
            others.add(node.module)
        elif isinstance(node, ast.ImportFrom):
            base = room.split(".")[: -node.level]
            target = ".".join([*base, *([node.module] if node.module else [])])
            rooms.update({target} if target in ROOMS else {f"{target}.{name.name}".lstrip(".") for name in node.names})
    return rooms, others


def is_allowed(room, imported):
    package, other = room.partition(".")[0], imported.partition(".")[0]
    if package == other:
        return True
    if package in APART:
        return other in APART[package]
    return LEVEL.get(other, len(FLOORS)) < LEVEL[package]


def in_standard_library(name):
    spec = importlib.util.find_spec(name.partition(".")[0])
    if spec is None:
        return False
    origin = spec.origin or ""
    return origin in ("built-in", "frozen") or (
        origin.startswith(sysconfig.get_path("stdlib")) and "-packages" not in origin
    )


def test_every_package_has_its_floor():
    packages = {room.partition(".")[0] for room in ROOMS}
    assert packages == {*LEVEL, *APART}


@pytest.mark.parametrize("room", ROOMS)
def test_a_room_imports_from_the_floors_below_it(room):
    rooms, _others = imports(room, ROOMS[room])
    assert not rooms - ROOMS.keys()
    assert not [imported for imported in rooms if not is_allowed(room, imported)]


def test_no_rooms_import_each_other_in_a_circle():
    try:
        graphlib.TopologicalSorter({room: imports(room, tree)[0] for room, tree in ROOMS.items()}).prepare()
    except graphlib.CycleError as error:
        pytest.fail(f"a circle: {' → '.join(error.args[1])}")


@pytest.mark.parametrize("room", ROOMS)
def test_a_room_imports_the_standard_library_only(room):
    _rooms, others = imports(room, ROOMS[room])
    assert not [name for name in others - FOREIGN.get(room, set()) if not in_standard_library(name)]


def test_commands_are_run_in_one_room():
    """Each with a time limit. `pair.handover` is a program too, and stands alone."""
    assert {room for room in ROOMS if "subprocess" in imports(room, ROOMS[room])[1]} == {"commands", "pair.handover"}


def test_a_package_imports_nothing():
    filled = [str(path.relative_to(ROOT)) for path in HOUSE.rglob("__init__.py") if path.stat().st_size]
    assert not filled, "what an __init__.py imports is shipped with every module"


# What a module may import besides its rooms: nothing by which it could reach the host itself.
HARMLESS = {
    "__future__",
    "ansible.module_utils.basic",
    "ansible.module_utils.common.arg_spec",
    "dataclasses",
    "os",
    "pathlib",
    "typing",
}
BRANCHES = (ast.If, ast.IfExp, ast.For, ast.While, ast.ExceptHandler)
MOST_BRANCHES = 5


def faults(tree):
    """Yield what is logic in a module: what touches the host, and a function of more than a few branches and loops."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (f"imports {name.name}" for name in node.names if name.name not in HARMLESS)
        elif isinstance(node, ast.ImportFrom) and not node.level and node.module not in HARMLESS:
            yield f"imports {node.module}"
        elif isinstance(node, ast.Attribute) and ast.unparse(node.value) == "os" and node.attr != "path":
            yield f"line {node.lineno} uses os.{node.attr}"
        elif isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "open":
            yield f"line {node.lineno} opens a file"
        elif isinstance(node, ast.FunctionDef):
            branches = sum(isinstance(inner, BRANCHES) for inner in ast.walk(node))
            if branches > MOST_BRANCHES:
                yield f"{node.name} has {branches} branches"


@pytest.mark.parametrize("path", MODULES, ids=lambda path: path.stem)
def test_a_module_is_arguments_documentation_and_exit(path):
    assert list(faults(ast.parse(path.read_text()))) == []


def shipped():
    """Every Python file that ships or that makes what ships."""
    tools = [path for path in (ROOT / "tools").iterdir() if path.is_file() and "python" in path.read_text()[:40]]
    actions = (ROOT / "plugins").glob("action/*.py")
    return [*HOUSE.rglob("*.py"), *MODULES, *actions, *tools]


def test_a_function_can_be_read():
    too_long = {}
    for path in shipped():
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.FunctionDef) and node.end_lineno - node.lineno >= LINES:
                too_long[f"{path.relative_to(ROOT)}:{node.name}"] = node.end_lineno - node.lineno + 1
    assert not {where: lines for where, lines in too_long.items() if where not in LONG}
    assert not LONG.keys() - too_long.keys(), "an exception that is not needed any more"


def test_the_tests_mirror_the_house():
    """A test of a room is where the room's name says; what concerns all rooms is beside this file."""
    names = {*ROOMS, *(f"library.{path.stem}" for path in MODULES)}
    tests = [path.relative_to(ROOT / "tests/unit") for path in (ROOT / "tests/unit").rglob("*/test_*.py")]
    rooms = {".".join([*path.parts[:-1], path.stem[len("test_") :]]) for path in tests if path.parts[1:]}
    assert not rooms - names
