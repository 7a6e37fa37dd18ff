import os
import stat
from pathlib import Path

import pytest
from pydantic import SecretStr, ValidationError

from dbtcollate_tui.errors import UsageError
from dbtcollate_tui.redact import redact
from dbtcollate_tui.settings.model import (
    CollateSettings,
    DbtCloudSettings,
    PipelineSettings,
    Profile,
    SyncOptions,
)
from dbtcollate_tui.settings.names import check_name, suggest_name
from dbtcollate_tui.settings.store import ProfileStore
from tests.conftest import Places

MINIMAL = """\
# the shop
[dbt_cloud]
base_url = "https://ab123.us1.dbt.com"   # from the browser
account_id = 17

[collate]
base_url = "https://acme.getcollate.io"
service = "warehouse"
"""


def shop(name: str = "shop") -> Profile:
    return Profile(
        name=name,
        dbt_cloud=DbtCloudSettings(
            base_url="https://ab123.us1.dbt.com/", account_id=17, account_name="Acme", job_id=42
        ),
        collate=CollateSettings(base_url="https://acme.getcollate.io", service="warehouse"),
        options=SyncOptions(owner_map={"Data Team": "data"}, database_map={"raw.db": "RAW"}),
        pipeline=PipelineSettings(schedule="0 6 * * *"),
    )


def write(places: Places, text: str, name: str = "shop") -> Path:
    path = places.config / "profiles" / f"{name}.toml"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8")
    return path


def refused(places: Places, text: str) -> UsageError:
    write(places, text)
    with pytest.raises(UsageError) as caught:
        ProfileStore().load("shop")
    return caught.value


def test_a_saved_profile_is_loaded_equal(places: Places) -> None:
    store = ProfileStore()
    store.save(shop())
    assert store.load("shop") == shop()
    assert store.names() == ("shop",)
    assert store.path("shop") == places.config / "profiles" / "shop.toml"


def test_folder_and_file_are_private_also_where_they_were_open(places: Places) -> None:
    write(places, MINIMAL).chmod(0o644)
    ProfileStore().folder.chmod(0o755)
    ProfileStore().save(shop())
    if os.name == "posix":
        assert stat.S_IMODE(ProfileStore().folder.stat().st_mode) == 0o700
        assert stat.S_IMODE(ProfileStore().path("shop").stat().st_mode) == 0o600
    assert [p.name for p in ProfileStore().folder.iterdir()] == ["shop.toml"]


def test_a_hand_written_file_keeps_its_comments_and_gains_only_what_differs(places: Places) -> None:
    path = write(places, MINIMAL)
    store = ProfileStore()
    profile = store.load("shop")
    changed = profile.model_copy(
        update={
            "dbt_cloud": profile.dbt_cloud.model_copy(update={"account_id": 18, "job_id": 5}),
            "options": profile.options.model_copy(update={"include_tags": False}),
        }
    )
    store.save(changed)
    text = path.read_text(encoding="utf-8")
    assert text.startswith("# the shop\n")
    assert '"https://ab123.us1.dbt.com"   # from the browser' in text
    assert "update_owners" not in text
    assert "include_tags = false" in text
    assert store.load("shop") == changed


def test_a_save_without_a_change_leaves_the_text_as_it_was(places: Places) -> None:
    path = write(places, MINIMAL)
    ProfileStore().save(ProfileStore().load("shop"))
    assert path.read_text(encoding="utf-8") == MINIMAL


def test_what_was_unset_is_removed_from_the_file() -> None:
    store = ProfileStore()
    store.save(shop())
    later = shop().model_copy(
        update={"options": SyncOptions(owner_map={"B": "b"}), "pipeline": PipelineSettings()}
    )
    store.save(later)
    assert store.load("shop") == later
    assert "schedule =" not in store.path("shop").read_text(encoding="utf-8")


