"""Configurations that we did not write mean the same after they went through our hands.

HAProxy's own source has examples, and regression tests that make use of nearly all it can do; its manual has more.
Each is read, and written in two ways: as text again, and through the data that `haproxy_config` takes, merged and
arranged. HAProxy then says of all three whether it accepts them, with which messages, and (from 2.8 on, `-dC`) which
words it has read.
"""

from __future__ import annotations

import collections
import io
import os
import re
import subprocess
import sys
import tarfile
from pathlib import Path

import yaml
from ansible.plugins.filter.core import to_nice_yaml

PROJECT = Path(__file__).parents[3]
sys.path.insert(0, str(PROJECT / ".collections"))

from ansible_collections.realtime.edge.plugins.module_utils._haproxy.config import merge, syntax  # noqa: E402
from ansible_collections.realtime.edge.plugins.module_utils._haproxy.config.data import from_data, to_data  # noqa: E402
from ansible_collections.realtime.edge.plugins.module_utils._haproxy.config.model import (  # noqa: E402
    Configuration,
    ConfigurationError,
)

testinfra_hosts = ["ansible://edges"]

FOLDER = "/tmp/corpus"  # where the tests' certificates, maps and scripts are
FEWEST = 300  # any release has more: fewer means that nothing was found

# For each file: the exit status of `haproxy -c`, what it says, and the words that it has read.
CHECK = f"""
cd {FOLDER} && mkdir out
dump=cat
haproxy -dC -f /dev/null 2>&1 | grep -q Usage || dump='haproxy -dC -c -f'
check='timeout 20 haproxy -c -f $1 >$2 2>&1; echo $? >>$2; {{ timeout 20 '$dump' $1 2>/dev/null; }} >$2.read'
ls original/* text/* data/* | xargs -P 2 -I F sh -c 'o=out/$(echo F | tr / @); set -- F $o; '"$check"
for file in original/* text/* data/*; do
    out=out/$(echo $file | tr / @)
    echo "$file $(tail -n 1 $out)"
    sed '$d' $out | tr -c '\\11\\12\\40-\\176' '?' | sed 's/^/s /'
    tr -c '\\11\\12\\40-\\176' '?' <$out.read | sed 's/^/r /'
done
"""


def tarball() -> Path:
    """The source that tools/release has found."""
    release = yaml.safe_load((PROJECT / ".cache/release.yml").read_text())
    return Path(release["haproxy_source_urls"][0])


def blocks(text: str) -> list[str]:
    """The configurations in one of HAProxy's regression tests."""
    found = []
    for begin in re.finditer(r"-conf(?:-OK|-BAD)?\s*\{", text):
        depth, end = 1, begin.end()
        while depth and end < len(text):
            depth += {"{": 1, "}": -1}.get(text[end], 0)
            end += 1
        found.append(text[begin.end() : end - 1])
    return found


def examples(manual: str) -> list[str]:
    """The examples in the configuration manual, each in a section where it has none."""
    found = []
    lines = manual.split("\n")
    for number, line in enumerate(lines):
        if not re.match(r" +Examples? ?:$", line):
            continue
        indent = len(line) - len(line.lstrip())
        block = []
        for more in lines[number + 1 :]:
            if more.strip() and len(more) - len(more.lstrip()) <= indent:
                break
            block.append(more.strip())
        text = re.sub(r"\\\n", " ", "\n".join(block)).strip()  # the manual's lines are short
        first = text.split("\n")[0].split() or [""]
        found.append(text if first[0] in syntax.SECTIONS else f"frontend example\n{text}")
    return found


def filled(text: str, folder: str) -> str:
    """A configuration of a test with what its runner would put in."""

    def value(macro: re.Match[str]) -> str:
        name = macro[1]
        port = 20000 + sum(name.encode()) % 9000
        if name == "testdir":
            return f"{FOLDER}/source/{folder}"
        if name == "tmpdir":
            return FOLDER
        return "127.0.0.1" if name.endswith("_addr") else str(port) if name.endswith("_port") else f"127.0.0.1:{port}"

    text = re.sub(r"(fd|unix|abns)@\$\{\w+\}", lambda bind: value(re.match(r".*\{(\w+)\}", bind[0])), text)
    return re.sub(r"\$\{(\w+)\}", value, text)


