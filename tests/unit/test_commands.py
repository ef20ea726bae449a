"""Commands of a host: what they print, how they end, and that none is waited for without end."""

import os
import sys

import pytest
from ansible_collections.realtime.edge.plugins.module_utils._haproxy import commands


def test_what_it_printed_and_how_it_ended(tmp_path):
    script = "import os, sys; print(sys.stdin.read(), os.getcwd(), os.environ['WORD'], flush=True); sys.exit('why')"
    done = commands.run(
        *(sys.executable, "-c", script), limit=60, text="said", folder=tmp_path, environment={**os.environ, "WORD": "x"}
    )
    assert done == (1, f"said {tmp_path} x\n", "why\n")


def test_errors_stand_between_the_lines_they_are_about():
    script = "import os; [os.write(stream, text) for stream, text in ((1, b'one '), (2, b'two '), (1, b'three'))]"
    assert commands.run(sys.executable, "-c", script, limit=60, merge=True) == (0, "one two three", "")


def test_one_that_hangs_is_an_error_with_its_limit():
    with pytest.raises(TimeoutError, match=r"it did not end within 0.1 s: 'sleep'"):
        commands.run("sleep", "60", limit=0.1)


@pytest.mark.parametrize(
    ("command", "output"),
    [(["echo", "here"], "here\n"), (["sh", "-c", "echo here; exit 1"], ""), (["/nonexistent"], "")],
)
def test_the_output_of_one_that_fails_or_is_missing_is_empty(command, output):
    assert commands.read_output(*command) == output


def test_bytes_that_are_no_text_stop_nothing():
    assert commands.read_output("printf", r"a\377b") == "a\ufffdb"
