"""The streams and consumers on a server: made, and read back. A server is silent about keys that it does not know."""

from __future__ import annotations

from collections.abc import Mapping

from nats.js import JetStreamContext
from nats.js.api import AckPolicy, ConsumerConfig, DiscardPolicy, RetentionPolicy, StorageType, StreamConfig
from nats.js.errors import NotFoundError

from mosaic_rails.leased.transport import Unreachable
from mosaic_rails.leased.wire import MAX_BYTES
from mosaic_rails.nats.subjects import Subjects

MAX_DELIVER = 5  #: of an offer, before it counts as dead
ANSWER_SEC = 5.0  #: what a server may take for an answer
_DAY_SEC = 86_400.0
_HEADERS_BYTES = 4_000
_MOST_MESSAGES = 100_000


async def set_up(js: JetStreamContext, subjects: Subjects) -> None:
    """Make both streams, or make them as they have to be. What else an administrator has set, replicas, stays.

    Raises:
        Unreachable: the server keeps them otherwise.
    """
    await _stream(js, _offers(subjects))
    await _stream(js, _up(subjects))


async def pool_consumer(js: JetStreamContext, subjects: Subjects, pool: str, ack_wait_sec: float) -> None:
    """What the workers of a pool pull offers from.

    Raises:
        Unreachable: the server keeps it otherwise.
    """
    config = ConsumerConfig(
        durable_name=pool,
        filter_subject=subjects.offers_in(pool),
        ack_policy=AckPolicy.EXPLICIT,
        ack_wait=ack_wait_sec,
        max_deliver=MAX_DELIVER,
        max_ack_pending=_MOST_MESSAGES,
    )
    await _consumer(js, subjects.offers_stream, config)


async def daemon_consumer(js: JetStreamContext, subjects: Subjects, daemon: str, ack_wait_sec: float) -> None:
    """What a daemon pulls its workers' messages from.

    Raises:
        Unreachable: the server keeps it otherwise.
    """
    config = ConsumerConfig(
        durable_name=daemon,
        filter_subject=subjects.up_to(daemon),
        ack_policy=AckPolicy.EXPLICIT,
        ack_wait=ack_wait_sec,
        max_deliver=-1,
        max_ack_pending=1000,
    )
    await _consumer(js, subjects.up_stream, config)


def _offers(subjects: Subjects) -> StreamConfig:
    """One message an attempt, refused while there is one: offering again adds nothing to a server that still has it."""
    return StreamConfig(
        name=subjects.offers_stream,
        subjects=[subjects.all_offers],
        retention=RetentionPolicy.WORK_QUEUE,
        storage=StorageType.FILE,
        discard=DiscardPolicy.NEW,
        discard_new_per_subject=True,
        max_msgs_per_subject=1,
        max_msgs=_MOST_MESSAGES,
        max_msg_size=MAX_BYTES + _HEADERS_BYTES,
        max_age=_DAY_SEC,
    )


def _up(subjects: Subjects) -> StreamConfig:
    """The newest message of each kind: what a worker says again replaces what it said."""
    return StreamConfig(
        name=subjects.up_stream,
        subjects=[subjects.all_up],
        retention=RetentionPolicy.WORK_QUEUE,
        storage=StorageType.FILE,
        discard=DiscardPolicy.OLD,
        max_msgs_per_subject=1,
        max_msgs=_MOST_MESSAGES,
        max_msg_size=MAX_BYTES + _HEADERS_BYTES,
        max_age=7 * _DAY_SEC,
    )


async def _stream(js: JetStreamContext, wanted: StreamConfig) -> None:
    name = str(wanted.name)
    asked = _set(wanted.as_dict())
    try:
        kept = (await js.stream_info(name)).config
    except NotFoundError:
        await js.add_stream(wanted)
    else:
        if not different(asked, kept.as_dict()):
            return
        await js.update_stream(kept.evolve(**{key: getattr(wanted, key) for key in asked}))
    _check(f"stream {name}", asked, (await js.stream_info(name)).config.as_dict())


async def _consumer(js: JetStreamContext, stream: str, wanted: ConsumerConfig) -> None:
    name = str(wanted.durable_name)
    asked = _set(wanted.as_dict())
    try:
        kept = (await js.consumer_info(stream, name)).config
    except NotFoundError:
        pass
    else:
        if not different(asked, kept.as_dict()):
            return
    await js.add_consumer(stream, wanted)
    _check(f"consumer {name} of stream {stream}", asked, (await js.consumer_info(stream, name)).config.as_dict())


def _set(config: Mapping[str, object]) -> dict[str, object]:
    return {key: value for key, value in config.items() if value is not None and value != 0}


def different(asked: Mapping[str, object], kept: Mapping[str, object]) -> tuple[str, ...]:
    """The keys under which a server keeps something else than was asked for."""
    return tuple(sorted(key for key, value in asked.items() if kept.get(key) != value))


def _check(what: str, asked: Mapping[str, object], kept: Mapping[str, object]) -> None:
    if wrong := different(asked, kept):
        shown = ", ".join(f"{key} is {kept.get(key)!r} instead of {asked[key]!r}" for key in wrong)
        raise Unreachable(f"the NATS server does not keep {what} as it was told: {shown}; it may be too old")
