"""Read the schemas of every published OpenMetadata release into one compact table.

``openmetadata-ingestion`` carries its server's version, and models generated from its server's JSON schemas.
This script downloads every release from `OLDEST` to `NEWEST`, reads those models as text (no release is
installed or imported), and writes ``dbtcollate_tui/sandbox/collate/releases.json``: for each body, entity
and configuration below `ROOTS`, the releases that have a field, a value of an enum, or a pattern.

Run it when a new release is out, with its version in `NEWEST`; CI only reads the table:

    python -m tests.schemas.read_releases FOLDER

``FOLDER`` keeps what was read of each release, so that the next run downloads new ones only.
"""

import ast
import hashlib
import json
import subprocess
import sys
import tarfile
import tempfile
import zipfile
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, ClassVar

PACKAGE = "openmetadata-ingestion"
OLDEST = "1.1.0.0"
NEWEST = "2.0.7.0"
SCHEMAS = "metadata/generated/schema/"
TABLE = Path(__file__).parents[2] / "dbtcollate_tui" / "sandbox" / "collate" / "releases.json"

ROOTS = (
    "api/automations/createWorkflow#CreateWorkflowRequest",
    "api/classification/createClassification#CreateClassificationRequest",
    "api/classification/createTag#CreateTagRequest",
    "api/data/createDataContract#CreateDataContractRequest",
    "api/data/createDatabase#CreateDatabaseRequest",
    "api/data/createDatabaseSchema#CreateDatabaseSchemaRequest",
    "api/data/createGlossary#CreateGlossaryRequest",
    "api/data/createGlossaryTerm#CreateGlossaryTermRequest",
    "api/data/createMetric#CreateMetricRequest",
    "api/data/createTable#CreateTableRequest",
    "api/domains/createDomain#CreateDomainRequest",
    "api/lineage/addLineage#AddLineageRequest",
    "api/services/createDatabaseService#CreateDatabaseServiceRequest",
    "api/services/createPipelineService#CreatePipelineServiceRequest",
    "api/services/ingestionPipelines/createIngestionPipeline#CreateIngestionPipelineRequest",
    "api/tests/createTestCase#CreateTestCaseRequest",
    "api/tests/createTestCaseResult#CreateTestCaseResult",
    "api/tests/createTestDefinition#CreateTestDefinitionRequest",
    "api/tests/createTestSuite#CreateTestSuiteRequest",
    "entity/automations/workflow#Workflow",
    "entity/classification/classification#Classification",
    "entity/classification/tag#Tag",
    "entity/data/apiEndpoint#APIEndpoint",
    "entity/data/dashboard#Dashboard",
    "entity/data/dataContract#DataContract",
    "entity/data/database#Database",
    "entity/data/databaseSchema#DatabaseSchema",
    "entity/data/glossary#Glossary",
    "entity/data/glossaryTerm#GlossaryTerm",
    "entity/data/metric#Metric",
    "entity/data/mlmodel#MlModel",
    "entity/data/pipeline#Pipeline",
    "entity/data/table#Table",
    "entity/datacontract/dataContractResult#DataContractResult",
    "entity/domains/domain#Domain",
    "entity/services/connections/pipeline/dbtCloudConnection#DBTCloudConnection",
    "entity/services/databaseService#DatabaseService",
    "entity/services/ingestionPipelines/ingestionPipeline#IngestionPipeline",
    "entity/services/ingestionPipelines/progressUpdate#ProgressUpdate",
    "entity/services/ingestionPipelines/status#StepSummary",
    "entity/services/pipelineService#PipelineService",
    "entity/teams/team#Team",
    "entity/teams/user#User",
    "entity/type#CustomProperty",
    "metadataIngestion/databaseServiceMetadataPipeline#DatabaseServiceMetadataPipeline",
    "metadataIngestion/dbtPipeline#DbtPipeline",
    "metadataIngestion/dbtconfig/dbtCloudConfig#DbtCloudConfig",
    "metadataIngestion/pipelineServiceMetadataPipeline#PipelineServiceMetadataPipeline",
    "tests/basic#TestCaseResult",
    "tests/testCase#TestCase",
    "tests/testDefinition#TestDefinition",
    "tests/testSuite#TestSuite",
    "type/entityLineage#EntityLineage",
)
"""What the program sends, asks for, or reads: module (the schema's path) and class."""

CLOSED_TO_READING = (
    "api/data/createTableProfile",
    "auth/",
    "configuration/",
    "dataInsight/",
    "entity/applications/",
    "entity/automations/",
    "entity/bot",
    "entity/feed/",
    "entity/policies/",
    "entity/datacontract/odcs",
    "entity/services/connections/",
    "entity/services/databaseService#DatabaseConnection",
    "entity/services/pipelineService#PipelineConnection",
    "entity/teams/persona",
    "entity/utils/",
    "events/",
    "governance/",
    "metadataIngestion/",
    "security/",
    "settings/",
    "system/",
    "type/classificationLanguages",
    "type/piiEntity",
    "type/predefinedRecognizer",
    "type/recognizer",
    "type/recognizers",
)
"""What a root's fields may name without being read: the program neither writes nor reads inside them."""

