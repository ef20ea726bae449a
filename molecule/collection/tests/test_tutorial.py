"""Somebody who has Python and the artifact, and nothing else of this project, follows the tutorial word by word."""

from __future__ import annotations

import os
import re
import shlex
import ssl
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
import testinfra

PROJECT = Path(__file__).parents[3]
TUTORIAL = PROJECT / "docs/tutorial.md"
HOST = "collection-newcomer"
FOLDER = "/root/tutorial"
FENCE = re.compile(r"^```(\w+)(?: title=(\S+))?\n(.*?)^```$", re.MULTILINE | re.DOTALL)


def steps(text: str) -> Iterator[tuple[str, str]]:
    """Yield what the tutorial asks for, in its order: a command of bash, and what it prints."""
    for language, title, content in FENCE.findall(text):
        if title:
            yield f"cat >{shlex.quote(title)} <<'END_OF_THE_FILE'\n{content}END_OF_THE_FILE", ""
        elif language == "console":
            for part in re.split(r"^\$ ", content, flags=re.MULTILINE)[1:]:
                command, _, printed = part.partition("\n")
                yield command, printed or "...\n"


def matches(printed: str, shown: str) -> bool:
    """Whether a command printed what the tutorial shows; "..." stands for what it leaves out."""
    pattern = re.escape(shown.strip()).replace(r"\.\.\.", ".*")
    return re.fullmatch(pattern, printed.strip(), re.DOTALL) is not None


@pytest.fixture(scope="module")
def newcomer():
    """A machine with Python, and a folder with the artifact; it trusts whom this machine trusts."""
    host = testinfra.get_host(f"ansible://{HOST}")
    host.check_output("mkdir %s", FOLDER)
    trusted = os.environ.get("SSL_CERT_FILE") or ssl.get_default_verify_paths().cafile
    (artifact,) = (PROJECT / ".cache/collection").glob("realtime-edge-*.tar.gz")
    for source, target in ((trusted, "/etc/ssl/certs/ca-certificates.crt"), (artifact, FOLDER)):
        subprocess.run(["docker", "cp", "--follow-link", str(source), f"{HOST}:{target}"], check=True)
    return host


def test_each_step_of_the_tutorial_works_and_prints_what_it_shows(newcomer):
    asked = list(steps(TUTORIAL.read_text(encoding="utf-8")))
    assert len(asked) > 20
    script = ["exec 2>&1", "set -eo pipefail"]
    for number, (command, _) in enumerate(asked):
        script += [f"echo '<step {number}>'", command]
    done = newcomer.run("cd %s && PIP_CERT=/etc/ssl/certs/ca-certificates.crt bash -c %s", FOLDER, "\n".join(script))
    printed = re.split(r"^<step \d+>\n", done.stdout, flags=re.MULTILINE)[1:]
    assert done.rc == 0, f"{asked[len(printed) - 1][0]}\n{printed[-1]}"
    for (command, shown), said in zip(asked, printed):
        assert matches(said, shown), f"{command}\n{said}"
