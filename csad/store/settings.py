"""Where the store is and who asks: read from the environment, never from a file of the project."""

import configparser
import os
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple, Self
from urllib.parse import urlsplit

from csad.common.errors import StoreError

ENDPOINT = "CSAD_STORE_ENDPOINT"
BUCKET = "CSAD_STORE_BUCKET"
PREFIX = "CSAD_STORE_PREFIX"
DEFAULT_BUCKET = "csad"
DEFAULT_REGION = "us-east-1"
BUCKET_NAME = re.compile(r"[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]")
PREFIX_PART = re.compile(r"[A-Za-z0-9_-][A-Za-z0-9._-]*")

HOW_TO_SET_UP = """set these variables (in a cluster they come from a secret):
  CSAD_STORE_ENDPOINT    http://host:port of MinIO, SeaweedFS, ...; https://s3.REGION.amazonaws.com for AWS
  AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY    the keys; or AWS_PROFILE, a profile of ~/.aws/credentials
  CSAD_STORE_BUCKET      csad unless set; made when it does not exist
  CSAD_STORE_PREFIX      folder inside the bucket; none unless set
  AWS_REGION             us-east-1 unless set"""


class _Keys(NamedTuple):
    access_key: str
    secret_key: str
    session_token: str | None


@dataclass(frozen=True)
class StoreSettings:
    """An S3 store and the keys to it. The keys are in no repr.

    Attributes:
        endpoint: "host:port".
        access_key: Name of the key.
        secret_key: The secret.
        bucket: Bucket of everything.
        prefix: Put before every key: "" or "folder/".
        region: Region as the store calls it.
        secure: https.
        session_token: Session token of temporary keys.
    """

    endpoint: str
    access_key: str = field(repr=False)
    secret_key: str = field(repr=False)
    bucket: str = DEFAULT_BUCKET
    prefix: str = ""
    region: str = DEFAULT_REGION
    secure: bool = False
    session_token: str | None = field(default=None, repr=False)

    @property
    def url(self) -> str:
        """The endpoint as a user writes it."""
        return f"{'https' if self.secure else 'http'}://{self.endpoint}"

    @classmethod
    def from_environment(cls, environment: Mapping[str, str] | None = None) -> Self:
        """Read the settings.

        Args:
            environment: Variables; those of the process unless given.

        Raises:
            StoreError: Something is missing or cannot be used; the message says what to set.
        """
        variables = os.environ if environment is None else environment
        endpoint, secure = _endpoint(variables.get(ENDPOINT, "").strip())
        keys = _keys(variables)
        return cls(
            endpoint=endpoint,
            access_key=keys.access_key,
            secret_key=keys.secret_key,
            bucket=_bucket(variables.get(BUCKET, "").strip() or DEFAULT_BUCKET),
            prefix=_prefix(variables.get(PREFIX, "").strip()),
            region=variables.get("AWS_REGION") or variables.get("AWS_DEFAULT_REGION") or DEFAULT_REGION,
            secure=secure,
            session_token=keys.session_token,
        )

    def to_environment(self) -> dict[str, str]:
        """The variables from which `from_environment` makes these settings again, secrets among them."""
        variables = {
            ENDPOINT: self.url,
            BUCKET: self.bucket,
            PREFIX: self.prefix,
            "AWS_ACCESS_KEY_ID": self.access_key,
            "AWS_SECRET_ACCESS_KEY": self.secret_key,
            "AWS_REGION": self.region,
        }
        return variables | ({"AWS_SESSION_TOKEN": self.session_token} if self.session_token else {})


def _endpoint(text: str) -> tuple[str, bool]:
    if not text:
        raise StoreError(f"no store is set up: {ENDPOINT} is not set; {HOW_TO_SET_UP}")
    try:
        parts = urlsplit(text)
        host, _ = parts.hostname, parts.port
    except ValueError:
        host = None
    if not host or parts.scheme not in ("http", "https") or parts.path not in ("", "/") or parts.query:
        raise StoreError(f"{ENDPOINT} is {_without_login(text)!r}; expected http://host:port or https://host, no path")
    if "@" in parts.netloc:
        raise StoreError(f"{ENDPOINT} holds a login; put it into AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY instead")
    return parts.netloc, parts.scheme == "https"


def _without_login(text: str) -> str:
    return f"...@{text.rpartition('@')[2]}" if "@" in text else text


def _bucket(name: str) -> str:
    if not BUCKET_NAME.fullmatch(name) or ".." in name:
        raise StoreError(
            f"{BUCKET} is {name!r}; expected 3 to 63 characters: lower-case letters, digits, - and ., such as csad"
        )
    return name


def _prefix(text: str) -> str:
    parts = [part for part in text.split("/") if part]
    if not all(PREFIX_PART.fullmatch(part) for part in parts):
        raise StoreError(f"{PREFIX} is {text!r}; expected letters, digits, -, _ and ., with / between folders")
    return "".join(f"{part}/" for part in parts)


def _keys(variables: Mapping[str, str]) -> _Keys:
    access, secret = variables.get("AWS_ACCESS_KEY_ID", ""), variables.get("AWS_SECRET_ACCESS_KEY", "")
    if access and secret:
        return _Keys(access, secret, variables.get("AWS_SESSION_TOKEN") or None)
    if access or secret:
        missing = "AWS_SECRET_ACCESS_KEY" if access else "AWS_ACCESS_KEY_ID"
        raise StoreError(f"{missing} is not set, its other half is; {HOW_TO_SET_UP}")
    return _keys_of_profile(variables)


def _keys_of_profile(variables: Mapping[str, str]) -> _Keys:
    profile = variables.get("AWS_PROFILE", "")
    home = Path(variables.get("HOME") or "~").expanduser()
    path = Path(variables.get("AWS_SHARED_CREDENTIALS_FILE") or home / ".aws" / "credentials").expanduser()
    parser = configparser.ConfigParser(interpolation=None)
    try:
        parser.read_string(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        found = f"{path} does not exist"
    except (OSError, UnicodeDecodeError, configparser.Error):  # their messages quote lines of the file
        found = f"{path} cannot be read as a credentials file"
    else:
        section = parser[profile or "default"] if parser.has_section(profile or "default") else {}
        access, secret = section.get("aws_access_key_id", ""), section.get("aws_secret_access_key", "")
        if access and secret:
            return _Keys(access, secret, section.get("aws_session_token") or None)
        found = f"{path} has no keys under [{profile or 'default'}]"
    wanted = f"AWS_PROFILE is {profile}, but {found}" if profile else f"AWS_ACCESS_KEY_ID is not set and {found}"
    raise StoreError(f"no keys for the store: {wanted}; {HOW_TO_SET_UP}")
