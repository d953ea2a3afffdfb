"""Fetching what callers point at, with a name service that cannot be trusted."""

from collections.abc import Sequence

import pytest

from modelport.catalogue.facts import Timeouts
from modelport.egress.guard import AddressRefused, Guard, parse_ranges
from modelport.serving.ports import AnswerTooLarge, ConnectFailed, FirstByteTimeout
from modelport.upstream.guarded import GuardedFetch
from modelport.upstream.pool import Pool
from modelport.upstream.proxies import parse_proxies
from tests.upstream.vendor import OK, QUICK_SWEEP, Vendor, answers, answers_then_waits, vendor

QUICK = Timeouts(10.0, 10.0, 10.0)
PUBLIC = "93.184.215.14"


class Names:
    """A name service that gives its answers in turn, and then the last one again."""

    def __init__(self, *turns: Sequence[str]) -> None:
        self._turns = list(turns)
        self.asked: list[tuple[str, int]] = []

    async def __call__(self, host: str, port: int) -> list[str]:
        self.asked.append((host, port))
        return list(self._turns.pop(0) if len(self._turns) > 1 else self._turns[0])


def port_of(acme: Vendor) -> int:
    return int(acme.url.split(":")[2].split("/")[0])


def lenient(acme: Vendor) -> Guard:
    """Make a guard that lets the scripted provider through."""
    return Guard(parse_ranges(("127.0.0.1",)), frozenset({port_of(acme)}))


async def test_an_allowed_address_is_fetched_with_its_name_in_the_host_header() -> None:
    names = Names(["127.0.0.1"])
    async with vendor(answers(OK)) as acme, Pool(limits=QUICK_SWEEP) as pool:
        url = f"http://Files.Example:{port_of(acme)}/a b.png".replace(" ", "%20") + "?x=1#part"
        fetched = await GuardedFetch(pool, lenient(acme), resolver=names).fetch(url, 100, QUICK)
        assert (fetched.status, fetched.body) == (200, b"hi")
        assert names.asked == [("files.example", port_of(acme))]
    seen = acme.seen[0]
    assert seen.line == "GET /a%20b.png?x=1 HTTP/1.1"
    assert (seen.headers["host"], seen.headers["connection"]) == (f"files.example:{port_of(acme)}", "close")


async def test_a_name_that_leads_home_at_the_second_look_is_looked_up_once() -> None:
    names = Names([PUBLIC], ["127.0.0.1"])
    async with Pool() as pool:
        guarded = GuardedFetch(pool, Guard(), resolver=names)
        pinned = await guarded.resolve_and_pin("https://files.example/")
        assert pinned.target.addresses == (PUBLIC,)
        assert pinned.target.host == "files.example"
        with pytest.raises(AddressRefused):
            await guarded.resolve_and_pin("https://files.example/")


@pytest.mark.parametrize(
    "addresses", [["127.0.0.1"], [PUBLIC, "10.0.0.1"], ["::ffff:127.0.0.1"], ["fe80::1%eth0"], ["?"]]
)
async def test_one_address_that_is_not_public_refuses_the_name(addresses: list[str]) -> None:
    async with vendor(answers(OK)) as acme, Pool() as pool:
        guard = Guard(ports=frozenset({port_of(acme)}))
        guarded = GuardedFetch(pool, guard, resolver=Names(addresses))
        with pytest.raises(AddressRefused, match=r"files\.example.*egress\.allow"):
            await guarded.fetch(f"http://files.example:{port_of(acme)}/", 100, QUICK)
        assert acme.accepted == 0


async def test_an_address_written_out_is_judged_without_a_lookup() -> None:
    names = Names([PUBLIC])
    async with Pool() as pool:
        guarded = GuardedFetch(pool, Guard(), resolver=names)
        with pytest.raises(AddressRefused):
            await guarded.resolve_and_pin("http://[::1]/")
        assert (await guarded.resolve_and_pin(f"http://{PUBLIC}/")).target.addresses == (PUBLIC,)
        assert names.asked == []


async def test_every_checked_address_is_tried_in_turn_and_no_other() -> None:
    async with vendor(answers(OK)) as acme, Pool(limits=QUICK_SWEEP) as pool:
        guard = Guard(parse_ranges(("127.0.0.0/8",)), frozenset({port_of(acme)}))
        url = f"http://files.example:{port_of(acme)}/"
        both = GuardedFetch(pool, guard, resolver=Names(["127.0.0.2", "127.0.0.1"]))
        assert (await both.fetch(url, 100, QUICK)).body == b"hi"
        with pytest.raises(ConnectFailed, match=r"files\.example could not be reached"):
            await GuardedFetch(pool, guard, resolver=Names(["127.0.0.2"])).fetch(url, 100, QUICK)


async def test_a_redirect_is_not_followed() -> None:
    moved = b"HTTP/1.1 302 Found\r\nlocation: http://127.0.0.1:1/\r\ncontent-length: 0\r\n\r\n"
    async with vendor(answers(moved)) as acme, Pool(limits=QUICK_SWEEP) as pool:
        guarded = GuardedFetch(pool, lenient(acme), resolver=Names(["127.0.0.1"]))
        assert (await guarded.fetch(f"http://files.example:{port_of(acme)}/", 100, QUICK)).status == 302
        assert acme.accepted == 1