BUILTINS = {
    "str": "string",
    "int": "integer",
    "float": "number",
    "bool": "boolean",
    "Any": "any",
    "dict": "object",
    "Dict": "object",
    "UUID": "string",
    "AnyUrl": "string",
    "EmailStr": "string",
    "datetime": "string",
    "date": "string",
    "time": "string",
    "timedelta": "string",
    "SecretStr": "string",
    "CustomSecretStr": "string",
}
CLOSED = "$closed"
"""The key of an object's entry that says in which releases it refuses further fields."""
_READ = frozenset(root.partition("#")[0] for root in ROOTS)
_LENGTHS = ("min_length", "max_length")


@dataclass(slots=True)
class Field:
    """One field of a model: what it may hold, whether it is a list, whether it must be there."""

    types: tuple[str, ...]
    many: bool
    required: bool


@dataclass(slots=True)
class Module:
    """What one generated module defines, by class name; names in ``types`` are still the module's own."""

    imports: dict[str, str] = field(default_factory=dict)
    objects: dict[str, dict[str, Field]] = field(default_factory=dict)
    closed: set[str] = field(default_factory=set)
    bases: dict[str, str] = field(default_factory=dict)
    enums: dict[str, list[Any]] = field(default_factory=dict)
    roots: dict[str, Field] = field(default_factory=dict)
    texts: dict[str, dict[str, Any]] = field(default_factory=dict)


def parse(source: str, package: str) -> Module:
    """Read one generated module; ``package`` is its folder below the schemas, without a slash at its end."""
    module = Module()
    for node in ast.parse(source).body:
        if isinstance(node, ast.ImportFrom) and node.level:
            base = package.split("/") if package else []
            base = base[: len(base) - node.level + 1]
            base += node.module.split(".") if node.module else []
            for name in node.names:
                module.imports[name.asname or name.name] = "/".join([*base, name.name])
        elif isinstance(node, ast.ClassDef):
            _read_class(module, node)
    return module


def _read_class(module: Module, node: ast.ClassDef) -> None:
    base = node.bases[0] if node.bases else None
    if isinstance(base, ast.Name) and base.id == "Enum":
        module.enums[node.name] = [
            item.value.value
            for item in node.body
            if isinstance(item, ast.Assign) and isinstance(item.value, ast.Constant)
        ]
        return
    if isinstance(base, ast.Subscript) and ast.unparse(base.value) == "RootModel":
        module.roots[node.name] = _field(base.slice, None)
        module.texts[node.name] = _limits(node)
    fields: dict[str, Field] = {}
    for item in node.body:
        if isinstance(item, ast.AnnAssign) and isinstance(item.target, ast.Name):
            name = item.target.id
            found = _field(item.annotation, item.value)
            if name in ("__root__", "root"):
                module.roots[node.name] = found
                module.texts[node.name] = _limits(node)
                return
            if name != "model_config":
                fields[_alias(item) or name] = found
    if node.name in module.roots:
        return
    module.objects[node.name] = fields
    text = ast.unparse(node)
    if "extra = Extra.forbid" in text or "extra='forbid'" in text:
        module.closed.add(node.name)
    if isinstance(base, ast.Name | ast.Attribute):
        module.bases[node.name] = ast.unparse(base)


def _field(annotation: ast.expr, default: ast.expr | None) -> Field:
    names: list[str] = []
    many = False
    optional = False
    pending = [annotation]
    while pending:
        node = pending.pop(0)
        if isinstance(node, ast.BinOp):
            pending += [node.left, node.right]
        elif isinstance(node, ast.Constant):
            if isinstance(node.value, str):
                pending.append(ast.parse(node.value, mode="eval").body)
            else:
                optional = True
        elif isinstance(node, ast.Call):
            names.append({"conint": "integer", "confloat": "number"}.get(ast.unparse(node.func), "string"))
        elif isinstance(node, ast.Subscript):
            outer = ast.unparse(node.value)
            inner = list(node.slice.elts) if isinstance(node.slice, ast.Tuple) else [node.slice]
            if outer in ("List", "list", "Set", "set"):
                many = True
                pending += inner
            elif outer == "Annotated":
                pending += inner[:1]
            elif outer in ("Optional", "Union"):
                optional |= outer == "Optional"
                pending += inner
            elif outer == "Literal":
                names.append("string")
            else:
                names.append("object")
        else:
            names.append(ast.unparse(node))
    required = default is None or (
        isinstance(default, ast.Call)
        and bool(default.args)
        and isinstance(default.args[0], ast.Constant)
        and default.args[0].value is ...
    )
    return Field(tuple(dict.fromkeys(names)), many, required and not optional)


