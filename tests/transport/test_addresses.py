import pytest

from dbtcollate_tui.transport.addresses import in_ascii, is_own_page, is_web_page


@pytest.mark.parametrize(
    "address",
    ["https://cloud.getdbt.com/deploy/1/runs/2/", "http://127.0.0.1:8585/x?y=1#z", "https://[::1]:8585/"],
)
def test_a_web_page_is_opened(address: str) -> None:
    assert is_web_page(address)


@pytest.mark.parametrize(
    "address",
    [
        "",
        "-remote openURL(x)",
        "--version",
        "file:///etc/passwd",
        "javascript:alert(1)",
        "https:///x",
        "https://me:pass@host/",
        "https://cloud.getdbt.com@evil.test/",
        "https://cloud.getdbt.com\\@evil.test/",
        "https://cl\u043eud.getdbt.com/",
        "https://host/\u202egnp",
        "https://host/ --x",
        "https://host/\nx",
        "https://host:99999/",
        "https://[::1/",
        " https://host/",
        "data:text/html,x",
    ],
)
def test_anything_else_is_not_opened(address: str) -> None:
    assert not is_web_page(address)


OWN = ("https://ab123.us1.dbt.com", "http://127.0.0.1:8585", "https://collate.corp.test:8443/")


@pytest.mark.parametrize(
    ("address", "own"),
    [
        ("https://ab123.us1.dbt.com/deploy/1/runs/2", True),
        ("https://ab123.us1.dbt.com:443/x", True),
        ("https://AB123.us1.dbt.com./x", True),
        ("http://127.0.0.1:8585/table/a", True),
        ("https://collate.corp.test:8443/settings/bots", True),
        ("https://status.getdbt.com", True),
        ("http://ab123.us1.dbt.com/x", False),
        ("https://127.0.0.1:8585/x", False),
        ("http://127.0.0.1:8586/x", False),
        ("https://collate.corp.test/x", False),
        ("https://evil.test/ab123.us1.dbt.com", False),
        ("https://ab123.us1.dbt.com.evil.test/", False),
        ("https://ab123.us1.dbt.com@evil.test/", False),
        ("-remote", False),
    ],
)
def test_a_page_of_the_profiles_servers_is_opened(address: str, own: bool) -> None:
    assert is_own_page(address, OWN) is own


def test_an_address_is_shown_in_ascii() -> None:
    assert in_ascii("https://cl\u043eud.getdbt.com/\x1b\u202e") == r"https://cl\u043eud.getdbt.com/\x1b\u202e"
