import pytest

from csad.common.errors import StoreError
from csad.store.settings import StoreSettings

WHOLE = {
    "CSAD_STORE_ENDPOINT": "http://store.example:9000",
    "CSAD_STORE_BUCKET": "factory",
    "CSAD_STORE_PREFIX": "/plant-1//csad/",
    "AWS_ACCESS_KEY_ID": "the-name-of-a-key",
    "AWS_SECRET_ACCESS_KEY": "the-secret-of-a-key",
    "AWS_SESSION_TOKEN": "the-token-of-a-session",
    "AWS_REGION": "eu-central-1",
}
SECRETS = ("the-name-of-a-key", "the-secret-of-a-key", "the-token-of-a-session")


def without(*names: str) -> dict[str, str]:
    return {name: value for name, value in WHOLE.items() if name not in names}


def credentials(folder, text):
    path = folder / ".aws" / "credentials"
    path.parent.mkdir()
    path.write_text(text)
    return {"CSAD_STORE_ENDPOINT": WHOLE["CSAD_STORE_ENDPOINT"], "HOME": str(folder)}


def test_all_variables_are_read():
    settings = StoreSettings.from_environment(WHOLE)
    assert (settings.url, settings.bucket, settings.prefix, settings.region, settings.secure) == (
        "http://store.example:9000",
        "factory",
        "plant-1/csad/",
        "eu-central-1",
        False,
    )
    assert (settings.access_key, settings.secret_key, settings.session_token) == SECRETS


def test_an_endpoint_and_keys_are_enough():
    settings = StoreSettings.from_environment(
        {"CSAD_STORE_ENDPOINT": "https://s3.example", "AWS_ACCESS_KEY_ID": "a", "AWS_SECRET_ACCESS_KEY": "b"}
    )
    assert (settings.endpoint, settings.bucket, settings.prefix, settings.secure) == ("s3.example", "csad", "", True)


def test_what_was_read_can_be_handed_to_another_process():
    settings = StoreSettings.from_environment(WHOLE)
    assert StoreSettings.from_environment(settings.to_environment()) == settings


def test_no_secret_is_shown():
    shown = repr(StoreSettings.from_environment(WHOLE))
    assert not [secret for secret in SECRETS if secret in shown]


def test_a_profile_gives_the_keys(tmp_path):
    variables = credentials(
        tmp_path,
        "[default]\naws_access_key_id = no\naws_secret_access_key = no\n"
        "[plant]\naws_access_key_id = key\naws_secret_access_key = a%b\n",
    )
    settings = StoreSettings.from_environment(variables | {"AWS_PROFILE": "plant"})
    assert (settings.access_key, settings.secret_key) == ("key", "a%b")


def test_the_default_profile_is_used_where_no_other_is_named(tmp_path):
    variables = credentials(tmp_path, "[default]\naws_access_key_id = key\naws_secret_access_key = secret\n")
    assert StoreSettings.from_environment(variables).access_key == "key"


@pytest.mark.parametrize(
    ("variables", "named"),
    [
        ({}, "CSAD_STORE_ENDPOINT is not set"),
        (without("CSAD_STORE_ENDPOINT"), "CSAD_STORE_ENDPOINT is not set"),
        (without("AWS_ACCESS_KEY_ID"), "AWS_ACCESS_KEY_ID is not set"),
        (without("AWS_SECRET_ACCESS_KEY"), "AWS_SECRET_ACCESS_KEY is not set"),
        (WHOLE | {"CSAD_STORE_BUCKET": "Upper"}, "CSAD_STORE_BUCKET is 'Upper'"),
        (WHOLE | {"CSAD_STORE_PREFIX": "a/../b"}, "CSAD_STORE_PREFIX is 'a/../b'"),
        (WHOLE | {"CSAD_STORE_ENDPOINT": "store:9000"}, "expected http://host:port"),
        (WHOLE | {"CSAD_STORE_ENDPOINT": "http://store:port"}, "expected http://host:port"),
        (WHOLE | {"CSAD_STORE_ENDPOINT": "http://store/bucket"}, "expected http://host:port"),
        (WHOLE | {"CSAD_STORE_ENDPOINT": "ftp://store"}, "expected http://host:port"),
    ],
)
def test_what_is_missing_or_wrong_is_named(variables, named, tmp_path):
    with pytest.raises(StoreError, match=r"expected|set these variables") as caught:
        StoreSettings.from_environment(variables | {"HOME": str(tmp_path)})
    assert named in str(caught.value)
    assert not [secret for secret in SECRETS if secret in str(caught.value)]


@pytest.mark.parametrize(
    "endpoint", ["http://user:hunter2@store:9000", "http://user:hunter2@store:9000/path", "a:hunter2@b"]
)
def test_a_login_inside_the_endpoint_is_refused_and_not_repeated(endpoint):
    with pytest.raises(StoreError) as caught:
        StoreSettings.from_environment(WHOLE | {"CSAD_STORE_ENDPOINT": endpoint})
    assert "hunter2" not in str(caught.value)


@pytest.mark.parametrize("text", ["[plant]\naws_access_key_id = x\n", "hunter2 is no ini file", "[other]\n"])
def test_a_profile_without_keys_says_where_it_looked_and_repeats_nothing(tmp_path, text):
    variables = credentials(tmp_path, text)
    with pytest.raises(StoreError, match="AWS_PROFILE is plant") as caught:
        StoreSettings.from_environment(variables | {"AWS_PROFILE": "plant"})
    assert str(tmp_path / ".aws" / "credentials") in str(caught.value)
    assert "hunter2" not in str(caught.value)
