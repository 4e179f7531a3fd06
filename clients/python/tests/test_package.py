"""What a user gets: a wheel that installs alone, with types and scripts, and a README that runs."""

from __future__ import annotations

import re
import subprocess
import sys
import venv
from pathlib import Path

import pytest
from server import Server

ROOT = Path(__file__).parents[1]


@pytest.fixture(scope="module")
def python(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The Python of an empty environment that installed the wheel."""
    folder = tmp_path_factory.mktemp("package")
    run(sys.executable, "-m", "build", "--no-isolation", "--outdir", str(folder), str(ROOT))
    wheels = list(folder.glob("*.whl"))
    assert len(wheels) == 1 and len(list(folder.glob("*.tar.gz"))) == 1
    venv.create(folder / "env", with_pip=True)
    python = folder / "env" / "bin" / "python"
    run(str(python), "-m", "pip", "install", "-q", "--disable-pip-version-check", str(wheels[0]))
    return python


def run(*command: str) -> str:
    done = subprocess.run(command, capture_output=True, text=True, timeout=240)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def test_the_wheel_has_types_and_scripts_and_needs_only_redis(python: Path) -> None:
    program = """
import importlib.resources, flowbroker, flowbroker.contract, json
files = importlib.resources.files(flowbroker)
assert files.joinpath("py.typed").is_file()
manifest = json.loads(files.joinpath("lua", "manifest.json").read_text())
print(all(flowbroker.contract.script(verb).sha1 == one["sha1"] for verb, one in manifest["scripts"].items()))
"""
    assert run(str(python), "-c", program) == "True\n"
    installed = run(str(python), "-m", "pip", "list", "--format=freeze")
    assert {line.split("==")[0] for line in installed.split()} <= {
        "flowbroker",
        "redis",
        "pip",
        "setuptools",
        "async-timeout",
    }


def test_the_examples_of_the_readme_run(python: Path, shared: Server) -> None:
    blocks = re.findall(r"```python\n(.*?)```", (ROOT / "README.md").read_text(), re.S)
    printed = [run(str(python), "-c", block.replace("redis://localhost:6379", shared.url)) for block in blocks]
    assert printed == [
        "{'access_token': 't'}\n{'redeemed_in_attempt': 1}\n",
        "['redeemed for ada in attempt 1', 'redeemed for ada in attempt 1']\n",
    ]
