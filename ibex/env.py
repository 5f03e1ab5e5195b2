"""Every setting of a deployment: typed, described, defaulted. The only reader of the environment."""

from __future__ import annotations

import os
from contextlib import suppress
from functools import lru_cache
from pathlib import Path
from typing import Any, Literal

from pydantic import AliasChoices, Field, SecretStr
from pydantic_settings import BaseSettings, SettingsConfigDict

REPOSITORY = Path(__file__).resolve().parent.parent
EMBEDDING_THREADS_MAX = 2
"""Of a web process, unless somebody says otherwise: more are slower, for they take turns with the callers' thread."""


CPU_QUOTA = Path("/sys/fs/cgroup/cpu.max")
"""Of a container: the microseconds of CPU that it may use in so many, or `max`."""


def usable_cores() -> int:
    """Of this process: a container may have been given fewer than the machine has."""
    cores = len(os.sched_getaffinity(0))
    with suppress(OSError, ValueError):
        quota, period = map(int, CPU_QUOTA.read_text().split())
        cores = min(cores, max(1, quota // period))
    return cores


def _embedding_threads(read: dict[str, Any]) -> int:
    web_processes: int = read.get("web_processes", 1)
    return max(1, min(EMBEDDING_THREADS_MAX, usable_cores() // web_processes))


class Env(BaseSettings):
    """One field a variable: `data_dir` is read from `IBEX_DATA_DIR` unless an alias is given."""

    model_config = SettingsConfigDict(env_prefix="IBEX_", extra="ignore", frozen=True)

    # Where it runs
    host: str = Field("127.0.0.1", description="Address the web server listens on.")
    port: int = Field(8000, ge=1, le=65535, description="Port the web server listens on.")
    base_url: str = Field("", description="Public address of this IBEX; empty: http://HOST:PORT.")
    data_dir: Path = Field(REPOSITORY / ".ibex", description="Folder of everything IBEX keeps on disk, mode 0700.")
    model_dir: Path | None = Field(
        None, description="Folder of the built embedding model and of compiled C; empty: DATA_DIR/models."
    )
    allowed_hosts: str = Field("*", description="Comma-separated host names that pages answer to.")
    debug: bool = Field(False, description="Django's debug pages; never on a machine that others reach.")
    web_processes: int = Field(
        default_factory=lambda: min(2, usable_cores()),
        ge=1,
        le=32,
        description="Web processes behind the port, each with one thread for its calls; empty: 2 on two cores or more, "
        "else 1. `python -m ibex.server` is one; started beside others, tell each how many they are.",
    )
    workers: int = Field(1, ge=1, le=64, description="django-q2 worker processes.")
    secret_key: SecretStr = Field(
        SecretStr(""),
        description="Root of all derived keys, 32+ characters; empty: made once in DATA_DIR/secrets.json.",
    )

    # What it stands on
    database_url: SecretStr = Field(
        SecretStr(""),
        validation_alias=AliasChoices("DATABASE_URL", "IBEX_DATABASE_URL"),
        description="PostgreSQL 14+ with pgvector 0.8+, as a role that may create roles; empty: embedded.",
    )
    app_database_url: SecretStr = Field(
        SecretStr(""),
        description="The application's role, when you create the roles yourself; empty: made.",
    )
    system_database_url: SecretStr = Field(
        SecretStr(""),
        description="The role that may cross tenants, when you create the roles yourself; empty: made.",
    )
    redis_url: SecretStr = Field(
        SecretStr(""),
        validation_alias=AliasChoices("REDIS_URL", "IBEX_REDIS_URL"),
        description="Redis or Valkey 7+ of your own; empty: embedded.",
    )
    page_connections: int = Field(
        0,
        ge=0,
        le=100,
        description="Pooled database connections for pages and REST; 0: none. A web process takes 8 by itself, beside "
        "up to 12 for calls: a PostgreSQL of your own needs `max_connections` for all of them.",
    )

    # Where archives of sessions are kept
    s3_bucket: str = Field(
        "", description="Bucket of an S3-compatible store; empty: the local disk, DATA_DIR/archives."
    )
    s3_endpoint: str = Field("", description="Address of a store that is not Amazon's, with its scheme.")
    s3_region: str = Field(
        "",
        validation_alias=AliasChoices("AWS_REGION", "IBEX_S3_REGION"),
        description="Region of the bucket, where the store has regions.",
    )
    s3_access_key: SecretStr = Field(
        SecretStr(""),
        validation_alias=AliasChoices("AWS_ACCESS_KEY_ID", "IBEX_S3_ACCESS_KEY"),
        description="Id of the key to the bucket; empty: what boto3 finds, such as the machine's own role.",
    )
    s3_secret_key: SecretStr = Field(
        SecretStr(""),
        validation_alias=AliasChoices("AWS_SECRET_ACCESS_KEY", "IBEX_S3_SECRET_KEY"),
        description="The key itself.",
    )

    # The first provider
    openai_api_key: SecretStr = Field(
        SecretStr(""),
        validation_alias=AliasChoices("OPENAI_API_KEY", "IBEX_OPENAI_API_KEY"),
        description="Key of the default provider, read at first start; empty: the sandbox provider answers.",
    )
    openai_base_url: str = Field(
        "",
        validation_alias=AliasChoices("OPENAI_BASE_URL", "IBEX_OPENAI_BASE_URL"),
        description="Base URL of the default provider, read at first start; empty with a key: https://api.openai.com/v1.",
    )

    provider_networks: Literal["private", "public"] = Field(
        "private",
        description="Where providers may live: `private` allows this machine and private networks too, `public` only "
        "the internet; link-local and cloud metadata addresses never.",
    )

    # Behaviour
    log_level: Literal["DEBUG", "INFO", "WARNING", "ERROR"] = Field(
        "INFO", description="Least severe log line written."
    )
    log_format: Literal["json", "console"] = Field(
        "json", description="Structured JSON lines, or colours for a terminal."
    )
    embedding_backend: Literal["onnx", "sentence-transformers"] = Field(
        "onnx",
        description="What runs all-MiniLM-L6-v2: `onnx`, the fast path without torch, or the reference, "
        "`sentence-transformers` (requirements/reference.in), which runs every other model in any case.",
    )
    embedding_model: str = Field(
        "all-MiniLM-L6-v2",
        max_length=200,
        pattern=r"^[A-Za-z0-9_./:@+-]+$",
        description="Model of the vectors, read when the database is made; later `manage.py embeddings` changes it.",
    )
    embedding_device: str = Field(
        "cpu", description="Where sentence-transformers runs: `cpu`, `cuda`, `cuda:1`, `mps`."
    )
    embedding_threads: int = Field(
        default_factory=_embedding_threads,
        ge=1,
        le=16,
        description="Threads that embed queries in a web process, each on one core; empty: a process's share of the "
        "cores, at most 2. A worker's batches take as many as all web processes together.",
    )
    native_code: bool = Field(
        True,
        description="Compile what calls wait for most with the machine's C compiler, once; a machine without one, or a "
        "processor without AVX2, does the same with libraries, in half as much time again.",
    )
    patience: float = Field(
        1.0,
        ge=1,
        le=100,
        description="How many times longer than the shipped limits the memory path may hold a call up: for tests, and "
        "machines that are too slow for 45 ms. Callers wait longer by it.",
    )
    session_idle_minutes: int = Field(15, ge=1, le=1440, description="Idle time after which a session is completed.")
    metrics_dir: Path | None = Field(
        None,
        validation_alias=AliasChoices("PROMETHEUS_MULTIPROC_DIR"),
        description="Folder in which the processes of one machine share their metrics, empty at their start, so that "
        "/metrics of one tells of all; empty: of the web process that is asked. `manage.py up` makes it.",
    )
    otel_endpoint: str = Field("", description="OTLP/HTTP endpoint for traces; empty: no spans are made.")

    @property
    def built_dir(self) -> Path:
        """Where what is made once from what is installed is kept."""
        return self.model_dir or self.data_dir / "models"


@lru_cache(maxsize=1)
def env() -> Env:
    """The process's settings, read once."""
    return Env()