def configurations(source: tarfile.TarFile) -> dict[str, str]:
    """Name → text."""
    found = {}
    for member in source:
        inside = member.name.partition("/")[2]
        if not member.isfile() or not inside.endswith((".cfg", ".vtc", "doc/configuration.txt")):
            continue
        text = source.extractfile(member).read().decode(errors="surrogateescape")
        name = inside.replace("/", "_")
        if inside.endswith(".cfg"):
            found[name] = text
        elif inside.endswith(".txt"):
            found.update((f"{name}.{number}", f"{example}\n") for number, example in enumerate(examples(text)))
        else:
            texts = (filled(block, os.path.dirname(inside)) for block in blocks(text))
            found.update((f"{name}.{number}", f"{text}\n") for number, text in enumerate(texts))
    return found


def rewritten(text: str) -> tuple[str, str]:
    """The configuration as text, and as the data that someone who adopts it writes, who has Ansible sort the keys."""
    read = syntax.parse(text)
    assert syntax.parse(syntax.render(read)) == read
    again = merge.merge(Configuration(), from_data(yaml.safe_load(to_nice_yaml(to_data(read)))))
    assert merge.says_the_same(text, again)
    return syntax.render(read), syntax.render(again)


def said(lines: list[str]) -> list[str]:
    """Messages without process ids, places, and what only sums up."""
    text = "\n".join(line for line in lines if not re.match(r"\[NOTICE\]|.*(Fatal|Error\(s\)) (errors )?found", line))
    places = r"\(\d+\)|at (line|position) \d+|\[?(original|text|data)/[^ :\]]+(:\d+)?\]?|:\d+\b"
    return re.sub(places, "", text).split("\n")


def words_of(lines: list[str]) -> list[str]:
    """All lines, in whatever order; several sections `global` are the same as one."""
    return sorted(line for line in lines if line != "global")


def answers(output: str) -> dict[str, tuple[int, list[str], list[str]]]:
    """File → exit status, messages, the words it has read."""
    found = {}
    for line in output.splitlines():
        if line.startswith(("original/", "text/", "data/")):
            name, status = line.split()
            found[name] = int(status), [], []
        elif line.startswith("s "):
            found[name][1].append(line[2:].rstrip())
        elif line[2:].strip():
            found[name][2].append(" ".join(line[2:].split()))
    return {name: (status, said(words), read) for name, (status, words, read) in found.items()}


def test_what_was_read_and_written_means_the_same(host):
    archive = io.BytesIO()
    with tarfile.open(tarball()) as source, tarfile.open(fileobj=archive, mode="w") as corpus:
        texts = configurations(source)
        refused = {}

        def add(name, content):
            entry = tarfile.TarInfo(name)
            entry.size = len(content)
            corpus.addfile(entry, io.BytesIO(content))

        add("corpus/out/.keep", b"")
        for name, text in texts.items():
            try:
                versions = rewritten(text)
            except ConfigurationError as error:
                versions, refused[name] = (text, text), error
            for folder, version in zip(("original", "text", "data"), (text, *versions)):
                add(f"corpus/{folder}/{name}", version.encode(errors="surrogateescape"))
        for member in source:
            if "/reg-tests/" in member.name and member.isfile():
                add(f"corpus/source/{member.name.partition('/')[2]}", source.extractfile(member).read())
    name = host.backend.get_pytest_id().rpartition("/")[2]
    subprocess.run(["docker", "exec", "-i", name, "tar", "-x", "-C", "/tmp"], input=archive.getvalue(), check=True)
    output = host.check_output("sh -c %s; rm -rf %s", CHECK, FOLDER)
    found = answers(output)

    accepted = different = 0
    problems = []
    for name in texts:
        status, words, read = found[f"original/{name}"]
        accepted += status in (0, 2)
        if name in refused and status in (0, 2):
            problems.append((name, "refused", (status, words), refused[name].problems))
        if found[f"text/{name}"] != (status, words, read):
            problems.append((name, "text", (status, words), found[f"text/{name}"][:2]))
        data_status, data_words, data_read = found[f"data/{name}"]
        more = collections.Counter(data_words) - collections.Counter(words)
        same = data_status == status and (status == 1 or (not more and words_of(data_read) == words_of(read)))
        if not same:
            problems.append((name, "data", (status, words), (data_status, data_words)))
        different += data_read != read
    print(f"{len(texts)} configurations, {accepted} accepted by this HAProxy, {different} arranged differently")
    assert problems == []
    assert len(texts) > FEWEST
