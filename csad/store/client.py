"""The S3 client, set up so that only `csad.store.retry` repeats requests."""

import os

import certifi
import urllib3
from minio import Minio
from minio.error import S3Error

from csad.common.errors import StoreError
from csad.store.settings import StoreSettings

WORKERS = 8
"""Transfers at a time; connections are kept for this many."""

CONNECT_SECONDS = 3.0
SILENCE_SECONDS = 30.0
"""A store that says nothing for so long is asked again."""


def make_client(settings: StoreSettings, silence: float) -> Minio:
    """Return a client whose own retries are off: `retrying` knows what may be repeated.

    Args:
        settings: The store and the keys.
        silence: Seconds without a byte after which a request has failed.

    Raises:
        StoreError: The endpoint is none.
    """
    pool = urllib3.PoolManager(
        timeout=urllib3.Timeout(connect=CONNECT_SECONDS, read=silence),
        maxsize=2 * WORKERS,
        retries=False,
        cert_reqs="CERT_REQUIRED",
        ca_certs=os.environ.get("SSL_CERT_FILE") or certifi.where(),
    )
    try:
        return Minio(
            settings.endpoint,
            settings.access_key,
            settings.secret_key,
            session_token=settings.session_token,
            secure=settings.secure,
            region=settings.region,
            http_client=pool,
        )
    except ValueError as error:
        raise StoreError(f"{settings.url} cannot be used as a store: {error}; set CSAD_STORE_ENDPOINT") from error


def make_bucket(client: Minio, settings: StoreSettings) -> None:
    """Make the bucket unless it is there.

    Raises:
        MinioException: The store refuses.
        HTTPError: It does not answer.
    """
    if client.bucket_exists(settings.bucket):
        return
    try:
        client.make_bucket(settings.bucket, location=settings.region)
    except S3Error as error:
        if error.code not in ("BucketAlreadyOwnedByYou", "BucketAlreadyExists"):
            raise
