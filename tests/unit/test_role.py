"""The role says of each variable what it does, and does what it says."""

from __future__ import annotations

from pathlib import Path

import yaml
from ansible.module_utils.common.arg_spec import ArgumentSpecValidator

ROLE = Path(__file__).resolve().parents[2] / "roles/haproxy"


def read(path):
    return yaml.safe_load((ROLE / path).read_text(encoding="utf-8"))


def test_the_described_defaults_are_those_that_hold():
    options = read("meta/argument_specs.yml")["argument_specs"]["main"]["options"]
    described = {name: option["default"] for name, option in options.items() if "default" in option}
    assert described == read("defaults/main.yml")


def test_the_defaults_pass_the_validation_of_the_role():
    options = read("meta/argument_specs.yml")["argument_specs"]["main"]["options"]
    assert ArgumentSpecValidator(options).validate(read("defaults/main.yml")).error_messages == []
