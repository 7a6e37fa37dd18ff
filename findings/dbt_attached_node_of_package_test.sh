#!/usr/bin/env bash
# The manifest attaches a package's test to another model than the one that the test runs on.
#
# Seen with dbt-core 1.10.23 and dbt-duckdb 1.9.6. A project and a package that it installs both have a model
# named `dim_customers`, and the package declares a `not_null` test on its own. In the manifest the test's
# `attached_node` is the package's model, while `depends_on` (and so the SQL that runs) is the root project's,
# because `ref('dim_customers')` is resolved from the root. A tool that shows test results by `attached_node`
# puts the result of one table on the other; an `attached_node` outside `depends_on.nodes` cannot be trusted.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3.11 -m venv "$folder/venv"
"$folder/venv/bin/pip" install -q --disable-pip-version-check "dbt-core==1.10.23" "dbt-duckdb==1.9.6"
mkdir -p "$folder/shop/models" "$folder/shop/vendor/models"
cd "$folder/shop"
cat > dbt_project.yml <<'YAML'
name: shop
profile: shop
models: {vendor: {+schema: vendor}}
YAML
printf 'packages: [{local: vendor}]\n' > packages.yml
printf 'shop: {target: dev, outputs: {dev: {type: duckdb, path: shop.duckdb}}}\n' > profiles.yml
printf 'select 1 as id\n' > models/dim_customers.sql
printf 'name: vendor\n' > vendor/dbt_project.yml
printf 'select 1 as id\n' > vendor/models/dim_customers.sql
cat > vendor/models/models.yml <<'YAML'
models:
  - name: dim_customers
    columns: [{name: id, data_tests: [not_null]}]
YAML
export DBT_SEND_ANONYMOUS_USAGE_STATS=false
"$folder/venv/bin/dbt" --quiet deps --profiles-dir .
"$folder/venv/bin/dbt" --quiet parse --profiles-dir .
"$folder/venv/bin/python" - <<'PYTHON'
import json

manifest = json.load(open("target/manifest.json"))
version = manifest["metadata"]["dbt_version"]
test = next(node for node in manifest["nodes"].values() if node["resource_type"] == "test")
print(f"dbt {version}: attached to {test['attached_node']}, runs on {test['depends_on']['nodes']}")
assert version == "1.10.23"
assert test["attached_node"] == "model.vendor.dim_customers"
assert test["depends_on"]["nodes"] == ["model.shop.dim_customers"], "both name the same model now"
PYTHON
