"""Whom we talk to, who we say we are, and what a refusal means."""

import datetime
import ipaddress
from dataclasses import replace

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from cluster import connection, runs
from cluster.client import Connection, make_client
from cluster.errors import ClusterError
from components.core.errors import InvalidInput
from tests.kubeflow.calls import NO_PAUSES, connect, submit
from tests.kubeflow.server import Api


def test_a_refused_connection_is_said_at_once(api):
    api.stop()

    with pytest.raises(ClusterError, match="can't be reached: connection refused"):
        connect(api)


def test_a_request_without_a_token_is_told_how_to_give_one(api):
    api.token = "secret"

    with pytest.raises(ClusterError, match=r"does not know us \(401\); give a token \(--token-file"):
        connect(api)


def test_a_forbidden_request_says_what_the_server_said(api, package):
    api.fail("POST", "/runs", status=403, body='{"code": 7, "message": "team may not"}')

    with pytest.raises(ClusterError, match=r"does not allow this \(403: team may not\)"):
        submit(api, package)


def test_a_server_without_the_api_is_told_from_a_thing_that_is_missing(api):
    api.fail("GET", "/healthz", status=404, body="<html>not here</html>")

    with pytest.raises(ClusterError, match="is no KFP v2 API"):
        connect(api)


def test_a_missing_path_in_the_words_of_kfp_1_is_no_kfp_v2_api_either(api):
    api.fail("GET", "/healthz", status=404, body='{"code": 5, "message": "Not Found"}')

    with pytest.raises(ClusterError, match="is no KFP v2 API"):
        connect(api)


def test_the_words_of_a_proxy_are_passed_on(api, package):
    api.fail("POST", "/runs", status=400, body="no healthy upstream")

    with pytest.raises(ClusterError, match=r"refused the request \(400\): no healthy upstream"):
        submit(api, package)


def test_a_login_page_is_recognized(api):
    api.fail("GET", "/healthz", status=200, body="<html>log in</html>")

    with pytest.raises(ClusterError, match="most likely to log in"):
        connect(api)


def test_many_users_need_a_namespace(api):
    api.multi_user = True

    with pytest.raises(ClusterError, match="--namespace NAME"):
        connect(api)


def test_in_a_cluster_the_namespace_is_the_pod_s_own(api, monkeypatch, tmp_path):
    api.multi_user = True
    (tmp_path / "namespace").write_text("team")
    monkeypatch.setattr("kfp.Client._NAMESPACE_PATH", str(tmp_path / "namespace"))

    assert connect(api).namespace == "team"


def test_a_token_file_is_read_again_for_every_request(api, tmp_path, package):
    token = tmp_path / "token"
    token.write_text("old\n")
    api.token = "old"
    cluster = connect(api, token_file=str(token))
    token.write_text("new\n")
    api.token = "new"

    runs.submit(cluster, package, {}, experiment="clothes")

    assert len(api.runs) == 1


def test_a_token_can_come_from_a_variable(api, monkeypatch):
    api.token = "secret"
    monkeypatch.setenv("KFP_TOKEN", "secret")

    assert connect(api).url == api.url


@pytest.mark.parametrize(
    "pasted",
    ["Bearer secret", "bearer  secret", "Authorization: Bearer secret", '"secret"', " secret\n", '"Bearer secret"'],
)
@pytest.mark.parametrize("way", ["variable", "file", "file with a mark"])
def test_a_token_may_be_pasted_with_what_stood_around_it(api, monkeypatch, tmp_path, pasted, way):
    api.token = "secret"
    if way == "variable":
        monkeypatch.setenv("KFP_TOKEN", pasted)
        fields = {}
    else:
        (tmp_path / "token").write_text(pasted, "utf-8-sig" if way == "file with a mark" else "ascii")
        fields = {"token_file": str(tmp_path / "token")}

    assert connect(api, **fields).url == api.url


@pytest.mark.parametrize("text", ["Bearer", "Bearer one two", "one two", "Basic abc"])
def test_what_is_no_token_is_refused_without_being_shown(monkeypatch, text):
    monkeypatch.setenv("KFP_TOKEN", text)

    with pytest.raises(InvalidInput, match=r"^KFP_TOKEN must hold a bearer token alone, which has no space in it$"):
        connection.connect(Connection(host="https://kubeflow.example.org"))


@pytest.mark.parametrize("around", [" {}", "{} ", "\t{}\n", "'{}'", '"{}"'])
def test_an_address_may_be_pasted_with_what_stood_around_it(api, around):
    assert connection.connect(Connection(host=around.format(api.url))).url == api.url


def test_the_token_of_the_service_account_is_used_in_a_cluster(api, monkeypatch, tmp_path):
    api.token = "mounted"
    (tmp_path / "token").write_text("mounted")
    monkeypatch.setenv("KF_PIPELINES_SA_TOKEN_PATH", str(tmp_path / "token"))

    assert connect(api).url == api.url


def test_cookies_come_from_a_file(api, tmp_path):
    (tmp_path / "cookies").write_text("authservice_session=abc\n")

    connect(api, cookies_file=str(tmp_path / "cookies"))

    assert api.headers["Cookie"] == "authservice_session=abc"


