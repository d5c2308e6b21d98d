"""Settings come from the environment, secrets from files and from nowhere else."""

from __future__ import annotations

import pytest

from photo_api import settings as subject


@pytest.fixture
def environment(monkeypatch, tmp_path):
    authority = tmp_path / "ca.crt"
    authority.write_text("x")
    values = {
        "DATABASE_HOST": "db1",
        "DATABASE_CA_FILE": str(authority),
        "S3_ENDPOINT": "https://s3:7070",
        "S3_CA_FILE": str(authority),
        "POOL_SIZE": "20",
        "WRITE_POOL_SIZE": "8",
        "MAX_UPLOAD_MIB": "10",
    }
    for name, value in values.items():
        monkeypatch.setenv(f"PHOTO_API_{name}", value)
    return monkeypatch


@pytest.fixture
def credentials(monkeypatch, tmp_path):
    folder = tmp_path / "credentials"
    folder.mkdir()
    for name in ("database_password", "s3_access_key", "s3_secret_key"):
        (folder / name).write_text(f"{name}-value\n")
    monkeypatch.setenv("CREDENTIALS_DIRECTORY", str(folder))
    return folder


def test_reads_the_environment(environment):
    read = subject.load_settings()
    assert (read.pool_size, read.write_pool_size, read.max_upload_bytes) == (20, 8, 10 * 1024 * 1024)
    assert read.max_body_bytes > read.max_upload_bytes


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("POOL_SIZE", "none"),
        ("POOL_SIZE", "0"),
        ("WRITE_POOL_SIZE", "0"),
        ("S3_ENDPOINT", "http://s3:7070"),
        ("DATABASE_CA_FILE", "/nowhere/ca.crt"),
        ("MAX_UPLOAD_MIB", "101"),
    ],
)
def test_names_the_wrong_setting(environment, name, value):
    environment.setenv(f"PHOTO_API_{name}", value)
    with pytest.raises(subject.ConfigurationError, match=f"PHOTO_API_{name}: "):
        subject.load_settings()


def test_a_path_is_one_socket_and_of_several_names_the_primary_is_asked_for(environment):
    environment.setenv("PHOTO_API_DATABASE_HOST", "/run/pgbouncer")
    environment.setenv("PHOTO_API_DATABASE_PORT", "6432")
    assert subject.load_settings().database_server == {"host": "/run/pgbouncer", "port": 6432}
    environment.setenv("PHOTO_API_DATABASE_HOST", "db1,db2")
    server = subject.load_settings().database_server
    assert (server["host"], server["target_session_attrs"]) == (["db1", "db2"], "primary")


def test_all_faults_at_once(environment):
    environment.delenv("PHOTO_API_POOL_SIZE")
    environment.delenv("PHOTO_API_DATABASE_HOST")
    with pytest.raises(subject.ConfigurationError) as caught:
        subject.load_settings()
    assert len(str(caught.value).splitlines()) == 2


@pytest.mark.parametrize(
    ("name", "value"),
    [("DATABASE_CONNECT_TIMEOUT", "5"), ("POOL_ACQUIRE_TIMEOUT", "8"), ("REQUEST_TIMEOUT", "25")],
)
def test_an_inner_wait_must_end_before_the_outer(environment, name, value):
    environment.setenv(f"PHOTO_API_{name}", value)
    with pytest.raises(subject.ConfigurationError, match=f"PHOTO_API_{name} = {value} s must be shorter than"):
        subject.load_settings()


def test_reads_credentials_from_files(environment, credentials):
    read = subject.load_credentials(subject.load_settings())
    assert read.database_password.get_secret_value() == "database_password-value"
    assert "value" not in repr(read)


def test_a_secret_in_the_environment_is_not_taken(environment, credentials, monkeypatch):
    (credentials / "s3_secret_key").unlink()
    for prefix in ("", "PHOTO_API_"):
        monkeypatch.setenv(f"{prefix}S3_SECRET_KEY", "from-the-environment")
    with pytest.raises(subject.ConfigurationError, match="s3_secret_key"):
        subject.load_credentials(subject.load_settings())


def test_says_where_credentials_come_from(environment, monkeypatch):
    monkeypatch.delenv("CREDENTIALS_DIRECTORY", raising=False)
    with pytest.raises(subject.ConfigurationError, match="LoadCredential"):
        subject.load_credentials(subject.load_settings())


def test_a_role_needs_no_keys(environment, credentials):
    environment.setenv("PHOTO_API_S3_CREDENTIALS", "instance-profile")
    for name in subject.S3_KEYS:
        (credentials / name).unlink()
    read = subject.load_credentials(subject.load_settings())
    assert (read.s3_access_key, read.s3_secret_key) == (None, None)
    (credentials / "database_password").unlink()
    with pytest.raises(subject.ConfigurationError, match="database_password"):
        subject.load_credentials(subject.load_settings())


def test_behind_a_socket_the_account_is_who_it_is(environment, credentials):
    (credentials / "database_password").unlink()
    with pytest.raises(subject.ConfigurationError, match=r"database_password: .* PHOTO_API_DATABASE_HOST = "):
        subject.load_credentials(subject.load_settings())
    environment.setenv("PHOTO_API_DATABASE_HOST", "/run/pgbouncer")
    assert subject.load_credentials(subject.load_settings()).database_password is None
    # On a host whose role gives access to S3 there is no credential at all.
    environment.setenv("PHOTO_API_S3_CREDENTIALS", "instance-profile")
    environment.delenv("CREDENTIALS_DIRECTORY")
    assert subject.load_credentials(subject.load_settings()).s3_access_key is None


def test_an_empty_key_is_no_key(environment, credentials):
    (credentials / "s3_access_key").write_text("")
    with pytest.raises(subject.ConfigurationError, match="s3_access_key"):
        subject.load_credentials(subject.load_settings())