def _alias(item: ast.AnnAssign) -> str | None:
    for node in (item.annotation, item.value):
        for call in ast.walk(node) if node is not None else ():
            if isinstance(call, ast.Call):
                for keyword in call.keywords:
                    if keyword.arg == "alias" and isinstance(keyword.value, ast.Constant):
                        return str(keyword.value.value)
    return None


def _limits(node: ast.ClassDef) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for call in ast.walk(node):
        if isinstance(call, ast.Call):
            for keyword in call.keywords:
                if isinstance(keyword.value, ast.Constant):
                    if keyword.arg in ("regex", "pattern"):
                        found["pattern"] = str(keyword.value.value).replace("(?u)", "").replace("(?U)", "")
                    elif keyword.arg in _LENGTHS:
                        found[keyword.arg] = keyword.value.value
    return found


class Release:
    """The models of one release, read as far as they are asked for."""

    _parsed: ClassVar[dict[str, Module]] = {}

    def __init__(self, path: Path) -> None:
        self._zip = zipfile.ZipFile(path)
        self._names = set(self._zip.namelist())
        self._modules: dict[str, Module | None] = {}

    def module(self, path: str) -> Module | None:
        """The module of a schema's path, ``None`` where this release has none."""
        if path not in self._modules:
            name = f"{SCHEMAS}{path}.py"
            if name not in self._names:
                self._modules[path] = None
                return None
            lines = self._zip.read(name).decode().splitlines()
            source = "\n".join(line for line in lines if not line.startswith("#"))
            key = f"{path}:{hashlib.sha256(source.encode()).hexdigest()}"
            if key not in self._parsed:
                self._parsed[key] = parse(source, path.rpartition("/")[0])
            self._modules[path] = self._parsed[key]
        return self._modules[path]

    def resolve(self, where: str, name: str) -> str:
        """The full name of what ``name`` means in the module ``where``; a builtin's JSON type."""
        if name in BUILTINS:
            return BUILTINS[name]
        module = self.module(where)
        head, _, tail = name.partition(".")
        if module is not None and head in module.imports:
            target = module.imports[head]
            return f"{target}#{tail}" if tail else f"{target.rpartition('/')[0]}#{target.rpartition('/')[2]}"
        return f"{where}#{name}" if name[:1].isupper() else name


def versions() -> list[str]:
    """Every published release from `OLDEST` to `NEWEST`, oldest first."""
    command = [sys.executable, "-m", "pip", "index", "versions", PACKAGE]
    text = subprocess.run(command, check=True, capture_output=True, text=True).stdout
    line = next(line for line in text.splitlines() if line.startswith("Available versions:"))
    found = [version.strip() for version in line.partition(":")[2].split(",")]
    kept = [version for version in found if numbers(OLDEST) <= numbers(version) <= numbers(NEWEST)]
    return sorted(kept, key=numbers)


def numbers(version: str) -> tuple[int, ...]:
    """A version as numbers, for order."""
    return tuple(int(part) for part in version.split("."))


def keep_models(version: str, folder: Path) -> Path:
    """The release's models as a zip in ``folder``, downloaded where they are not there yet."""
    kept = folder / f"{version}.zip"
    if kept.exists():
        return kept
    with tempfile.TemporaryDirectory() as downloads:
        command = [sys.executable, "-m", "pip", "download", "--quiet", "--no-deps", "--dest", downloads]
        subprocess.run([*command, f"{PACKAGE}=={version}"], check=True)
        (package,) = Path(downloads).iterdir()
        partial = kept.with_suffix(".partial")
        with zipfile.ZipFile(partial, "w", zipfile.ZIP_DEFLATED) as out:
            for name, content in _members(package):
                out.writestr(name, content)
        partial.rename(kept)
    return kept


def _members(package: Path) -> Iterator[tuple[str, bytes]]:
    if package.suffix == ".whl":
        with zipfile.ZipFile(package) as wheel:
            for name in wheel.namelist():
                if name.startswith(SCHEMAS) and name.endswith(".py"):
                    yield name, wheel.read(name)
        return
    with tarfile.open(package) as archive:
        for member in archive:
            start = member.name.find(SCHEMAS)
            content = archive.extractfile(member) if start >= 0 and member.name.endswith(".py") else None
            if content is not None:
                yield member.name[start:], content.read()


