"""Every dependency says why it is there and how old it may be."""

import re
import tomllib

import pytest

from tests.house.repository import ROOT


def requirements(pyproject: str) -> list[str]:
    settings = tomllib.loads(pyproject)
    project = settings["project"]
    listed = [
        *project.get("dependencies", []),
        *(requirement for extra in project.get("optional-dependencies", {}).values() for requirement in extra),
        *(requirement for group in settings.get("dependency-groups", {}).values() for requirement in group),
    ]
    # An extra that is made of others brings nothing of its own.
    return [requirement for requirement in listed if not requirement.startswith(f"{project['name']}[")]


def without_reason(pyproject: str) -> list[str]:
    reasoned = re.findall(r'"([^"\n]+)"[\],]*\s*#\s*\S.*$', pyproject, re.MULTILINE)
    return [requirement for requirement in requirements(pyproject) if requirement not in reasoned]


def without_lower_bound(pyproject: str) -> list[str]:
    return [requirement for requirement in requirements(pyproject) if not re.search(r">=|==|~=", requirement)]


def test_every_dependency_has_a_reason_and_a_lower_bound() -> None:
    pyproject = (ROOT / "pyproject.toml").read_text(encoding="utf-8")
    assert len(requirements(pyproject)) > 10
    assert without_reason(pyproject) == []
    assert without_lower_bound(pyproject) == []


SAMPLE = """
[project]
name = "sixin"
dependencies = [
  "good>=1",  # because
  "mute>=1",
  "loose",  # because
]

[project.optional-dependencies]
extra = ["dumb>=2"]
fine = ["fine>=2"]  # because
all = ["sixin[extra,fine]"]

[dependency-groups]
dev = ["capped<3"]  # because
"""


@pytest.mark.parametrize(
    ("rule", "refused"),
    [
        pytest.param(without_reason, ["mute>=1", "dumb>=2"], id="no reason"),
        pytest.param(without_lower_bound, ["loose", "capped<3"], id="no lower bound"),
    ],
)
def test_a_dependency_without_one_of_them_is_refused(rule: type, refused: list[str]) -> None:
    assert rule(SAMPLE) == refused
