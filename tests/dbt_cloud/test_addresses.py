import string

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dbtcollate_tui.dbt_cloud.addresses import DbtCloudAddress, read_address
from dbtcollate_tui.dbt_cloud.regions import CELL_REGIONS, SHARED_REGIONS, host_kind, region_of
from dbtcollate_tui.errors import UsageError


def ids(address: DbtCloudAddress) -> tuple[int | None, ...]:
    return (address.account_id, address.project_id, address.job_id, address.run_id, address.environment_id)


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        ("", (None, None, None, None, None)),
        ("/deploy/1/projects/2/jobs/3", (1, 2, 3, None, None)),
        ("/deploy/1/projects/2/runs/4?tabId=steps", (1, 2, None, 4, None)),
        ("/deploy/1/projects/2/jobs/3/runs/4/", (1, 2, 3, 4, None)),
        ("/deploy/1/projects/2", (1, 2, None, None, None)),
        ("/deploy/1/projects/2/environments/5", (1, 2, None, None, 5)),
        ("/next/deploy/1/projects/2/jobs/3", (1, 2, 3, None, None)),
        ("/#/accounts/1/projects/2/jobs/3/", (1, 2, 3, None, None)),
        ("/#/accounts/1/projects/2/runs/4?x=/jobs/9", (1, 2, None, 4, None)),
        ("/accounts/1/projects/2/", (1, 2, None, None, None)),
        ("/settings/accounts/1/pages/projects/2", (1, 2, None, None, None)),
        ("/settings/accounts/1/#pages", (1, None, None, None, None)),
        ("/explore/1/projects/2/environments/5/details/model.shop.orders", (1, 2, None, None, 5)),
        ("/develop/1/projects/2", (1, 2, None, None, None)),
        ("/dashboard/1/projects/2", (1, 2, None, None, None)),
        ("/api/v2/accounts/1/runs/4/artifacts/manifest.json?step=5", (1, None, None, 4, None)),
        ("/api/v3/accounts/1/projects/2/environments/", (1, 2, None, None, None)),
        (
            "/api/v2/accounts/70471823100417/jobs/70471823300403/",
            (70471823100417, None, 70471823300403, None, None),
        ),
    ],
)
@pytest.mark.parametrize(
    "host", ["https://cloud.getdbt.com", "https://ab123.us1.dbt.com", "https://dbt.acme.example"]
)
def test_pages_give_ids(host: str, path: str, expected: tuple[int | None, ...]) -> None:
    address = read_address(host + path)
    assert ids(address) == expected
    assert address.base_url == host


@pytest.mark.parametrize(
    ("text", "base_url", "kind", "region"),
    [
        ("https://cloud.getdbt.com/", "https://cloud.getdbt.com", "shared", "North America"),
        ("emea.dbt.com", "https://emea.dbt.com", "shared", "EMEA"),
        ("HTTPS://AU.DBT.COM/deploy/1", "https://au.dbt.com", "shared", "APAC"),
        ("ab123.us1.dbt.com/deploy/1", "https://ab123.us1.dbt.com", "cell", "North America (AWS)"),
        ("https://ab123.jp1.dbt.com:443", "https://ab123.jp1.dbt.com", "cell", "Japan (AWS, Tokyo)"),
        ("https://ab123.eu2.dbt.com", "https://ab123.eu2.dbt.com", "cell", "EMEA (Azure, Ireland)"),
        ("https://ab123.xx9.dbt.com", "https://ab123.xx9.dbt.com", "cell", "region xx9"),
        ("https://cloud.acme.getdbt.com", "https://cloud.acme.getdbt.com", "single_tenant", "single tenant"),
        ("https://acme.getdbt.com.", "https://acme.getdbt.com", "single_tenant", "single tenant"),
        ("https://dbt.acme.example:8443/deploy/1", "https://dbt.acme.example:8443", "unknown", ""),
        ("127.0.0.1:8080", "http://127.0.0.1:8080", "loopback", "this machine"),
        ("http://localhost:80/x", "http://localhost", "loopback", "this machine"),
        ("[::1]:99", "http://[::1]:99", "loopback", "this machine"),
        (' "https://cloud.getdbt.com/\n" ', "https://cloud.getdbt.com", "shared", "North America"),
        ("<https://emea.dbt.com/deploy/\n1>", "https://emea.dbt.com", "shared", "EMEA"),
    ],
)
def test_hosts(text: str, base_url: str, kind: str, region: str) -> None:
    address = read_address(text)
    assert (address.base_url, address.host_kind, address.region) == (base_url, kind, region)
    assert address.host == base_url.split("://")[1]


