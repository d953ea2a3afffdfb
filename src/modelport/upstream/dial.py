"""Opening connections: name lookup, TCP, unix sockets, tunnels through a proxy, TLS."""

import asyncio
import ipaddress
import re
import socket
import ssl
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

from modelport.upstream.address import Proxy, Target
from modelport.upstream.peer import Peer

_ATTEMPT_S = 2.0
"""How long one address may take while others are left to try."""
_MAX_ADDRESSES = 8
_BACKLOG_RETRY_S = 0.005
_PROXY_REPLY_BYTES = 16 * 1024
_STATUS_LINE = re.compile(rb"HTTP/1\.[01] (\d{3})[ \r]")

ProtocolT = TypeVar("ProtocolT", bound=asyncio.Protocol)


class Tls:
    """The trust store, loaded when the first connection needs it: the system's authorities and perhaps one's own."""

    def __init__(self, ca_file: Path | None = None) -> None:
        self._ca_file = ca_file
        self._context: ssl.SSLContext | None = None

    def context(self) -> ssl.SSLContext:
        """Return the context all connections share: certificates and host names are verified."""
        if self._context is None:
            context = ssl.create_default_context()
            if self._ca_file is not None:
                context.load_verify_locations(cafile=self._ca_file)
            context.set_alpn_protocols(["http/1.1"])
            self._context = context
        return self._context


class _ProxyRefused(OSError):
    """The proxy did not open a tunnel."""


async def dial(target: Target, peer: Peer, tls: Tls, make: Callable[[], ProtocolT]) -> ProtocolT:
    """Open a connection within `connect_s`; raises `ConnectFailed`, always."""
    limit = asyncio.timeout(peer.timeouts.connect_s)
    try:
        async with limit:
            return await _open(target, peer, tls, make)
    except ssl.SSLCertVerificationError as error:
        raise peer.untrusted(error.verify_message or "it does not match") from error
    except TimeoutError as error:
        raise (peer.slow_to_connect() if limit.expired() else peer.unreachable("no answer")) from error
    except ssl.SSLError as error:
        raise peer.unreachable(f"TLS failed ({error.reason or 'handshake'})") from error
    except socket.gaierror as error:
        raise peer.unreachable("its name could not be looked up") from error
    except (OSError, ssl.CertificateError) as error:
        raise peer.unreachable(_reason(error)) from error


async def _open(target: Target, peer: Peer, tls: Tls, make: Callable[[], ProtocolT]) -> ProtocolT:
    loop = asyncio.get_running_loop()
    if target.unix_path is not None:
        unix_socket = await _connect_unix(target.unix_path)
        _, protocol = await loop.create_unix_connection(make, sock=unix_socket)
        return protocol
    tcp_socket = await _connect_tcp(loop, target)
    try:
        if not target.is_tls:
            _, protocol = await loop.create_connection(make, sock=tcp_socket)
            return protocol
        if target.proxy is not None:
            await _tunnel(loop, tcp_socket, target, target.proxy)
        _, protocol = await loop.create_connection(
            make,
            sock=tcp_socket,
            ssl=tls.context(),
            server_hostname=target.host,
            ssl_handshake_timeout=max(peer.timeouts.connect_s, 0.001),
        )
        return protocol
    except BaseException:
        tcp_socket.close()
        raise


async def _connect_tcp(loop: asyncio.AbstractEventLoop, target: Target) -> socket.socket:
    host, port = (target.host, target.port) if target.proxy is None else (target.proxy.host, target.proxy.port)
    pinned = target.addresses if target.proxy is None else ()
    addresses = pinned or await _look_up(loop, host, port)
    last = len(addresses) - 1
    for place, address in enumerate(addresses):
        try:
            async with asyncio.timeout(_ATTEMPT_S if place < last else None):
                return await _connect_address(loop, address, port)
        except (TimeoutError, OSError):
            if place == last:
                raise
    raise socket.gaierror(socket.EAI_NONAME, "no address")


async def _look_up(loop: asyncio.AbstractEventLoop, host: str, port: int) -> tuple[str, ...]:
    try:
        return (str(ipaddress.ip_address(host)),)
    except ValueError:
        found = await loop.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    return tuple(dict.fromkeys(str(entry[4][0]) for entry in found))[:_MAX_ADDRESSES]


async def _connect_address(loop: asyncio.AbstractEventLoop, address: str, port: int) -> socket.socket:
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    tcp_socket = socket.socket(family, socket.SOCK_STREAM)
    try:
        tcp_socket.setblocking(False)
        tcp_socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        tcp_socket.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
        await loop.sock_connect(tcp_socket, (address, port))
    except BaseException:
        tcp_socket.close()
        raise
    return tcp_socket


async def _connect_unix(path: str) -> socket.socket:
    """Connect by hand: a full backlog answers EAGAIN, which event loops take for "in progress" and then for success."""
    unix_socket = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    try:
        unix_socket.setblocking(False)
        while True:
            try:
                unix_socket.connect(path)
                return unix_socket
            except BlockingIOError:
                await asyncio.sleep(_BACKLOG_RETRY_S)
    except BaseException:
        unix_socket.close()
        raise


async def _tunnel(loop: asyncio.AbstractEventLoop, tcp_socket: socket.socket, target: Target, proxy: Proxy) -> None:
    host = f"[{target.host}]" if ":" in target.host else target.host
    lines = [f"CONNECT {host}:{target.port} HTTP/1.1", f"host: {host}:{target.port}"]
    if proxy.authorization is not None:
        lines.append(f"proxy-authorization: {proxy.authorization.reveal()}")
    await loop.sock_sendall(tcp_socket, "\r\n".join((*lines, "", "")).encode("ascii"))
    reply = b""
    while b"\r\n\r\n" not in reply:
        data = await loop.sock_recv(tcp_socket, 4096)
        reply += data
        if not data or len(reply) > _PROXY_REPLY_BYTES:
            raise _ProxyRefused("the proxy did not answer properly")
    status = _STATUS_LINE.match(reply)
    if status is None or not reply.endswith(b"\r\n\r\n"):
        raise _ProxyRefused("the proxy did not answer properly")
    if status[1] == b"407":
        raise _ProxyRefused("the proxy wants other credentials (set them in the proxy's address)")
    if not status[1].startswith(b"2"):
        raise _ProxyRefused(f"the proxy refused with status {status[1].decode()}")


def _reason(error: Exception) -> str:
    if isinstance(error, _ProxyRefused):
        return str(error)
    if isinstance(error, ConnectionRefusedError):
        return "the connection was refused"
    if isinstance(error, FileNotFoundError):
        return "its socket does not exist"
    return (error.strerror if isinstance(error, OSError) else None) or "the connection failed"
