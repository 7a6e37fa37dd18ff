"""Hold the program and its sandbox to PyPI's ``openmetadata-ingestion``: ``run.py [PYTEST OPTION ...]``.

Needs Python 3.11, pip, and package registries. Makes ``.venv-reference/`` at the repository's root (a folder
that git ignores): uv, and the reference in an environment of its own. The checks run in the interpreter that
runs this script if it has this project and its test tools, else in a third environment there. Ends with
pytest's exit code; with 1 where an environment cannot be made.
"""

import importlib.util
import os
import subprocess
import sys
import venv
from pathlib import Path

HERE = Path(__file__).resolve().parent
ROOT = HERE.parents[2]
FOLDER = ROOT / ".venv-reference"
REFERENCE = (
    "openmetadata-ingestion==2.0.7.0",
    "collate-dbt-artifacts-parser==0.1.4",
    "psycopg2-binary",
    "pymysql",
    "pytz",
)
OVERRIDES = ('dbt-core ; python_version < "3"', "certifi")
"""The reference names a dbt-core whose build reaches out to the internet, and needs none for dbt Cloud."""
OURS = ("dbtcollate_tui", "httpx", "pytest", "pytest_asyncio")


def _python(name: str) -> Path:
    return FOLDER / name / ("Scripts/python.exe" if os.name == "nt" else "bin/python")


def _uv(*arguments: str) -> None:
    if not _python("uv").exists():
        venv.create(FOLDER / "uv", with_pip=True)
    if subprocess.run([_python("uv"), "-c", "import uv"], capture_output=True, check=False).returncode:
        subprocess.run([_python("uv"), "-m", "pip", "install", "--quiet", "uv>=0.8,<1"], check=True)
    subprocess.run([_python("uv"), "-m", "uv", *arguments], check=True)


def _environment(name: str, *requirements: str) -> Path:
    if not _python(name).exists():
        _uv("venv", "--quiet", "--python", sys.executable, str(FOLDER / name))
    _uv("pip", "install", "--quiet", "--python", str(_python(name)), *requirements)
    return _python(name)


def reference_python() -> Path:
    """The interpreter that has the reference, made if it is not there."""
    FOLDER.mkdir(exist_ok=True)
    overrides = FOLDER / "overrides.txt"
    overrides.write_text("\n".join(OVERRIDES) + "\n", encoding="utf-8")
    return _environment("reference", "--override", str(overrides), *REFERENCE)


def environment_of(name: str, *requirements: str) -> Path:
    """The interpreter of an environment beside the reference's, made if it is not there."""
    FOLDER.mkdir(exist_ok=True)
    return _environment(name, *requirements)


def our_python() -> Path:
    """An interpreter that has this project and its test tools: this one, or one that is made."""
    if all(importlib.util.find_spec(name) for name in OURS):
        return Path(sys.executable)
    return _environment("ours", "--editable", f"{ROOT}[dev]")


def main() -> int:
    """Make what is missing and run the checks; pytest's exit code."""
    try:
        environment = {**os.environ, "DBTCOLLATE_REFERENCE_PYTHON": str(reference_python())}
        python = our_python()
    except (OSError, subprocess.CalledProcessError) as error:
        sys.stderr.write(f"The reference's environment could not be made: {error}\n")
        return 1
    command = [str(python), "-m", "pytest", str(HERE), *sys.argv[1:]]
    return subprocess.run(command, cwd=ROOT, env=environment, check=False).returncode


if __name__ == "__main__":
    sys.exit(main())