class Table:
    """The releases that have each thing; a thing is a path of names."""

    def __init__(self, releases: list[str]) -> None:
        self.releases = releases
        self.seen: dict[tuple[str, ...], set[int]] = defaultdict(set)

    def read(self, index: int, release: Release) -> None:
        """Note everything below `ROOTS` that a release has."""
        pending = list(ROOTS)
        done: set[str] = set()
        while pending:
            full = pending.pop()
            if full in done or "#" not in full:
                continue
            done.add(full)
            where, _, name = full.partition("#")
            module = release.module(where)
            if module is None:
                continue
            if name in module.enums:
                for value in module.enums[name]:
                    self.seen["enums", full, str(value)].add(index)
            elif name in module.roots:
                root = module.roots[name]
                types = [release.resolve(where, item) for item in root.types]
                self.seen["texts", full, "many" if root.many else "one", "|".join(types)].add(index)
                for key, value in module.texts[name].items():
                    self.seen["texts", full, key, str(value)].add(index)
                pending += self._followed(types)
            elif name in module.objects:
                self._read_object(index, release, full, pending)

    def _read_object(self, index: int, release: Release, full: str, pending: list[str]) -> None:
        where, _, name = full.partition("#")
        module = release.module(where)
        assert module is not None
        if name in module.closed:
            self.seen["objects", full, "closed"].add(index)
        fields = dict(module.objects[name])
        base = release.resolve(where, module.bases.get(name, "BaseModel"))
        if "#" in base and not base.endswith("#BaseModel"):
            above = release.module(base.partition("#")[0])
            if above is not None:
                fields = {**above.objects.get(base.partition("#")[2], {}), **fields}
        for key, found in fields.items():
            self.seen["objects", full, "fields", key].add(index)
            if found.required:
                self.seen["objects", full, "required", key].add(index)
            types = [release.resolve(where, item) for item in found.types]
            followed = self._followed(types)
            shown = sorted({item if item in followed or "#" not in item else "any" for item in types})
            kind = f"{'*' if found.many else ''}{'|'.join(shown)}"
            self.seen["objects", full, "types", key, kind].add(index)
            pending += followed

    @staticmethod
    def _followed(types: list[str]) -> list[str]:
        return [
            item
            for item in types
            if "#" in item and (item.partition("#")[0] in _READ or not item.startswith(CLOSED_TO_READING))
        ]

    def ranges(self, found: set[int]) -> str:
        """Runs of releases as text: empty for all, ``A..`` from a release on, ``..B`` up to one, ``A..B``."""
        last = len(self.releases) - 1
        runs: list[list[int]] = []
        for index in sorted(found):
            if runs and runs[-1][1] == index - 1:
                runs[-1][1] = index
            else:
                runs.append([index, index])
        if runs == [[0, last]]:
            return ""
        return ",".join(
            f"{'' if start == 0 else self.releases[start]}..{'' if end == last else self.releases[end]}"
            for start, end in runs
        )

    def value(self) -> dict[str, Any]:
        """The table as JSON, sorted; a field is ``{"in", "required", "types"}``, each by its releases."""
        value: dict[str, Any] = {"releases": self.releases, "objects": {}, "enums": {}, "texts": {}}
        for path in sorted(self.seen):
            text = self.ranges(self.seen[path])
            section, name, *rest = path
            place = value[section].setdefault(name, {})
            if section != "objects":
                if len(rest) == 2:
                    place.setdefault(rest[0], {})[rest[1]] = text
                else:
                    place[rest[0]] = text
            elif rest[0] == "closed":
                place[CLOSED] = text
            elif rest[0] == "fields":
                place.setdefault(rest[1], {})["in"] = text
            elif rest[0] == "required":
                place.setdefault(rest[1], {})["required"] = text
            elif rest[0] == "types":
                place.setdefault(rest[1], {}).setdefault("types", {})[rest[2]] = text
        return value


def write(value: dict[str, Any], path: Path) -> None:
    """One line for each field or value, so that a change of the table reads well."""

    def dump(item: Any) -> str:
        return json.dumps(item, ensure_ascii=False, separators=(", ", ": "))

    lines = ["{", f' "releases": {dump(value["releases"])},']
    sections = []
    for section in ("objects", "enums", "texts"):
        entries = []
        for name, parts in value[section].items():
            inner = ",\n".join(f"   {dump(key)}: {dump(part)}" for key, part in parts.items())
            entries.append(f"  {dump(name)}: {{\n{inner}}}")
        sections.append(f' "{section}": {{\n' + ",\n".join(entries) + "}")
    lines.append(",\n".join(sections) + "}")
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")


def main(folder: Path) -> None:
    """Download what is missing, read every release, write the table."""
    folder.mkdir(parents=True, exist_ok=True)
    releases = versions()
    table = Table(releases)
    for index, version in enumerate(releases):
        table.read(index, Release(keep_models(version, folder)))
    write(table.value(), TABLE)
    print(f"{len(releases)} releases, {TABLE.stat().st_size:,} bytes")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
