"""What the documentation shows can be run, and what it links to is there."""

from __future__ import annotations

import copy
import re
import subprocess
from pathlib import Path
from urllib.parse import unquote

import pytest
import yaml
from ansible.module_utils.common.arg_spec import ArgumentSpecValidator
from ansible_collections.realtime.edge.plugins.module_utils._haproxy.fragments.arguments import OPTIONS
from ansible_collections.realtime.edge.plugins.module_utils._haproxy.fragments.manage import Request, manage
from ansible_collections.realtime.edge.plugins.module_utils._haproxy.services.definition import named_groups
from markdown_it import MarkdownIt

ROOT = Path(__file__).resolve().parents[2]
REPOSITORY = "https://github.com/realtime-edge/realtime.edge"
PLACES = re.compile(
    rf"{REPOSITORY}/(?:blob|tree)/main/|https://raw\.githubusercontent\.com/realtime-edge/realtime\.edge/main/"
)
SHELL = re.compile(
    r"(?:#|ansible|bash|cd|cp|curl|docker|git|grep|journalctl|make|molecule|openssl|pip|ps|python3|sudo|sysctl|systemctl)\b"
    r"|\.venv/|#"
)
YAML = re.compile(r"(?:---|- \w+:|\w+:)(?:\s|$)")
PAGES = sorted(
    path
    for path in [*ROOT.glob("*.md"), *ROOT.glob("docs/**/*.md"), *ROOT.glob("roles/*/*.md")]
    if "node_modules" not in path.parts
)


def name(path):
    return str(path.relative_to(ROOT))


def blocks(path):
    """Each block of code as (line, language, text); an indented block is in the language of its first line."""
    for token in MarkdownIt("commonmark").parse(path.read_text(encoding="utf-8")):
        language = token.info.split()[0] if token.info else ""
        if token.type == "code_block":
            first = re.sub(r"\A(#.*\n)+", "", token.content)
            language = "sh" if SHELL.match(first) else "yaml" if YAML.match(first) else ""
        if language == "console":  # what is typed stands after a prompt
            yield token.map[0] + 1, "sh", "".join(re.findall(r"^\$ (.*\n)", token.content, re.MULTILINE))
        elif token.type in ("fence", "code_block"):
            yield token.map[0] + 1, language, token.content


def all_blocks(*languages):
    return [
        pytest.param(text, id=f"{name(path)}:{line}")
        for path in PAGES
        for line, language, text in blocks(path)
        if language in languages
    ]


SHELL_BLOCKS = all_blocks("sh", "bash", "shell")
YAML_BLOCKS = all_blocks("yaml", "yml")
PYTHON_BLOCKS = all_blocks("python")
ROLE = yaml.safe_load((ROOT / "roles/haproxy/meta/argument_specs.yml").read_text(encoding="utf-8"))["argument_specs"]

# The variables of the role that are options of haproxy_config as they are.
SETTINGS = ("services", "sections", "binds", "limits", "trusted_proxies", "base_settings")

# What a fenced block is in; "text" is what neither a test nor a reader can run.
LANGUAGES = {"console", "ini", "jinja", "python", "sh", "text", "yaml"}


def anchors(path):
    """The fragments that the headings of a page have on GitHub."""
    found = set()
    for heading in re.findall(r"^#{1,6} +(.+?) *$", path.read_text(encoding="utf-8"), re.MULTILINE):
        text = re.sub(r"[^\w\- ]", "", re.sub(r"\[([^\]]*)\]\([^)]*\)", r"\1", heading).lower()).replace(" ", "-")
        number = 0
        while (fragment := f"{text}-{number}" if number else text) in found:
            number += 1
        found.add(fragment)
    return found


def targets(path):
    """What a page links to and shows."""
    for token in MarkdownIt("commonmark").enable("table").parse(path.read_text(encoding="utf-8")):
        for child in token.children or []:
            target = child.attrGet("href") or child.attrGet("src")
            if target:
                yield str(target)


def problem(path, target):
    """Say what is wrong with a link of a page, or nothing where it is right or leads elsewhere."""
    place, _, fragment = unquote(PLACES.sub("/", target)).partition("#")
    if re.match(r"\w+:", place):
        return ""
    file = path if not place else ROOT / place[1:] if place.startswith("/") else path.parent / place
    if not file.exists():
        return f"{name(path)}: {target}: there is no such file"
    if fragment and fragment not in anchors(file):
        return f"{name(path)}: {target}: {name(file.resolve())} has no such heading"
    return ""


