"""The transport over real sockets: what is repeated, what never is, what is waited for, and what is not said."""

from __future__ import annotations

import json
import shlex
from collections.abc import AsyncIterator
from datetime import timedelta
from email.utils import format_datetime

import httpx
import pytest
from loguru import logger

from mosaic_daemon.forges.base import Delayed, Rejected, Sent
from mosaic_daemon.forges.rest.answers import Reply, failure_of
from mosaic_daemon.forges.rest.host import Host
from mosaic_daemon.forges.rest.pace import Budget
from mosaic_daemon.forges.rest.transport import Transport
from mosaic_daemon.ground.errors import ConfigError, Unavailable
from mosaic_daemon.ground.secrets import Secret
from tests.forges.rest.loopback import DROP, HANG, Loopback, OwnTime, answer, closed_port, half, loopback

TOKEN = "s3cret-transport-token/+="
AMPLE = Budget(per_second=1000, burst=1000)


@pytest.fixture
def time() -> OwnTime:
    return OwnTime()


@pytest.fixture
async def server() -> AsyncIterator[Loopback]:
    async with loopback(answer(200, '{"ok": true}')) as made:
        yield made


@pytest.fixture
async def transport(server: Loopback, time: OwnTime) -> AsyncIterator[Transport]:
    async with Transport(host(server.api), time.timing()) as made:
        yield made


def host(api: str, **settings: object) -> Host:
    fields: dict[str, object] = {"budget": AMPLE, "token": Secret(TOKEN), **settings}
    return Host(api, **fields)  # type: ignore[arg-type]


# --- reads ------------------------------------------------------------------------------------------------------------


async def test_a_read_carries_token_headers_and_query_and_keeps_its_connection(server: Loopback, time: OwnTime) -> None:
    async with Transport(host(server.api, headers={"Accept": "application/x"}), time.timing()) as transport:
        reply = await transport.get("/projects/a%2Fb", {"q": "x y", "all": True})
        await transport.get("/again")
    assert reply.value["ok"].flag is True
    first, second = server.asked
    assert first.target == "/api/projects/a%2Fb?q=x+y&all=true"
    assert first.headers["authorization"] == f"Bearer {TOKEN}"
    assert first.headers["accept"] == "application/x"
    assert first.connection == second.connection


@pytest.mark.parametrize("bad", [DROP, half('{"ok"'), answer(500), answer(502, "<html>"), answer(408), answer(425)])
async def test_a_read_that_meets_an_accident_is_repeated(server: Loopback, transport: Transport, bad: bytes) -> None:
    server.says(bad, bad, answer(200, '{"ok": true}'))
    assert (await transport.get("/x")).value["ok"].flag is True
    assert transport.counts.sent == 3


@pytest.mark.parametrize("bad", [DROP, half("{"), answer(503)])
async def test_a_read_gives_up_after_a_few_tries_and_says_when_to_come_back(
    server: Loopback, transport: Transport, time: OwnTime, bad: bytes
) -> None:
    server.says(bad)
    with pytest.raises(Unavailable, match="/api/x") as error:
        await transport.get("/x")
    assert len(server.asked) == 3
    assert error.value.until is not None
    assert error.value.until > time.now()
    assert all(0.4 < waited < 10 for waited in time.slept)


async def test_a_read_that_hangs_is_given_up(server: Loopback, time: OwnTime) -> None:
    server.says(HANG)
    async with Transport(host(server.api, silence_sec=0.2), time.timing()) as transport:
        with pytest.raises(Unavailable, match="ReadTimeout"):
            await transport.get("/x")


async def test_a_host_that_nobody_serves_is_unavailable(time: OwnTime) -> None:
    async with Transport(host(f"http://127.0.0.1:{closed_port()}"), time.timing()) as transport:
        with pytest.raises(Unavailable, match="ConnectError"):
            await transport.get("/x")


@pytest.mark.parametrize("status", [401, 403, 404, 410, 422])
async def test_a_refused_read_is_rejected_once_with_a_line_to_paste(
    server: Loopback, transport: Transport, status: int
) -> None:
    server.says(answer(status, '{"message": "no", "errors": [{"message": "really"}]}', X_GitHub_Request_Id="F00:1"))
    with pytest.raises(Rejected) as error:
        await transport.get("/x")
    failure = error.value.failure
    assert len(server.asked) == 1
    assert (failure.status, failure.request_id) == (str(status), "F00:1")
    assert "no; really" in failure.message
    assert failure.command.startswith("curl ")
    assert failure.code


async def test_404_is_an_answer_where_it_is_asked_for(server: Loopback, transport: Transport) -> None:
    server.says(answer(404))
    assert await transport.find("/x") is None


