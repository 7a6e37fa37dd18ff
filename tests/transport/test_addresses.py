import pytest

from dbtcollate_tui.transport.addresses import is_web_page


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
