"""The tests here need documents that are not in the repository; without them they are not collected."""

from tests.contract.dbt_cloud_mock import document, prism
from tests.contract.openmetadata_schemas import schemas_folder

_OF_SCHEMAS = ["test_openmetadata_schemas.py", "test_sandbox_answers.py"]
collect_ignore = [] if schemas_folder() is not None else _OF_SCHEMAS
if prism() is None or document(2) is None or document(3) is None:
    collect_ignore.append("test_dbt_cloud_openapi.py")