def test_a_failed_write_leaves_the_former_file(places: Places, monkeypatch: pytest.MonkeyPatch) -> None:
    store = ProfileStore()
    store.save(shop())
    before = store.path("shop").read_bytes()

    def full(_: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(UsageError) as caught:
        store.save(shop().model_copy(update={"options": SyncOptions(include_tags=False)}))
    assert "No space left on device" in caught.value.as_text()
    assert str(store.path("shop")) in caught.value.title
    assert store.path("shop").read_bytes() == before
    assert [p.name for p in store.folder.iterdir()] == ["shop.toml"]


def test_a_linked_profile_stays_a_link(places: Places, tmp_path: Path) -> None:
    real = tmp_path / "dotfiles.toml"
    real.write_text(MINIMAL, encoding="utf-8")
    ProfileStore().folder.mkdir(parents=True)
    ProfileStore().path("shop").symlink_to(real)
    ProfileStore().save(shop())
    assert ProfileStore().path("shop").is_symlink()
    assert "job_id = 42" in real.read_text(encoding="utf-8")


@pytest.mark.parametrize(
    ("text", "place", "said"),
    [
        (MINIMAL.replace("account_id", "acount_id"), "dbt_cloud.acount_id", "Write account_id"),
        (f"pipline = 1\n{MINIMAL}", "pipline", "Write pipeline"),
        (f"{MINIMAL}include_tags = true\n", "collate.include_tags", "Move it to [options] as include_tags"),
        (f"{MINIMAL}[options]\nzzz = 1\n", "options.zzz", "update_descriptions"),
        (f'{MINIMAL}[options]\nmatch_case = "exakt"\n', "options.match_case", "exact"),
        (MINIMAL.replace("account_id = 17", ""), "dbt_cloud.account_id", "[dbt_cloud]"),
        (MINIMAL.replace("account_id = 17", "account_id = 0"), "dbt_cloud.account_id", "greater than 0"),
        (MINIMAL.replace("https://acme.get", "acme.get"), "collate.base_url", "starts with https://"),
        (MINIMAL.replace("io", "io?x=1"), "collate.base_url", "without ? or #"),
        (f'{MINIMAL}[pipeline]\nschedule = "0 6 * *"\n', "pipeline.schedule", "5 fields"),
        (f'{MINIMAL}[pipeline]\nschedule = "0 66 * * *"\n', "pipeline.schedule", "cron expression"),
        (f'{MINIMAL}[pipeline]\ntimezone = "Mars/Base"\n', "pipeline.timezone", "Europe/Berlin"),
        (f'{MINIMAL}[pipeline]\nname = "a::b"\n', "pipeline.name", '"::"'),
        ("[collate]\nbase_url = 'https://a.b'\nservice = 's'\n", "dbt_cloud", "needs the key dbt_cloud"),
    ],
)
def test_a_wrong_key_or_value_is_named_with_its_file_and_fix(
    places: Places, text: str, place: str, said: str
) -> None:
    error = refused(places, text)
    assert str(places.config / "profiles" / "shop.toml") in error.title
    assert place in error.as_text()
    assert said in error.as_text()


def test_every_fault_of_a_file_is_said_at_once(places: Places) -> None:
    error = refused(places, MINIMAL.replace("account_id", "acount_id").replace("service", "servce"))
    assert "collate.servce" in error.as_text()
    assert "dbt_cloud.acount_id" in error.as_text()


def test_a_file_that_is_not_toml_is_said_with_the_line(places: Places) -> None:
    error = refused(places, "[dbt_cloud]\nbase_url = \n")
    assert "is not TOML" in error.title
    assert "line 2" in error.as_text()


def test_a_file_of_a_newer_version_is_not_read(places: Places) -> None:
    assert "newer dbtcollate" in refused(places, f"schema_version = 2\nnew_key = 1\n{MINIMAL}").title


def test_a_file_that_is_not_text_is_said(places: Places) -> None:
    write(places, "").write_bytes(b"\xff\xfe\x00")
    with pytest.raises(UsageError, match="is not UTF-8 text"):
        ProfileStore().load("shop")


def test_a_name_in_the_file_must_be_the_files(places: Places) -> None:
    write(places, f'name = "shop"\n{MINIMAL}')
    assert ProfileStore().load("shop").name == "shop"
    assert "differs from the file's name" in refused(places, f'name = "other"\n{MINIMAL}').title


@pytest.mark.parametrize(
    ("line", "place"),
    [
        ('token = "anything"', "collate.token"),
        ('dbtCloudAuthToken = "anything"', "collate.dbtCloudAuthToken"),
        ('api_key = "anything"', "collate.api_key"),
        ('note = "dbtc_MARKED1234567890"', "collate.note"),
        ('note = ["a", "dbtu_MARKED1234567890"]', "collate.note[1]"),
        ('note = "0123456789abcdef0123456789abcdef01234567"', "collate.note"),
        ('note = "eyJhbGciOiJSUzI1NiJ9.eyJNQVJLRUQiOjF9.MARKED"', "collate.note"),
        ('note = "https://me:MARKED@host"', "collate.note"),
        ('deep.er = "dbtc_MARKED1234567890"', "collate.deep.er"),
        ('dbtc_MARKED1234567890 = "x"', "a key"),
    ],
)
def test_a_token_in_the_file_is_refused_without_repeating_it(places: Places, line: str, place: str) -> None:
    error = refused(places, f"{MINIMAL}{line}\n")
    assert f"{place} looks like a token" in error.title
    assert "keyring" in error.as_text()
    assert "_TOKEN" in error.as_text()
    for shown in (error.as_text(), str(error.as_dict()), repr(error)):
        assert "MARKED" not in shown
        assert "anything" not in shown


def test_a_token_is_never_saved() -> None:
    redact.learn(SecretStr("live-secret-of-no-shape"))
    for value in ("dbtc_MARKED1234567890", "live-secret-of-no-shape"):
        profile = shop().model_copy(update={"options": SyncOptions(owner_map={"x": value})})
        with pytest.raises(UsageError, match=r"options\.owner_map\.x looks like a token"):
            ProfileStore().save(profile)
    assert ProfileStore().names() == ()


def test_words_about_secrets_may_be_names_of_owners_and_databases(places: Places) -> None:
    write(places, f'{MINIMAL}[options.owner_map]\nauth = "Auth Team"\nsecret_service = "sec"\n')
    assert ProfileStore().load("shop").options.owner_map["auth"] == "Auth Team"


@pytest.mark.parametrize(
    "name",
    ["", ".", "..", "../x", "a/b", "a\\b", "a b", "Prod", "con", "nul.x", "a..b", "-a", "a.", "é", "a" * 65],
)
def test_a_name_that_is_no_safe_file_name_is_refused_with_one_that_is(name: str) -> None:
    with pytest.raises(UsageError) as caught:
        check_name(name)
    near = caught.value.fixes[0].value.removeprefix("name=")
    assert check_name(near) == near
    for call in (ProfileStore().load, ProfileStore().delete, ProfileStore().path, ProfileStore().mark_used):
        with pytest.raises(UsageError):
            call(name)


@pytest.mark.parametrize(
    ("text", "name"),
    [("Acme Corp / Prod", "acme-corp-prod"), ("Prod", "prod"), ("***", "default"), ("CON", "con-profile")],
)
def test_a_name_is_proposed_from_any_text(text: str, name: str) -> None:
    assert suggest_name(text) == name == check_name(name)


def test_a_profile_that_does_not_exist_is_said_with_the_nearest(places: Places) -> None:
    ProfileStore().save(shop())
    ProfileStore().save(shop("other"))
    with pytest.raises(UsageError) as caught:
        ProfileStore().load("shpo")
    assert "Use 'shop'" in caught.value.as_text()
    assert "Profiles here: other, shop." in caught.value.as_text()
    assert str(places.config) in caught.value.as_text()


def test_no_profile_at_all_is_said_with_the_way_to_make_one() -> None:
    with pytest.raises(UsageError) as caught:
        ProfileStore().load("shop")
    assert "There is no profile yet." in caught.value.as_text()
    assert "dbtcollate setup" in caught.value.as_text()


def test_the_default_is_the_last_used_else_the_only_one(places: Places) -> None:
    store = ProfileStore()
    assert store.default_name() is None
    write(places, MINIMAL, "first")
    assert store.default_name() == "first"
    write(places, MINIMAL, "second")
    assert store.default_name() is None
    store.mark_used("second")
    assert ProfileStore().default_name() == "second"
    store.save(shop())
    assert store.default_name() == "shop"
    store.delete("shop")
    assert store.default_name() is None
    assert store.names() == ("first", "second")


def test_other_files_in_the_folder_are_passed_over(places: Places) -> None:
    write(places, MINIMAL)
    for name in ("notes.txt", "My Profile.toml", ".shop.toml.abc.tmp"):
        (ProfileStore().folder / name).write_text("x", encoding="utf-8")
    assert ProfileStore().names() == ("shop",)


def test_a_profile_cannot_be_changed_in_place_or_take_unknown_keys() -> None:
    with pytest.raises(ValidationError):
        Profile.__setattr__(shop(), "name", "x")
    with pytest.raises(ValidationError):
        SyncOptions.model_validate({"include_tag": True})


def test_an_address_loses_its_last_slash_and_refuses_credentials() -> None:
    assert shop().dbt_cloud.base_url == "https://ab123.us1.dbt.com"
    with pytest.raises(ValidationError, match="must not hold a name or a password") as caught:
        CollateSettings(base_url="https://me:MARKED@host", service="s")
    assert "MARKED" not in str(caught.value)


def test_a_profile_nested_too_deep_is_no_profile() -> None:
    store = ProfileStore()
    store.folder.mkdir(parents=True, exist_ok=True)
    (store.folder / "deep.toml").write_text(".".join("a" * 5000) + " = 1", encoding="utf-8")
    with pytest.raises(UsageError, match="is not TOML"):
        store.load("deep")