def test_there_is_something_to_try():
    assert len(SHELL_BLOCKS) > 10
    assert len(YAML_BLOCKS) > 10


@pytest.mark.parametrize("text", SHELL_BLOCKS)
def test_shell_is_shell_and_names_what_exists(text):
    done = subprocess.run(["bash", "-n"], input=text, capture_output=True, text=True, check=False)
    assert done.stderr == ""
    targets = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(encoding="utf-8"), re.MULTILINE))
    for line in text.splitlines():
        command = line.split(" #")[0]
        for playbook in re.findall(r"\b(?:playbooks/|realtime\.edge\.)(\w+)(?:\.yml)?", command):
            if command.startswith("ansible-playbook"):
                assert (ROOT / f"playbooks/{playbook}.yml").is_file(), command
        if command.startswith("make "):
            words = [word for word in command.split()[1:] if "=" not in word and not word.startswith('"')]
            assert set(words) <= targets, command


def mappings(data):
    """Each mapping in a document: variables stand at the top, below `vars`, or in an inventory."""
    if isinstance(data, dict):
        yield data
    for value in data.values() if isinstance(data, dict) else data if isinstance(data, list) else ():
        yield from mappings(value)


def without_templates(data):
    """The values that need no inventory."""
    return {key: value for key, value in data.items() if "{{" not in str(value)}


def render(arguments):
    """The configuration that arguments of haproxy_config make, with groups as they name them."""
    named = sorted(named_groups(arguments.get("services", [])))
    groups = {group: [{"name": f"n{n}", "address": f"10.0.0.{n}"}] for n, group in enumerate(named, 1)}
    checked = ArgumentSpecValidator(OPTIONS).validate({"groups": groups, **arguments})
    assert checked.error_messages == []
    if checked.validated_parameters["state"] != "rendered":
        return ""
    return manage(Request(checked.validated_parameters, False, False, lambda _secrets: None))["rendered"]


@pytest.mark.parametrize("text", YAML_BLOCKS)
def test_yaml_is_yaml_and_names_variables_that_exist(text):
    names = {name for entry in ROLE.values() for name in entry.get("options", {})}
    for document in yaml.safe_load_all(text):
        for mapping in mappings(document):
            named = {key for key in mapping if str(key).startswith("haproxy_")}
            assert named <= names
            values = {key: value for key, value in without_templates(mapping).items() if key in named}
            options = copy.deepcopy(ROLE["main"]["options"])  # a validation fills the defaults in place
            assert ArgumentSpecValidator(options).validate(values).error_messages == []


@pytest.mark.parametrize("text", YAML_BLOCKS)
def test_yaml_makes_a_configuration(text):
    """What the role or the module gets is taken, to the last key."""
    for document in yaml.safe_load_all(text):
        for mapping in mappings(document):
            settings = {name: mapping[f"haproxy_{name}"] for name in SETTINGS if f"haproxy_{name}" in mapping}
            for given in (settings, mapping.get("realtime.edge.haproxy_config", {})):
                if values := without_templates(given):
                    assert render({"state": "rendered", **values}) or not {"services", "sections"} & values.keys()


@pytest.mark.parametrize("text", PYTHON_BLOCKS)
def test_python_is_python(text):
    compile(text, "block", "exec")


@pytest.mark.parametrize("path", PAGES, ids=name)
def test_blocks_say_what_they_are_in(path):
    fences = [token.info for token in MarkdownIt("commonmark").parse(path.read_text("utf-8")) if token.type == "fence"]
    assert [info for info in fences if info.partition(" ")[0] not in LANGUAGES] == []


@pytest.mark.parametrize("path", PAGES, ids=name)
def test_links_lead_somewhere(path):
    assert [found for target in targets(path) if (found := problem(path, target))] == []


def test_a_readme_on_galaxy_links_to_whole_addresses():
    for path in (ROOT / "README.md", *ROOT.glob("roles/*/README.md")):
        assert [target for target in targets(path) if not re.match(r"https://|#", target)] == []
