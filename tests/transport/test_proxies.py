import ssl
from pathlib import Path

import pytest
import trustme

from dbtcollate_tui.errors import UsageError
from dbtcollate_tui.transport.client import Transport
from dbtcollate_tui.transport.proxies import proxy_for, tls_context

VARIABLES = ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "NO_PROXY")


@pytest.fixture(autouse=True)
def _no_proxies(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in (*VARIABLES, "SSL_CERT_FILE", "SSL_CERT_DIR"):
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.lower(), raising=False)


@pytest.mark.parametrize(
    ("value", "url"),
    [
        ("http://proxy:8080", "http://proxy:8080"),
        ("proxy:8080", "http://proxy:8080"),
        (" http://proxy:8080\n", "http://proxy:8080"),
        ("http://me:pass@proxy:8080/", "http://me:pass@proxy:8080/"),
        ("https://proxy", "https://proxy"),
        ("http://[fd00::1]:3128", "http://[fd00::1]:3128"),
    ],
)
def test_a_proxy_is_taken_as_people_write_it(monkeypatch: pytest.MonkeyPatch, value: str, url: str) -> None:
    monkeypatch.setenv("HTTPS_PROXY", value)
    found = proxy_for("https", "cloud.getdbt.com")
    assert found is not None
    assert found.url == url
    assert "pass" not in found.shown


@pytest.mark.parametrize(
    "value", ["http://proxy:99999", "ftp://proxy", "http://", "http://a b", "http://[::1", "socks9://p"]
)
@pytest.mark.parametrize("variable", ["HTTPS_PROXY", "https_proxy", "ALL_PROXY"])
def test_a_wrong_proxy_is_a_card_that_names_it(
    monkeypatch: pytest.MonkeyPatch, value: str, variable: str
) -> None:
    monkeypatch.setenv(variable, value)
    with pytest.raises(UsageError, match=variable):
        Transport("https://cloud.getdbt.com", None)


@pytest.mark.parametrize("password", ["p#MARK", "MARK/x", "MARK?x", "p:MARK", "MA RK MARK", "p@MARK"])
def test_a_wrong_proxys_password_is_not_shown(monkeypatch: pytest.MonkeyPatch, password: str) -> None:
    monkeypatch.setenv("HTTPS_PROXY", f"http://user:{password}@proxy:99999")
    with pytest.raises(UsageError) as caught:
        Transport("https://cloud.getdbt.com", None)
    assert "MARK" not in caught.value.as_text()
    assert "user" not in caught.value.as_text()


def test_a_socks_proxy_without_its_package_names_the_extra(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ALL_PROXY", "socks5://proxy:1080")
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    with pytest.raises(UsageError, match="ALL_PROXY names a SOCKS proxy") as caught:
        proxy_for("https", "cloud.getdbt.com")
    assert "dbtcollate-tui[socks]" in caught.value.fixes[0].label


@pytest.mark.parametrize(
    ("no_proxy", "host", "direct"),
    [
        ("*", "cloud.getdbt.com", True),
        ("getdbt.com", "cloud.getdbt.com", True),
        (".getdbt.com", "cloud.getdbt.com", True),
        ("*.getdbt.com", "cloud.getdbt.com", True),
        ("CLOUD.GETDBT.COM", "cloud.getdbt.com", True),
        ("x, cloud.getdbt.com ,y", "cloud.getdbt.com", True),
        ("https://cloud.getdbt.com", "cloud.getdbt.com", True),
        ("cloud.getdbt.com:443", "cloud.getdbt.com", True),
        ("cloud.getdbt.com:8443", "cloud.getdbt.com", False),
        ("dbt.com", "getdbt.com", False),
        ("localhost,127.0.0.1,::1", "cloud.getdbt.com", False),
        ("10.0.0.0/8", "10.1.2.3", True),
        ("10.0.0.0/8", "11.1.2.3", False),
        ("10.1.2.3", "10.1.2.3", True),
        ("::1/128,fe80::/10,[::1]", "cloud.getdbt.com", False),
        ("fd00::/8", "fd12::5", True),
        ("[fd12::5]", "fd12::5", True),
        ("[fd12::5]:443", "fd12::5", True),
        (",,", "cloud.getdbt.com", False),
    ],
)
def test_no_proxy_is_read_in_its_common_forms(
    monkeypatch: pytest.MonkeyPatch, no_proxy: str, host: str, direct: bool
) -> None:
    monkeypatch.setenv("HTTPS_PROXY", "http://proxy:8080")
    monkeypatch.setenv("NO_PROXY", no_proxy)
    assert (proxy_for("https", host, 443) is None) == direct


def test_this_machine_is_never_reached_through_a_proxy(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ALL_PROXY", "nonsense://x y")
    assert proxy_for("http", "127.0.0.1", 8585) is None


@pytest.mark.parametrize("kind", ["missing", "folder", "no PEM"])
def test_wrong_certificates_are_a_card_that_names_them(kind: str, tmp_path: Path) -> None:
    path = tmp_path / "ca.pem"
    if kind == "folder":
        path.mkdir()
    elif kind == "no PEM":
        path.write_text("hello")
    with pytest.raises(UsageError, match="SSL_CERT_FILE"):
        tls_context({"SSL_CERT_FILE": str(path)})


def test_a_missing_folder_of_certificates_is_a_card(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="SSL_CERT_DIR"):
        tls_context({"SSL_CERT_DIR": str(tmp_path / "none")})


def test_a_bundle_of_certificates_is_trusted(tmp_path: Path) -> None:
    authority = trustme.CA()
    authority.cert_pem.write_to_path(tmp_path / "ca.pem")
    context = tls_context({"SSL_CERT_FILE": str(tmp_path / "ca.pem")})
    assert isinstance(context, ssl.SSLContext)
    assert context.cert_store_stats()["x509_ca"] == 1