async def test_an_answer_that_is_no_json_is_unavailable_and_names_the_address(
    server: Loopback, transport: Transport
) -> None:
    server.says(answer(200, "<html>log in</html>"))
    reply = await transport.get("/x")
    with pytest.raises(Unavailable, match=r"/api/x.*no JSON"):
        _ = reply.value


async def test_a_redirect_is_followed_on_the_same_host_only(server: Loopback, transport: Transport) -> None:
    server.says(answer(301, Location="/api/moved"), answer(200, '{"ok": true}'))
    assert (await transport.get("/x")).value["ok"].flag is True
    assert server.targets == ["/api/x", "/api/moved"]
    async with loopback(answer(200)) as other:
        server.says(answer(302, Location=f"{other.api}/x"))
        with pytest.raises(Rejected):
            await transport.get("/x")
        assert other.asked == []


async def test_an_answer_without_end_is_not_read_into_memory(server: Loopback, transport: Transport) -> None:
    server.says(answer(200, "[" + "1," * (9 * 1024 * 1024)))
    with pytest.raises(Unavailable, match="larger than"):
        await transport.get("/x")


@pytest.mark.parametrize("api", ["ftp://x", "git.example/api", "https://user:pass@git.example"])
def test_an_address_that_cannot_work_is_a_setting_to_change(api: str) -> None:
    with pytest.raises(ConfigError):
        host(api)


# --- pages ------------------------------------------------------------------------------------------------------------


async def numbers(transport: Transport, **options: bool | int) -> list[int]:
    pages = transport.pages("/list", {"page": 1}, **options)  # type: ignore[arg-type]
    return [item.number async for page in pages for item in page.value]


async def test_pages_follow_links(server: Loopback, transport: Transport) -> None:
    link = f'<{server.api}/list?page=1>; rel="prev", <{server.api}/list?cursor=z>; rel="next"'
    server.says(answer(200, "[1, 2]", Link=link), answer(200, "[3]"))
    assert await numbers(transport) == [1, 2, 3]
    assert server.targets[1] == "/api/list?cursor=z"


async def test_pages_follow_the_next_page_header(server: Loopback, transport: Transport) -> None:
    server.says(answer(200, "[1]", X_Next_Page="2"), answer(200, "[2]", X_Next_Page=""))
    assert await numbers(transport) == [1, 2]
    assert server.targets[1] == "/api/list?page=2"


async def test_a_next_page_on_another_host_is_refused(server: Loopback, transport: Transport) -> None:
    async with loopback(answer(200, "[2]")) as other:
        server.says(answer(200, "[1]", Link=f'<{other.api}/list?page=2>; rel="next"'))
        with pytest.raises(Unavailable, match="another host"):
            await numbers(transport)
        assert other.asked == []


async def test_counted_pages_stay_here_whatever_address_the_links_name(server: Loopback, time: OwnTime) -> None:
    server.says(answer(200, "[1]", Link='<http://elsewhere:3000/list?page=2>; rel="next"'), answer(200, "[2]"))
    async with Transport(host(server.api, counted_pages=True), time.timing()) as transport:
        assert await numbers(transport) == [1, 2]
    assert server.targets[1] == "/api/list?page=2"


async def test_a_list_that_is_too_long_is_not_taken_for_a_whole_one(server: Loopback, transport: Transport) -> None:
    server.says(answer(200, "[1]", X_Next_Page="2"))
    with pytest.raises(Unavailable, match="more than 3 pages"):
        await numbers(transport, limit=3)
    assert await numbers(transport, limit=2, partial=True) == [1, 1]


# --- unchanged reads --------------------------------------------------------------------------------------------------


async def test_an_unchanged_read_is_conditional_and_gives_the_kept_body(server: Loopback, transport: Transport) -> None:
    server.says(answer(200, '{"ok": true}', ETag='W/"1"'), answer(304, ""), answer(200, '{"ok": false}'))
    first = await transport.get("/x")
    second = await transport.get("/x")
    third = await transport.get("/x")
    assert "if-none-match" not in server.asked[0].headers
    assert server.asked[1].headers["if-none-match"] == 'W/"1"'
    assert first.text == second.text
    assert third.value["ok"].flag is False
    assert (transport.counts.sent, transport.counts.unchanged) == (3, 1)


async def test_a_next_page_behind_an_unchanged_one_is_seen(server: Loopback, transport: Transport) -> None:
    server.says(answer(200, "[1]", ETag='"1"'), answer(304, "", X_Next_Page="2"), answer(200, "[2]"))
    assert await numbers(transport) == [1]
    assert await numbers(transport) == [1, 2]


# --- writes -----------------------------------------------------------------------------------------------------------


