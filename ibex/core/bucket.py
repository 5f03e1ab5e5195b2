"""Archives in an S3-compatible store: loaded only where a bucket is set. See `ibex.core.storage`."""

from __future__ import annotations

from typing import Any

from boto3.exceptions import Boto3Error
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError
from s3transfer.exceptions import RetriesExceededError
from storages.backends.s3 import S3Storage

from ibex.core.storage import ATTEMPTS, CONNECT_S, IN_MEMORY_BYTES, READ_S
from ibex.env import env


class Bucket(S3Storage):
    """The bucket of the settings; what is put again replaces what was there, and nothing in it is public."""

    errors = (BotoCoreError, ClientError, Boto3Error, RetriesExceededError)

    def get_default_settings(self) -> dict[str, Any]:
        here = env()
        # Other stores than Amazon's know buckets by path, and not the checksums that boto3 sends of its own accord.
        style = "path" if here.s3_endpoint else "auto"
        settings: dict[str, Any] = super().get_default_settings()
        return settings | {
            "bucket_name": here.s3_bucket,
            "endpoint_url": here.s3_endpoint or None,
            "region_name": here.s3_region or None,
            "access_key": here.s3_access_key.get_secret_value() or None,
            "secret_key": here.s3_secret_key.get_secret_value() or None,
            "file_overwrite": True,
            "default_acl": None,
            "querystring_auth": True,
            "max_memory_size": IN_MEMORY_BYTES,
            "client_config": Config(
                connect_timeout=CONNECT_S,
                read_timeout=READ_S,
                retries={"mode": "standard", "total_max_attempts": ATTEMPTS},
                signature_version="s3v4",
                request_checksum_calculation="when_required",
                response_checksum_validation="when_required",
                s3={"addressing_style": style},
            ),
        }