def test_cookies_may_be_pasted_with_their_header_s_name(api, monkeypatch):
    monkeypatch.setenv("KFP_COOKIES", "Cookie: authservice_session=abc")

    connect(api)

    assert api.headers["Cookie"] == "authservice_session=abc"


def test_a_token_that_is_no_line_of_text_is_refused_without_being_shown(api, tmp_path):
    (tmp_path / "token").write_text("first\nsecond")

    with pytest.raises(InvalidInput, match="must hold one line") as caught:
        connect(api, token_file=str(tmp_path / "token"))

    assert "first" not in str(caught.value)


@pytest.fixture
def own_certificate(tmp_path):
    """A file with a certificate for 127.0.0.1 that has signed itself, and its key."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "stand-in")])
    now = datetime.datetime.now(datetime.UTC)
    certificate = (
        x509.CertificateBuilder(name, name, key.public_key(), x509.random_serial_number())
        .not_valid_before(now - datetime.timedelta(days=1))
        .not_valid_after(now + datetime.timedelta(days=1))
        .add_extension(
            x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address("127.0.0.1"))]), critical=False
        )
        .sign(key, hashes.SHA256())
    )
    plain = (serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    path = tmp_path / "server.pem"
    path.write_bytes(certificate.public_bytes(serialization.Encoding.PEM) + key.private_bytes(*plain))
    return path


def test_a_certificate_of_ones_own_authority_is_trusted_when_it_is_named(own_certificate):
    with Api(certificate=own_certificate) as api:
        assert connect(api, ca_cert=str(own_certificate)).url == api.url


def test_a_certificate_that_nobody_vouches_for_is_not_trusted(own_certificate):
    with (
        Api(certificate=own_certificate) as api,
        pytest.raises(ClusterError, match="name its authority with --ca-cert"),
    ):
        connect(api)


def test_an_address_without_its_protocol_is_refused():
    with pytest.raises(InvalidInput, match="host must be an http:// or https:// address, got 'localhost:8080'"):
        connection.connect(Connection(host="localhost:8080"))


def test_the_address_of_a_page_of_the_interface_is_an_address(api):
    assert connection.connect(Connection(host=f"{api.url}/#/experiments")).url == api.url


def test_a_password_in_the_address_is_refused_without_being_shown():
    with pytest.raises(InvalidInput, match="host must hold no user and no password") as caught:
        connection.connect(Connection(host="https://me:secret@kubeflow.example.org"))

    assert "secret" not in str(caught.value)


@pytest.mark.parametrize("host", ["http://", "https://[::1", "http://name:port", "https://:443", "https://a b"])
def test_half_an_address_is_refused(host):
    with pytest.raises(InvalidInput, match="host must be an http:// or https:// address"):
        connection.connect(Connection(host=host))


def test_outside_a_cluster_a_host_is_needed():
    with pytest.raises(InvalidInput, match="--host URL, or set KFP_HOST"):
        connection.connect(Connection())


SECRETS = {"a token": ("token_file", "t0ken"), "cookies": ("cookies_file", "session=s3cret")}


@pytest.mark.parametrize(("option", "secret"), SECRETS.values(), ids=SECRETS)
def test_a_secret_is_not_sent_over_plain_http_to_another_machine(option, secret, tmp_path):
    path = tmp_path / "secret"
    path.write_text(secret)
    connection = Connection(host="http://kubeflow.example.org/pipeline", **{option: str(path)})

    with pytest.raises(InvalidInput, match="host must be an https:// address where a token") as refusal:
        make_client(connection)

    assert secret not in str(refusal.value)
    assert make_client(replace(connection, plain_http=True))


@pytest.mark.parametrize("host", ["http://localhost:8080", "http://127.0.0.1:8080", "http://[::1]:8080"])
def test_this_machine_may_be_spoken_to_over_plain_http(host, monkeypatch):
    monkeypatch.setenv("KFP_TOKEN", "t0ken")

    assert make_client(Connection(host=host))


def test_a_secret_does_not_follow_to_another_host(api, tmp_path):
    (tmp_path / "token").write_text("t0ken")
    with Api() as other:
        api.redirect_to = other.url.replace("127.0.0.1", "localhost")
        connect(api, token_file=str(tmp_path / "token"))

    assert other.requests and "Authorization" not in other.headers


@pytest.fixture
def proxied(api, monkeypatch):
    """Have the environment name the stand-in as the proxy, which answers in the place of any host."""
    for name in ("HTTP_PROXY", "http_proxy", "HTTPS_PROXY", "https_proxy", "NO_PROXY", "no_proxy"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("http_proxy", api.url)
    return api


def test_the_proxy_of_the_environment_is_asked(proxied):
    cluster = connection.connect(Connection(host="http://kubeflow.example.org/pipeline", patience=NO_PAUSES))

    assert cluster.url == "http://kubeflow.example.org/pipeline"
    assert proxied.requests and proxied.headers["Host"] == "kubeflow.example.org"


def test_a_host_that_needs_no_proxy_is_asked_directly(proxied, monkeypatch):
    monkeypatch.setenv("no_proxy", "example.invalid")

    with pytest.raises(ClusterError, match=r"can't be reached"):
        connection.connect(Connection(host="http://kubeflow.example.invalid", patience=NO_PAUSES))
    assert proxied.requests == []
