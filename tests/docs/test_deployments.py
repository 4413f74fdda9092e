"""The deployments to copy are valid YAML, and their commands are commands of this program."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from casemgmt_async.cli.app import app

yaml = pytest.importorskip("yaml", reason="PyYAML is not installed")
FOLDER = Path(__file__).parents[2] / "examples" / "deploy"
FILES = sorted(FOLDER.glob("*.yaml"))


def commands(part: Any) -> list[list[str]]:
    """Find every list of arguments that begins with the command."""
    if isinstance(part, dict):
        return [found for value in part.values() for found in commands(value)]
    if isinstance(part, list):
        return [part] if part[:1] == ["casemgmt"] else [found for value in part for found in commands(value)]
    return []


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.name)
def test_a_deployment_is_yaml_and_its_options_exist(file: Path) -> None:
    documents = [document for document in yaml.safe_load_all(file.read_text()) if document]
    assert all("services" in document or {"apiVersion", "kind", "metadata"} <= set(document) for document in documents)
    for command in commands(documents):
        names = [name for name in command[1:3] if not name.startswith(("-", "/"))]
        shown = CliRunner().invoke(app, [*names, "--help"]).output
        for option in command:
            if option.startswith("--"):
                assert option.partition("=")[0] in shown, (file.name, option)


def test_pods_get_more_time_than_the_grace_of_a_job() -> None:
    for file in FILES:
        for line in file.read_text().splitlines():
            name, _, value = line.partition(":")
            if name.strip() in ("terminationGracePeriodSeconds", "stop_grace_period"):
                assert int(value.split("#")[0].strip().removesuffix("s")) > 10


def test_there_is_one_of_each_kind() -> None:
    kinds = {document.get("kind") for file in FILES for document in yaml.safe_load_all(file.read_text())}
    assert {"CronJob", "Job", "Deployment", "StatefulSet"} <= kinds