async def test_size_and_time_are_bounded() -> None:
    endless = answers_then_waits(b"HTTP/1.1 200 OK\r\n\r\n" + b"x" * 101)
    async with vendor(endless) as acme, Pool(limits=QUICK_SWEEP) as pool:
        guarded = GuardedFetch(pool, lenient(acme), resolver=Names(["127.0.0.1"]))
        url = f"http://files.example:{port_of(acme)}/"
        with pytest.raises(AnswerTooLarge):
            await guarded.fetch(url, 100, QUICK)
        with pytest.raises(FirstByteTimeout, match=r"within 0\.1 s"):
            await guarded.fetch(url, 1000, QUICK, total_s=0.1)


async def test_names_without_an_address_or_with_far_too_many_are_refused() -> None:
    async def unknown(host: str, port: int) -> list[str]:
        raise OSError(host, port)

    async with Pool() as pool:
        for resolver in (unknown, Names([])):
            with pytest.raises(ConnectFailed, match=r"files\.example"):
                await GuardedFetch(pool, Guard(), resolver=resolver).resolve_and_pin("https://files.example/")
        with pytest.raises(AddressRefused, match="too many"):
            await GuardedFetch(pool, Guard(), resolver=Names([PUBLIC] * 65)).resolve_and_pin("https://files.example/")


async def test_behind_a_proxy_callers_addresses_are_refused_unless_it_is_trusted() -> None:
    names = Names([PUBLIC])
    async with vendor(answers(OK)) as proxy, Pool(limits=QUICK_SWEEP) as pool:
        proxies = parse_proxies(proxy.url.removesuffix("/v1"), None, None)
        with pytest.raises(AddressRefused, match=r"egress\.trust_proxy"):
            await GuardedFetch(pool, Guard(), proxies=proxies, resolver=names).fetch("http://a.example/", 9, QUICK)
        trusting = GuardedFetch(pool, Guard(trust_proxy=True), proxies=proxies, resolver=names)
        assert (await trusting.fetch("http://a.example/x", 9, QUICK)).body == b"hi"
        with pytest.raises(AddressRefused):
            await trusting.fetch("http://169.254.169.254/", 9, QUICK)
        assert [seen.line for seen in proxy.seen] == ["GET http://a.example/x HTTP/1.1"]
        assert names.asked == []


async def test_what_is_posted_arrives_whole_and_only_the_head_of_the_answer_is_read() -> None:
    async with vendor(answers_then_waits(OK[:-2])) as acme, Pool(limits=QUICK_SWEEP) as pool:
        guarded = GuardedFetch(pool, lenient(acme), resolver=Names(["127.0.0.1"]))
        headers = {"content-type": "application/json", "webhook-id": "evt_1"}
        taken = await guarded.post(f"http://hooks.example:{port_of(acme)}/a?b=1", headers, b'{"a": 1}', 10.0)
        assert (taken.status, taken.headers[b"content-length"]) == (200, b"2")
    [seen] = acme.seen
    assert (seen.line, seen.body) == ("POST /a?b=1 HTTP/1.1", b'{"a": 1}')
    assert (seen.headers["host"], seen.headers["webhook-id"]) == (f"hooks.example:{port_of(acme)}", "evt_1")


async def test_a_name_that_leads_home_by_the_time_it_is_posted_to_is_not_called() -> None:
    async with vendor(answers(OK)) as acme, Pool(limits=QUICK_SWEEP) as pool:
        guard = Guard(ports=frozenset({port_of(acme)}))
        guarded = GuardedFetch(pool, guard, resolver=Names([PUBLIC], ["127.0.0.1"]))
        url = f"http://hooks.example:{port_of(acme)}/"
        await guarded.check(url)
        with pytest.raises(AddressRefused):
            await guarded.post(url, {}, b"{}", 10.0)
        assert acme.accepted == 0


async def test_a_redirect_of_what_is_posted_is_not_followed() -> None:
    moved = b"HTTP/1.1 307 Moved\r\nlocation: http://127.0.0.1/\r\ncontent-length: 0\r\n\r\n"
    async with vendor(answers(moved)) as acme, Pool(limits=QUICK_SWEEP) as pool:
        guarded = GuardedFetch(pool, lenient(acme), resolver=Names(["127.0.0.1"]))
        assert (await guarded.post(f"http://hooks.example:{port_of(acme)}/", {}, b"{}", 10.0)).status == 307
        assert len(acme.seen) == 1


async def test_who_does_not_answer_what_is_posted_is_left_in_time() -> None:
    async with vendor(answers_then_waits(b"")) as acme, Pool(limits=QUICK_SWEEP) as pool:
        guarded = GuardedFetch(pool, lenient(acme), resolver=Names(["127.0.0.1"]))
        with pytest.raises(FirstByteTimeout, match=r"did not .*answer within 0\.1 s"):
            await guarded.post(f"http://hooks.example:{port_of(acme)}/", {}, b"{}", 0.1)


async def test_a_name_without_an_address_cannot_be_told_anything() -> None:
    async def nobody(host: str, port: int) -> list[str]:
        raise OSError(host, port)

    async with Pool() as pool:
        with pytest.raises(ConnectFailed, match=r"hooks\.example could not be looked up"):
            await GuardedFetch(pool, Guard(), resolver=nobody).check("https://hooks.example/")
