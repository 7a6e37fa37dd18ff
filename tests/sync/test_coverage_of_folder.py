"""Coverage of a dbt ``target`` folder, without a server."""

import gzip
from pathlib import Path

import pytest

from dbtcollate_tui.errors import UsageError
from dbtcollate_tui.sync.coverage import folder_coverage

SAMPLE = Path(__file__).parents[1] / "artifacts" / "samples" / "dbt-1.12"


async def test_target_folder_is_counted_without_collate(tmp_path: Path) -> None:
    text = gzip.decompress((SAMPLE / "manifest.json.gz").read_bytes())
    (tmp_path / "manifest.json").write_bytes(text)
    found = await folder_coverage(tmp_path)
    assert found.whole.tables > 0
    assert not found.with_collate
    assert found.whole.cells["described"].collate is None
    assert found.whole.cells["described"].dbt > 0


async def test_folder_without_a_manifest_is_a_usage_error(tmp_path: Path) -> None:
    with pytest.raises(UsageError):
        await folder_coverage(tmp_path)
    (tmp_path / "manifest.json").touch()
    with pytest.raises(UsageError):
        await folder_coverage(tmp_path)
