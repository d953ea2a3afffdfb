"""Through a proxy: which requests, in what form, and what is said when it refuses."""

import asyncio
import ssl
from contextlib import suppress
from pathlib import Path

import pytest
import trustme

from modelport.core.errors import Secret
from modelport.serving.ports import ConnectFailed
from modelport.upstream.dial import Tls
from modelport.upstream.providers import Providers
from modelport.upstream.proxies import Proxies, parse_proxies
from tests.upstream.vendor import OK, QUICK_SWEEP, Script, Talk, answers, offer_of, request_of, vendor

LIMIT = 1 << 20


def transport_through(proxy_url: str, ca_file: Path | None = None) -> Providers:
    address = proxy_url.removesuffix("/v1").replace("http://", "http://us%65r:p%40ss@")
    proxies = parse_proxies(address, address, None)
    return Providers({"acme": Secret("sk-secret")}, proxies=proxies, tls=Tls(ca_file), limits=QUICK_SWEEP)


def tunnels_to(port: int) -> Script:
    """Play a proxy that opens a tunnel to a port of this machine, whatever it is asked for."""

    async def pipe(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with suppress(ConnectionError):
            while data := await reader.read(65536):
                writer.write(data)
                await writer.drain()
        writer.close()

    async def script(talk: Talk) -> None:
        await talk.request()
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        await talk.send(b"HTTP/1.1 200 Connection established\r\nproxy-agent: x\r\n\r\n")
        await asyncio.gather(pipe(talk.reader, writer), pipe(reader, talk.writer))

    return script


async def test_https_goes_through_a_tunnel_with_the_providers_own_certificate(tmp_path: Path) -> None:
    authority = trustme.CA()
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("api.acme.example").configure_cert(context)
    authority.cert_pem.write_to_path(tmp_path / "ca.pem")
    async with vendor(answers(OK), tls=context) as acme:
        port = int(acme.url.split(":")[2].split("/")[0])
        async with vendor(tunnels_to(port)) as proxy, transport_through(proxy.url, tmp_path / "ca.pem") as transport:
            for _ in range(2):
                async with transport.send(offer_of("https://api.acme.example/v1"), request_of()) as answer:
                    assert await answer.body(LIMIT) == b"hi"
            assert transport.counts.dials == 1
        assert proxy.seen[0].line == "CONNECT api.acme.example:443 HTTP/1.1"
        assert proxy.seen[0].headers == {"host": "api.acme.example:443", "proxy-authorization": "Basic dXNlcjpwQHNz"}
        assert "proxy-authorization" not in acme.seen[0].headers
        assert acme.seen[0].headers["host"] == "api.acme.example"


async def test_plain_http_is_sent_to_the_proxy_with_its_whole_address() -> None:
    async with (
        vendor(answers(OK)) as proxy,
        transport_through(proxy.url) as transport,
        transport.send(offer_of("http://api.acme.example:8000/v1"), request_of()) as answer,
    ):
        assert await answer.body(LIMIT) == b"hi"
    seen = proxy.seen[0]
    assert seen.line == "POST http://api.acme.example:8000/v1/chat/completions HTTP/1.1"
    assert (seen.headers["host"], seen.headers["proxy-authorization"]) == (
        "api.acme.example:8000",
        "Basic dXNlcjpwQHNz",
    )


@pytest.mark.parametrize(
    ("reply", "told"),
    [
        (b"HTTP/1.1 407 Proxy Authentication Required\r\n\r\n", "other credentials"),
        (b"HTTP/1.1 403 Forbidden\r\ncontent-length: 6\r\n\r\nsecret", "properly|status 403"),
        (b"HTTP/1.1 502 Bad Gateway\r\n\r\n", "status 502"),
        (b"HTTP/1.1 200 OK\r\n\r\nearly bytes", "properly"),
        (b"SOCKS\r\n\r\n", "properly"),
        (b"", "properly"),
        (b"HTTP/1.1 200 OK\r\nx: " + b"a" * 20000, "properly"),
    ],
)
async def test_a_proxy_that_opens_no_tunnel_fails_to_connect(reply: bytes, told: str) -> None:
    async def script(talk: Talk) -> None:
        await talk.request()
        await talk.send(reply)

    async with vendor(script) as proxy, transport_through(proxy.url) as transport:
        with pytest.raises(ConnectFailed, match=told) as caught:
            async with transport.send(offer_of("https://api.acme.example/v1"), request_of()):
                pass
        assert "p@ss" not in caught.value.message


async def test_an_address_of_this_machine_is_never_sent_through_a_proxy() -> None:
    async with (
        vendor(answers(OK)) as acme,
        transport_through("http://127.0.0.1:1/v1") as transport,
        transport.send(offer_of(acme.url), request_of()) as answer,
    ):
        assert await answer.body(LIMIT) == b"hi"


@pytest.mark.parametrize(
    ("no_proxy", "host", "port", "is_direct"),
    [
        (None, "api.acme.example", 443, False),
        ("", "localhost", 443, True),
        ("", "127.0.0.9", 443, True),
        ("", "::1", 443, True),
        ("*", "api.acme.example", 443, True),
        ("acme.example", "api.acme.example", 443, True),
        (" .ACME.example , other", "acme.example", 443, True),
        ("*.acme.example", "api.acme.example", 443, True),
        ("acme.example", "notacme.example", 443, False),
        ("acme.example:8443", "acme.example", 443, False),
        ("acme.example:8443", "acme.example", 8443, True),
        ("10.0.0.0/8", "10.1.2.3", 443, True),
        ("10.0.0.0/8", "11.1.2.3", 443, False),
        ("fd00::/8", "fd00::1", 443, True),
        ("[fd00::1]:443", "fd00::1", 443, True),
        ("10.1.2.3", "10.1.2.3", 443, True),
        ("acme", "10.1.2.3", 443, False),
    ],
)
def test_exceptions_are_read_as_everybody_reads_them(
    no_proxy: str | None, host: str, port: int, is_direct: bool
) -> None:
    proxies = parse_proxies(None, "http://proxy.example:3128", no_proxy)
    assert (proxies.for_host(host, port, is_tls=True) is None) == is_direct
    assert proxies.for_host(host, port, is_tls=False) is None


@pytest.mark.parametrize(
    "url", ["https://proxy.example", "socks5://proxy.example", "http://user:p4ss@", "http://p:99999"]
)
def test_a_proxy_address_that_cannot_be_used_names_the_setting_and_hides_the_password(url: str) -> None:
    with pytest.raises(ValueError, match="https_proxy") as caught:
        parse_proxies(None, url, None)
    assert "p4ss" not in str(caught.value)


def test_without_settings_nothing_goes_through_a_proxy() -> None:
    assert parse_proxies("", None, None) == Proxies()
