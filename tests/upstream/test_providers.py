"""What a provider is sent: address, credential, headers; engines; nothing that a name could bend."""

import asyncio
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
import trustme

from modelport.catalogue.facts import AuthScheme, Timeouts
from modelport.core.errors import Secret
from modelport.dialects.wire import UpstreamRequest
from modelport.serving.ports import ConnectFailed, ProviderUnavailable
from modelport.upstream.address import UnsafeRequest
from modelport.upstream.providers import Providers
from tests.upstream.vendor import (
    OK,
    QUICK_SWEEP,
    STREAM_HEAD,
    Vendor,
    answers,
    answers_then_waits,
    offer_of,
    providers,
    request_of,
    vendor,
)

LIMIT = 1 << 20


class Engines:
    """Engines that are always loaded; counts what is leased."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self.leased: list[tuple[str, str]] = []
        self.in_use = 0

    @asynccontextmanager
    async def lease(self, name: str, weights_id: str) -> AsyncIterator[str]:
        self.leased.append((name, weights_id))
        self.in_use += 1
        try:
            yield str(self._path)
        finally:
            self.in_use -= 1


@asynccontextmanager
async def secure_vendor(tmp_path: Path, name: str = "localhost") -> AsyncIterator[tuple[Vendor, Path]]:
    authority = trustme.CA()
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert(name).configure_cert(context)
    ca_file = tmp_path / "ca.pem"
    authority.cert_pem.write_to_path(ca_file)
    async with vendor(answers(OK), tls=context) as acme:
        yield acme, ca_file


async def test_a_request_carries_its_path_credential_and_framing() -> None:
    async with vendor(answers(OK)) as acme, providers() as transport:
        offer = offer_of(acme.url, headers={"X-Title": "Modelport", "Content-Type": "application/json; charset=utf-8"})
        async with transport.send(offer, request_of(b'{"a":1}')) as answer:
            assert (answer.status, answer.header(b"content-length")) == (200, b"2")
    seen = acme.seen[0]
    assert (seen.line, seen.body) == ("POST /v1/chat/completions HTTP/1.1", b'{"a":1}')
    assert seen.headers.pop("user-agent").startswith("modelport/")
    assert seen.headers == {
        "host": acme.url.split("/")[2],
        "accept-encoding": "identity",
        "content-type": "application/json; charset=utf-8",
        "x-title": "Modelport",
        "authorization": "Bearer sk-secret",
        "content-length": "7",
    }


@pytest.mark.parametrize(
    ("beside", "path"), [("/v1", "/api/tasks"), ("/elsewhere", "/v1/api/tasks"), ("", "/v1/api/tasks")]
)
async def test_a_request_for_an_api_beside_replaces_the_end_of_the_base_url(beside: str, path: str) -> None:
    async with vendor(answers(OK)) as acme, providers() as transport:
        request = UpstreamRequest("/api/tasks", (), b"", is_streaming=False, beside=beside)
        async with transport.send(offer_of(acme.url), request) as answer:
            await answer.body(LIMIT)
    assert acme.seen[0].line == f"POST {path} HTTP/1.1"


async def test_a_provider_without_a_credential_is_sent_none() -> None:
    async with vendor(answers(OK)) as acme, Providers({}, limits=QUICK_SWEEP) as transport:
        async with transport.send(offer_of(acme.url, auth="none"), request_of()) as answer:
            await answer.body(LIMIT)
        assert "authorization" not in acme.seen[0].headers


@pytest.mark.parametrize("scheme", ["x-api-key", "x-goog-api-key", "api-key"])
async def test_a_credential_goes_into_the_header_that_its_provider_reads(scheme: AuthScheme) -> None:
    async with vendor(answers(OK)) as acme, providers() as transport:
        async with transport.send(offer_of(acme.url, auth=scheme), request_of()) as answer:
            await answer.body(LIMIT)
        assert acme.seen[0].headers[scheme] == "sk-secret"
        assert "authorization" not in acme.seen[0].headers


@pytest.mark.parametrize("scheme", ["bearer", "x-api-key"])
async def test_a_credential_that_no_header_can_carry_is_not_shown(scheme: AuthScheme) -> None:
    async with Providers({"acme": Secret("sk-secret\r\nx: y")}) as transport:
        with pytest.raises(UnsafeRequest) as refused:
            transport.send(offer_of("https://api.acme.example", auth=scheme), request_of())
    assert "sk-secret" not in str(refused.value)


async def test_a_missing_credential_names_the_variable_to_set() -> None:
    async with Providers({}) as transport:
        with pytest.raises(ProviderUnavailable, match="ACME_API_KEY"):
            transport.send(offer_of("https://api.acme.example"), request_of())


async def test_a_replaced_credential_is_used_from_the_next_request_on() -> None:
    async with vendor(answers(OK)) as acme, providers() as transport:
        for secret in ("sk-secret", "sk-other"):
            transport.replace_secrets({"acme": Secret(secret)})
            async with transport.send(offer_of(acme.url), request_of()) as answer:
                await answer.body(LIMIT)
            assert acme.seen[-1].headers["authorization"] == f"Bearer {secret}"


async def test_a_provider_that_changed_in_the_catalogue_is_called_as_it_is_now() -> None:
    async with vendor(answers(OK)) as old, vendor(answers(OK)) as new, providers() as transport:
        for acme in (old, new, old):
            async with transport.send(offer_of(acme.url), request_of()) as answer:
                await answer.body(LIMIT)
        assert (len(old.seen), len(new.seen)) == (2, 1)


async def test_different_headers_on_one_path_do_not_mix() -> None:
    async with vendor(answers(OK)) as acme, providers() as transport:
        offer = offer_of(acme.url)
        for accept in (b"application/json", b"text/event-stream"):
            async with transport.send(offer, request_of(headers=((b"accept", accept),))) as answer:
                await answer.body(LIMIT)
            assert acme.seen[-1].headers["accept"] == accept.decode()


async def test_a_list_that_took_in_the_offers_own_is_sent_and_otherwise_the_offers_own() -> None:
    async with vendor(answers(OK)) as acme, providers() as transport:
        offer = offer_of(acme.url, headers={"X-Beta": "a, b"})
        for sent, seen in ((b"a, b,c", "a, b,c"), (b"c", "a, b"), (b"a, bc", "a, b")):
            async with transport.send(offer, request_of(headers=((b"x-beta", sent),))) as answer:
                await answer.body(LIMIT)
            assert acme.seen[-1].headers["x-beta"] == seen


@pytest.mark.parametrize("secret", ["", "sk\r\nx: y", "sk y", "sk-\x00", "clé"])
async def test_a_credential_that_could_split_a_header_is_refused_and_not_shown(secret: str) -> None:
    async with Providers({"acme": Secret(secret)}) as transport:
        with pytest.raises(UnsafeRequest, match="provider `acme`") as caught:
            transport.send(offer_of("https://api.acme.example"), request_of())
        assert not secret or secret not in caught.value.message


@pytest.mark.parametrize(
    "field",
    [
        (b"x\r\ny", b"1"),
        (b"x y", b"1"),
        (b"", b"1"),
        (b"x", b"1\r\ny: 2"),
        (b"x", b"\0"),
        (b"Host", b"x"),
        (b"TE", b"x"),
    ],
)
async def test_a_header_that_could_bend_the_request_is_refused(field: tuple[bytes, bytes]) -> None:
    async with providers() as transport:
        with pytest.raises(UnsafeRequest):
            transport.send(offer_of("https://api.acme.example"), request_of(headers=(field,)))


@pytest.mark.parametrize(
    "path",
    [
        "chat",
        "@evil.example/",
        ".evil.example/",
        "/a#b",
        "/a b",
        "/a\r\nhost: evil",
        "/models/../admin",
        "/models/%2e%2E/admin",
        "/models/.",
        "/é",
        "/a\\b",
    ],
)
async def test_a_path_that_could_lead_elsewhere_is_refused(path: str) -> None:
    async with providers() as transport:
        with pytest.raises(UnsafeRequest, match="not sent"):
            transport.send(offer_of("https://api.acme.example/v1"), request_of(path=path))


@pytest.mark.parametrize("path", ["//evil.example/x", "/@evil.example", "/x:443/y?model=a%23b&c=d", "/models/a..b:run"])
async def test_no_path_changes_the_host(path: str) -> None:
    async with vendor(answers(OK)) as acme, providers() as transport:
        async with transport.send(offer_of(acme.url), request_of(path=path)) as answer:
            await answer.body(LIMIT)
        assert acme.seen[0].line == f"POST /v1{path} HTTP/1.1"
        assert acme.seen[0].headers["host"] == acme.url.split("/")[2]


@pytest.mark.parametrize(
    "url",
    [
        "ftp://acme.example",
        "https://user:pass@acme.example/v1",
        "https://acme.example/v1?key=1",
        "https://acme.example:0/v1",
        "https://acme.example:99999",
        "https://[::g]/v1",
        "https://",
        "acme.example",
    ],
)
async def test_a_base_url_that_is_none_is_refused_without_showing_credentials(url: str) -> None:
    async with providers() as transport:
        with pytest.raises(ProviderUnavailable, match="`base_url` of provider `acme`") as caught:
            transport.send(offer_of(url), request_of())
        assert "user:pass" not in caught.value.message


async def test_a_redirect_is_given_as_it_is() -> None:
    moved = b"HTTP/1.1 307 Moved\r\nlocation: http://127.0.0.1:1/\r\ncontent-length: 0\r\n\r\n"
    async with vendor(answers(moved)) as acme, providers() as transport:
        async with transport.send(offer_of(acme.url), request_of()) as answer:
            assert answer.status == 307
        assert acme.accepted == 1


async def test_tls_is_spoken_kept_alive_and_verified_against_an_authority_of_ones_own(tmp_path: Path) -> None:
    async with secure_vendor(tmp_path) as (acme, ca_file), providers(ca_file=ca_file) as transport:
        for _ in range(3):
            async with transport.send(offer_of(acme.url), request_of()) as answer:
                assert await answer.body(LIMIT) == b"hi"
        assert transport.counts.dials == 1


async def test_large_bodies_cross_tls_both_ways(tmp_path: Path) -> None:
    large = b"x" * 1_000_000
    async with secure_vendor(tmp_path) as (acme, ca_file), providers(ca_file=ca_file) as transport:
        acme.script = answers(b"HTTP/1.1 200 OK\r\ncontent-length: 1000000\r\n\r\n" + large)
        async with transport.send(offer_of(acme.url), request_of(large)) as answer:
            assert await answer.body(LIMIT) == large
        assert acme.seen[0].body == large


async def test_a_certificate_of_an_unknown_authority_is_refused_and_says_what_to_set(tmp_path: Path) -> None:
    async with secure_vendor(tmp_path) as (acme, _), providers() as transport:
        with pytest.raises(ConnectFailed, match=r"certificate of Acme.*egress\.ca_file"):
            async with transport.send(offer_of(acme.url), request_of()):
                pass
        assert acme.seen == []


async def test_a_certificate_for_another_host_is_refused(tmp_path: Path) -> None:
    async with secure_vendor(tmp_path, "other.example") as (acme, ca_file), providers(ca_file=ca_file) as transport:
        with pytest.raises(ConnectFailed, match="certificate of Acme"):
            async with transport.send(offer_of(acme.url), request_of()):
                pass
        assert acme.seen == []


async def test_a_server_that_speaks_no_tls_fails_to_connect() -> None:
    async with vendor(answers_then_waits(b"")) as acme, providers() as transport:
        acme.script = lambda talk: talk.send(b"HTTP/1.1 400 Bad Request\r\n\r\n")
        with pytest.raises(ConnectFailed):
            async with transport.send(offer_of(acme.url.replace("http:", "https:")), request_of()):
                pass


async def test_an_engine_is_leased_for_as_long_as_its_answer_takes(tmp_path: Path) -> None:
    engines = Engines(tmp_path / "e.sock")
    async with (
        vendor(answers(OK), unix_path=tmp_path / "e.sock") as engine,
        Providers({}, engines=engines, limits=QUICK_SWEEP) as transport,
    ):
        for _ in range(2):
            async with transport.send(offer_of("unix:llama", auth="none"), request_of()) as answer:
                assert engines.in_use == 1
                assert await answer.body(LIMIT) == b"hi"
            assert engines.in_use == 0
        assert engines.leased == [("llama", "small-1")] * 2
        assert (engine.seen[0].line, engine.seen[0].headers["host"]) == ("POST /chat/completions HTTP/1.1", "localhost")
        assert transport.counts.dials == 1


async def test_leaving_an_engine_early_closes_its_connection_and_ends_the_lease(tmp_path: Path) -> None:
    engines = Engines(tmp_path / "e.sock")
    script = answers_then_waits(STREAM_HEAD + b"2\r\nab\r\n")
    async with (
        vendor(script, unix_path=tmp_path / "e.sock") as engine,
        Providers({}, engines=engines, limits=QUICK_SWEEP) as transport,
    ):
        async with transport.send(offer_of("unix:llama", auth="none"), request_of()) as answer:
            await answer.some()
        assert engines.in_use == 0
        async with asyncio.timeout(10):
            await engine.closed.wait()


async def test_an_engine_whose_socket_is_missing_fails_and_is_not_leased_any_longer(tmp_path: Path) -> None:
    engines = Engines(tmp_path / "missing.sock")
    async with Providers({}, engines=engines) as transport:
        with pytest.raises(ConnectFailed, match="socket does not exist"):
            async with transport.send(offer_of("unix:llama", auth="none", concurrency=1), request_of()):
                pass
        assert engines.in_use == 0


async def test_an_engine_that_accepts_slowly_is_waited_for(tmp_path: Path) -> None:
    engines = Engines(tmp_path / "e.sock")
    timeouts = Timeouts(10, 10, 10)
    async with (
        vendor(answers(OK), unix_path=tmp_path / "e.sock", backlog=1),
        Providers({}, engines=engines, limits=QUICK_SWEEP) as transport,
    ):

        async def call() -> bytes:
            async with transport.send(offer_of("unix:llama", auth="none", timeouts=timeouts), request_of()) as answer:
                return await answer.body(LIMIT)

        assert await asyncio.gather(*(call() for _ in range(100))) == [b"hi"] * 100


async def test_without_engines_a_provider_that_needs_one_is_unavailable() -> None:
    async with Providers({}) as transport:
        with pytest.raises(ProviderUnavailable, match="engine"):
            transport.send(offer_of("unix:llama", auth="none"), request_of())
