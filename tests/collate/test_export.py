"""What a pipeline is taken away as."""

import json
import os
import subprocess
from dataclasses import replace
from pathlib import Path

import pytest
import yaml

from dbtcollate_tui.collate.dialect import Dialect
from dbtcollate_tui.collate.export import ingestion_yaml, pipeline_curl, pipeline_json
from dbtcollate_tui.collate.pipeline_spec import DbtPipelineSpec
from dbtcollate_tui.printable import CONTROL
from tests.collate.pipeline_specs import SECRET, SPEC

NEW = Dialect.of("2.0.7")


def test_the_yaml_is_complete_and_holds_no_secret() -> None:
    text = ingestion_yaml(SPEC, NEW, "https://acme.getcollate.io/", report_as_pipeline=True, file="x.yaml")
    assert SECRET not in text
    assert text.startswith("# dbt Cloud → shop")
    assert "metadata ingest -c x.yaml" in text
    assert "dbtCloudAuthToken: '${DBT_CLOUD_TOKEN}'\n" in text
    assert "jwtToken: '${COLLATE_TOKEN}'\n" in text
    config = yaml.safe_load(text)
    assert config["source"]["type"] == "dbt"
    assert config["source"]["serviceName"] == "shop"
    source = config["source"]["sourceConfig"]["config"]["dbtConfigSource"]
    assert source["dbtCloudAuthToken"] == "${DBT_CLOUD_TOKEN}"
    server = config["workflowConfig"]["openMetadataServerConfig"]
    assert server["hostPort"] == "https://acme.getcollate.io/api"
    assert server["securityConfig"] == {"jwtToken": "${COLLATE_TOKEN}"}
    assert config["ingestionPipelineFQN"] == "shop.dbt_cloud_sync"


def test_the_json_is_the_request() -> None:
    body = json.loads(pipeline_json(SPEC, NEW))
    assert body == SPEC.body(NEW, "${DBT_CLOUD_TOKEN}")


HOSTILE_NAMES = (
    "shop\ntouch PWNED #",
    "shop\rtouch PWNED #",
    "shop\u2028touch PWNED\x85touch PWNED",
    "shop\nsource: {type: evil}\n#",
    "$(touch PWNED) `touch PWNED` '; touch PWNED; '",
    '"; touch PWNED; "',
    "\\\nPIPELINE\ntouch PWNED\n",
    "\nHEADER\ntouch PWNED\n",
    "${COLLATE_TOKEN} $DBT_CLOUD_TOKEN @DBT_CLOUD_TOKEN@",
    "@DBT_CLOUD_TOKEN@",
    "${HOME}",
    "\x1b]0;PWN\x07\x9b2J\u202egnp",
)


def _named(name: str) -> DbtPipelineSpec:
    service = replace(SPEC.service, name=name, fullyQualifiedName=name, displayName=name)
    return replace(SPEC, service=service, display_name=name)


@pytest.mark.parametrize("name", HOSTILE_NAMES)
def test_the_script_runs_nothing_that_a_name_holds(name: str, tmp_path: Path) -> None:
    tools = tmp_path / "bin"
    tools.mkdir()
    curl = '#!/bin/sh\ncat >> "$OUT"\necho "{\\"id\\": \\"1\\"}"\n'
    (tools / "curl").write_text(curl)
    (tools / "curl").chmod(0o755)
    script = pipeline_curl(_named(name), NEW, "https://acme.getcollate.io/")
    assert CONTROL.search(script) is None
    (tmp_path / "x.sh").write_text(script)
    ran = subprocess.run(
        ["sh", "x.sh"],
        cwd=tmp_path,
        env={
            "PATH": f"{tools}:/usr/bin:/bin",
            "OUT": str(tmp_path / "sent"),
            "DBT_CLOUD_TOKEN": "dbtc_MARK",
            "COLLATE_TOKEN": "eyJMARK",
        },
        stdin=subprocess.DEVNULL,
        capture_output=True,
        timeout=60,
        check=False,
    )
    assert ran.returncode == 0, ran.stderr
    assert sorted(path.name for path in tmp_path.iterdir()) == ["bin", "sent", "x.sh"]
    sent = (tmp_path / "sent").read_text()
    assert json.loads(sent) == _named(name).body(NEW, "dbtc_MARK")


@pytest.mark.parametrize("name", HOSTILE_NAMES)
def test_the_yaml_holds_a_name_as_a_name(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Read as the ingestion framework reads it: variables are filled in first."""
    for variable in ("DBT_CLOUD_TOKEN", "COLLATE_TOKEN", "HOME"):
        monkeypatch.setenv(variable, f"{variable}-value")
    text = ingestion_yaml(_named(name), NEW, "https://acme.getcollate.io/")
    assert CONTROL.search(text) is None
    config = yaml.safe_load(os.path.expandvars(text))
    assert sorted(config) == ["sink", "source", "workflowConfig"]
    assert config["source"]["serviceName"] == name
    dbt = config["source"]["sourceConfig"]["config"]["dbtConfigSource"]
    assert dbt["dbtCloudAuthToken"] == "DBT_CLOUD_TOKEN-value"