async def test_a_write_is_sent_once_and_its_answer_is_for_the_dialect(server: Loopback, transport: Transport) -> None:
    server.says(answer(422, '{"message": {"base": ["is taken"]}}'))
    reply = await transport.send("PUT", "/x", {"a": 1})
    assert isinstance(reply, Reply)
    assert reply.summary == "422 base: is taken"
    assert json.loads(server.asked[0].body) == {"a": 1}
    assert (transport.counts.sent, transport.counts.writes) == (1, 1)


@pytest.mark.parametrize("said", [DROP, HANG, half("{"), answer(500), answer(502, "<html>"), answer(504)])
async def test_a_write_whose_answer_is_lost_or_unclear_is_never_repeated(
    server: Loopback, time: OwnTime, said: bytes | None
) -> None:
    server.says(said)
    async with Transport(host(server.api, silence_sec=0.2), time.timing()) as transport:
        answered = await transport.send("PUT", "/x", {})
    assert isinstance(answered, Sent)
    assert "PUT" in answered.answer
    assert len(server.asked) == 1


async def test_a_write_that_reached_nobody_is_delayed(time: OwnTime) -> None:
    async with Transport(host(f"http://127.0.0.1:{closed_port()}"), time.timing()) as transport:
        answered = await transport.send("PUT", "/x", {})
    assert isinstance(answered, Delayed)
    assert answered.until is not None
    assert answered.until > time.now()


@pytest.mark.parametrize(
    "limited",
    [
        answer(429, Retry_After="90"),
        answer(403, '{"message": "You have exceeded a secondary rate limit"}', Retry_After="90"),
        answer(403, X_RateLimit_Remaining="0", X_RateLimit_Reset="90"),
    ],
)
async def test_a_limited_write_is_delayed_until_the_time_it_names(
    server: Loopback, transport: Transport, time: OwnTime, limited: bytes
) -> None:
    server.says(limited)
    answered = await transport.send("PUT", "/x", {})
    assert isinstance(answered, Delayed)
    assert answered.until == time.now() + timedelta(seconds=90)
    assert isinstance(await transport.send("PUT", "/x", {}), Delayed)
    assert len(server.asked) == 1


async def test_a_403_without_marks_of_a_limit_is_a_refusal(server: Loopback, transport: Transport) -> None:
    server.says(answer(403, '{"message": "Resource not accessible"}', X_RateLimit_Remaining="4999"))
    assert isinstance(await transport.send("PUT", "/x", {}), Reply)


async def test_a_redirected_write_is_not_followed(server: Loopback, transport: Transport) -> None:
    server.says(answer(307, Location="/api/moved"))
    reply = await transport.send("POST", "/x", {})
    assert isinstance(reply, Reply)
    assert reply.status == 307
    assert len(server.asked) == 1


# --- pace -------------------------------------------------------------------------------------------------------------


async def test_a_short_limit_is_waited_for(server: Loopback, transport: Transport, time: OwnTime) -> None:
    server.says(answer(429, Retry_After="3"), answer(200))
    await transport.get("/x")
    assert time.seconds == pytest.approx(3)


async def test_a_long_limit_is_told_and_nothing_is_asked_before_its_end(
    server: Loopback, transport: Transport, time: OwnTime
) -> None:
    after = format_datetime(time.now() + timedelta(hours=1), usegmt=True)
    server.says(answer(429, Retry_After=after), answer(200))
    for _ in range(3):
        with pytest.raises(Unavailable, match="rate limit") as error:
            await transport.get("/x")
        assert error.value.until == time.now() + timedelta(hours=1)
    assert len(server.asked) == 1
    time.seconds += 3600
    await transport.get("/x")


async def test_a_limit_without_headers_gets_a_growing_backoff(
    server: Loopback, transport: Transport, time: OwnTime
) -> None:
    server.says(answer(429, ""))
    with pytest.raises(Unavailable):
        await transport.get("/x")
    assert time.slept == [1.0, 2.0]
    waits = []
    for _ in range(3):
        time.seconds += 1000
        with pytest.raises(Unavailable) as error:
            await transport.get("/x")
        assert error.value.until is not None
        waits.append((error.value.until - time.now()).total_seconds())
    assert waits == sorted(waits)
    assert waits[-1] > 30


async def test_githubs_secondary_limit_without_headers_waits_a_minute_at_least(
    server: Loopback, transport: Transport, time: OwnTime
) -> None:
    server.says(answer(403, '{"message": "You have exceeded a secondary rate limit."}'))
    with pytest.raises(Unavailable) as error:
        await transport.get("/x")
    assert error.value.until == time.now() + timedelta(seconds=60)


async def test_a_reset_is_a_date_by_the_servers_own_clock(
    server: Loopback, transport: Transport, time: OwnTime
) -> None:
    wrong = time.now() + timedelta(days=3)
    reset = str(int(wrong.timestamp()) + 120)
    used_up = answer(200, X_RateLimit_Remaining="0", X_RateLimit_Reset=reset, Date=format_datetime(wrong, usegmt=True))
    server.says(used_up)
    await transport.get("/x")
    with pytest.raises(Unavailable, match="used up") as error:
        await transport.get("/x")
    assert error.value.until == time.now() + timedelta(seconds=120)