def test_the_common_login_page_names_no_host() -> None:
    address = read_address("https://login.dbt.com/settings/accounts/7")
    assert address.base_url is None
    assert address.host == ""
    assert address.account_id == 7


@pytest.mark.parametrize(
    "text",
    [
        "",
        "  \n",
        "nothing",
        "https://",
        "https:///deploy/1",
        "ftp://cloud.getdbt.com",
        "javascript:alert(1)",
        "https://user:dbtc_PlantedInTheAddress0123456789@cloud.getdbt.com",
        "https://cloud.getdbt.com:99999",
        "https://cloud.getdbt.com:x",
        "https://cloud_getdbt/",
        "https://[::1",
        "http://cloud.getdbt.com",
        "https://docs.getdbt.com/docs/cloud",
        "https://cloud.getdbt.com/deploy/1234567890123456789",
        "dbtc_PlantedTokenPastedAsAddress0123456789",
    ],
)
def test_what_is_no_address_says_so(text: str) -> None:
    with pytest.raises(UsageError) as caught:
        read_address(text)
    assert caught.value.fixes
    assert "Planted" not in caught.value.as_text()


labels = st.sampled_from(["projects", "jobs", "runs", "environments"])
numbers = st.integers(min_value=0, max_value=10**18 - 1)
prefixes = st.from_regex(r"[a-z]{2}[0-9]{3}", fullmatch=True)
hosts = st.one_of(
    st.sampled_from([region.base_url for region in SHARED_REGIONS]),
    st.builds(
        lambda prefix, cell: f"https://{prefix}.{cell}.dbt.com",
        prefixes,
        st.sampled_from(sorted(CELL_REGIONS)),
    ),
    st.builds(lambda name: f"https://{name}.getdbt.com", st.from_regex(r"x[a-z0-9]{1,9}", fullmatch=True)),
)
queries = st.text(string.ascii_letters + string.digits + "/&=-_.", max_size=30)


@given(
    host=hosts,
    label=st.sampled_from(
        ["accounts", "deploy", "next/deploy", "explore", "develop", "settings/accounts", "api/v2/accounts"]
    ),
    account=numbers,
    rest=st.dictionaries(labels, numbers, max_size=4),
    fragment=st.booleans(),
    query=queries,
    slash=st.sampled_from(["", "/"]),
)
def test_any_labelled_page_gives_what_it_says(
    host: str, label: str, account: int, rest: dict[str, int], fragment: bool, query: str, slash: str
) -> None:
    path = f"/{label}/{account}" + "".join(f"/{name}/{number}" for name, number in rest.items())
    address = read_address(f"{host}{'/#' if fragment else ''}{path}{slash}" + (f"?{query}" if query else ""))
    assert address.base_url == host
    assert ids(address) == (
        account,
        *(rest.get(name) for name in ("projects", "jobs", "runs", "environments")),
    )
    assert address.host_kind == host_kind(host.removeprefix("https://"))
    assert address.region == region_of(host.removeprefix("https://"))


@given(text=st.text(max_size=120))
def test_any_text_is_an_address_or_a_usage_error(text: str) -> None:
    try:
        address = read_address(text)
    except UsageError:
        return
    assert address.base_url is None or address.base_url.startswith(("https://", "http://"))
    if address.base_url is not None:
        assert read_address(address.base_url).base_url == address.base_url
        assert address.base_url.startswith("https://") or address.host_kind == "loopback"


@given(host=hosts, noise=st.text(string.printable, max_size=60))
def test_what_follows_the_host_never_changes_it(host: str, noise: str) -> None:
    try:
        address = read_address(f"{host}/{noise}")
    except UsageError:
        return
    assert address.base_url == host
