"""Which rail takes a task, and what happens to tasks whose rail reaches nobody."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from mosaic_daemon.nouns.record import Dispatching, NotStarted
from mosaic_daemon.nouns.system import System
from mosaic_daemon.stages.delegation import Delegation
from mosaic_daemon.stages.schedule import Schedule
from mosaic_rails.base import Offered, Running
from mosaic_rails.memory import MemoryRail
from tests.model.world import World
from tests.samples import NOON, added, folded, task


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    made = World(tmp_path)
    yield made
    made.close()


def rails(folder: Path, **troubles: str) -> dict[str, MemoryRail]:
    """Rails by name, each with what is wrong with it."""
    made = {name: MemoryRail(folder) for name in troubles}
    for name, trouble in troubles.items():
        made[name].trouble = trouble
    return made


@pytest.mark.parametrize(
    ("mode", "troubles", "fields", "wanted"),
    [
        ("auto", {"process": ""}, {}, "process"),
        ("auto", {"process": "", "native": "nobody is there"}, {}, "process"),
        ("auto", {"process": "", "native": ""}, {}, "native"),
        ("auto", {"process": "", "native": ""}, {"command": ("make",)}, "process"),
        ("auto", {"process": "", "native": ""}, {"rail": "process"}, "process"),
        ("auto", {"process": "", "native": "nobody", "matrix": "away"}, {}, "matrix"),
        ("auto", {"process": "", "native": "nobody", "matrix": "", "nats": ""}, {}, "nats"),
        ("native", {"process": "", "native": "nobody is there"}, {}, "native"),
        ("process", {"process": "", "native": ""}, {}, "process"),
        ("nats", {"process": "", "nats": "away"}, {"rail": "native"}, "native"),
    ],
)
def test_which_rail(mode: str, troubles: dict[str, str], fields: dict[str, Any], wanted: str, tmp_path: Path) -> None:
    """`auto` is an attached session, else the configured fleet, else this machine; a task's own rail is obeyed."""
    delegation = Delegation(mode, rails(tmp_path, **troubles))
    assert delegation.rail_of(task(**fields)) == wanted


def test_a_rail_without_sessions_is_no_trouble_unless_it_was_asked_for(tmp_path: Path) -> None:
    """`status` shows what people count on."""
    made = rails(tmp_path, process="", native="no session is attached", nats="away")
    assert Delegation("auto", made).troubles == {"nats": "away"}
    assert Delegation("native", made).troubles == {"native": "no session is attached", "nats": "away"}


def test_a_task_whose_rail_reaches_nobody_waits_and_the_others_go_on(tmp_path: Path) -> None:
    """It says why, and starts when the rail is back."""
    made = rails(tmp_path, process="", nats="the server is away")
    schedule = Schedule("shell", Delegation("process", made))
    far, near = folded(added("T-1", 0, rail="nats", priority=9)), folded(added("T-2", 1))
    schedule.update([far, near])
    system = System()
    assert schedule.pick(system, NOON) == near
    schedule.update([folded(added("T-2", 1, rail="nats"))])
    assert schedule.pick(system, NOON) is None
    assert schedule.waits_for_a_rail
    assert schedule.why("T-1", system, NOON) == ["rail `nats`: the server is away"]
    made["nats"].trouble = ""
    schedule.look_again()
    assert schedule.pick(system, NOON) == far
    assert not schedule.waits_for_a_rail


def test_what_nobody_has_taken_is_taken_back_after_a_minute(world: World) -> None:
    """No try is used; a shorter outage changes nothing, nor one while a worker is at it."""
    world.edit(lambda entries: entries.append({"id": "T-1", "description": "F-1: x"}))
    world.run()
    assert world.states(Offered) == ["T-1.1"]
    world.rail.trouble = "away"
    world.run()
    world.now += timedelta(seconds=59)
    world.run()
    assert world.states(Offered) == ["T-1.1"]
    world.now += timedelta(seconds=2)
    report = world.run()
    record = world.ledger.records["T-1"]
    assert isinstance(record.state, NotStarted)
    assert record.state.reason == "rail `memory`: away"
    assert (record.fence, dict(record.tries)) == (1, {})
    assert report is not None
    assert not report.idle
    world.rail.trouble = ""
    world.run()
    assert world.states(Offered) == ["T-1.2"]
    world.rail.start("T-1.2")
    world.run()
    world.rail.trouble = "away again"
    world.now += timedelta(hours=1)
    world.run()
    assert world.states(Running) == ["T-1.2"]


def test_an_outage_that_ends_in_time_keeps_what_was_offered(world: World) -> None:
    """Each outage has its own minute."""
    world.edit(lambda entries: entries.append({"id": "T-1", "description": "F-1: x"}))
    world.run()
    for _ in range(3):
        world.rail.trouble = "away"
        world.run()
        world.now += timedelta(seconds=50)
        world.run()
        world.rail.trouble = ""
        world.run()
    assert world.states(Offered) == ["T-1.1"]
    assert isinstance(world.ledger.records["T-1"].state, Dispatching)