async def test_another_resources_budget_does_not_count(server: Loopback, transport: Transport) -> None:
    server.says(answer(200, X_RateLimit_Remaining="0", X_RateLimit_Reset="60", X_RateLimit_Resource="search"))
    await transport.get("/x")
    await transport.get("/x")


async def test_five_failures_in_a_row_give_the_host_a_rest(
    server: Loopback, transport: Transport, time: OwnTime
) -> None:
    server.says(answer(500))
    for _ in range(2):
        with pytest.raises(Unavailable):
            await transport.get("/x")
    assert len(server.asked) == 5
    with pytest.raises(Unavailable, match="5 failures in a row") as error:
        await transport.get("/x")
    assert isinstance(await transport.send("PUT", "/x", {}), Delayed)
    assert len(server.asked) == 5
    assert error.value.until is not None
    time.seconds += (error.value.until - time.now()).total_seconds()
    with pytest.raises(Unavailable):
        await transport.get("/x")
    assert len(server.asked) == 6
    time.seconds += 61
    server.says(answer(200))
    await transport.get("/x")
    server.says(answer(500), answer(200))
    await transport.get("/x")


async def test_the_budget_spreads_requests_over_time(server: Loopback, time: OwnTime) -> None:
    async with Transport(host(server.api, budget=Budget(per_second=2, burst=4)), time.timing()) as transport:
        for _ in range(10):
            await transport.get("/x")
    assert time.seconds == pytest.approx(3.0)


async def test_writes_keep_their_distance(server: Loopback, time: OwnTime) -> None:
    async with Transport(host(server.api, budget=Budget(100, 100, write_gap_sec=1.0)), time.timing()) as transport:
        for _ in range(4):
            await transport.send("POST", "/x", {})
            await transport.get("/x")
    assert time.seconds == pytest.approx(3.0)


async def test_a_budget_that_is_far_overdrawn_is_told_instead_of_waited_for(server: Loopback, time: OwnTime) -> None:
    async with Transport(host(server.api, budget=Budget(per_second=0.01, burst=1)), time.timing()) as transport:
        await transport.get("/x")
        with pytest.raises(Unavailable, match="budget") as error:
            await transport.get("/x")
    assert error.value.until == time.now() + timedelta(seconds=100)


# --- tokens -----------------------------------------------------------------------------------------------------------


async def test_the_token_is_nowhere_but_in_the_request(server: Loopback, transport: Transport) -> None:
    lines: list[str] = []
    sink = logger.add(lines.append, level=0, format="{message} {extra}")
    server.says(answer(422, json.dumps({"message": f"bad {TOKEN}"}), X_Request_Id=TOKEN))
    try:
        reply = await transport.send("POST", "/x", {"text": f"{TOKEN} and more"})
        with pytest.raises(Rejected) as error:
            await transport.get(f"/{httpx.QueryParams({'q': TOKEN})}")
    finally:
        logger.remove(sink)
    assert isinstance(reply, Reply)
    failure = failure_of(reply, "pr", f"with {TOKEN}")
    spelled = [TOKEN, str(httpx.QueryParams({"q": TOKEN}))[2:], json.dumps(TOKEN)[1:-1]]
    for text in (repr(failure), repr(error.value), repr(error.value.failure), reply.text, "".join(lines)):
        for spelling in spelled:
            assert spelling not in text
    assert 'Authorization: Bearer $TOKEN"' in failure.command


async def test_the_failed_command_can_be_pasted(server: Loopback, transport: Transport) -> None:
    server.says(answer(422))
    reply = await transport.send("PUT", "/x's", {"text": 'it\'s $HOME `id` "x" \\ é\n'})
    assert isinstance(reply, Reply)
    words = shlex.split(failure_of(reply, "pr").command)
    assert words[-1] == f"{server.api}/x's"
    assert words[words.index("-X") + 1] == "PUT"
    assert json.loads(words[words.index("--data-raw") + 1]) == {"text": 'it\'s $HOME `id` "x" \\ é\n'}


async def test_the_failure_keeps_the_end_of_a_long_answer(server: Loopback, transport: Transport) -> None:
    server.says(answer(422, json.dumps({"message": "é" * 20000 + "end"}, ensure_ascii=False)))
    reply = await transport.send("PUT", "/x", {})
    assert isinstance(reply, Reply)
    failure = failure_of(reply, "pr")
    assert len(failure.tail.encode()) <= 8192
    assert failure.tail.endswith('end"}')
    assert len(failure.message) <= 1000
