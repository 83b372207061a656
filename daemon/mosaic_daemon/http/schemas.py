"""JSON Schemas of the API's answers."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

Schema = Mapping[str, Any]

TEXT: Schema = {"type": "string"}
NUMBER: Schema = {"type": "integer"}
FLAG: Schema = {"type": "boolean"}
TIME: Schema = {"type": "string", "format": "date-time"}
ANYTHING: Schema = {"type": "object", "additionalProperties": True}
STATUS: Schema = {
    "type": "string",
    "enum": ["not-started", "in-progress", "done", "failed", "blocked", "needs-qa", "deferred"],
}


def maybe(schema: Schema) -> Schema:
    return {"anyOf": [schema, {"type": "null"}]}


def many(schema: Schema) -> Schema:
    return {"type": "array", "items": schema}


def thing(**fields: Schema) -> Schema:
    """An object with these fields; more may come with a newer version."""
    return {"type": "object", "properties": fields, "required": list(fields)}


def named(name: str) -> Schema:
    return {"$ref": f"#/components/schemas/{name}"}


_COUNTS: Schema = {"type": "object", "additionalProperties": NUMBER}
_PHASE = maybe(NUMBER)
_STAGE: Schema = {"enum": ["bulk", "polish", "complete"]}
_HOLD = maybe(thing(reason=TEXT, until=maybe(TIME)))
_BUDGET = maybe(
    thing(
        line=TEXT, cap=NUMBER, source=TEXT, used=NUMBER, remaining=NUMBER, projected=NUMBER, share={"type": "number"},
        band={"enum": ["normal", "conservative", "frozen", "over"]}, slots=NUMBER,
    )
)  # fmt: skip
_AT_WORK = thing(task=TEXT, description=TEXT, attempt=TEXT, stage=TEXT, agent=TEXT, worker=TEXT, since=maybe(TIME))
_DAEMON = thing(running=FLAG, answers=FLAG, draining=FLAG, pid=maybe(NUMBER), since=maybe(TIME), degraded=many(TEXT))

SCHEMAS: Mapping[str, Schema] = {
    "Error": thing(error=thing(message=TEXT, remedy=TEXT)),
    "Status": thing(
        repository=TEXT,
        at=TIME,
        daemon=_DAEMON,
        slots=thing(used=NUMBER, of=maybe(NUMBER)),
        tasks=thing(
            total=NUMBER,
            by_status=_COUNTS,
            by_phase=many(thing(phase=_PHASE, total=NUMBER, by_status=_COUNTS, stage=_STAGE)),
        ),
        at_work=many(_AT_WORK),
        reviews=many(thing(task=TEXT, aspects=many(TEXT), round=NUMBER, since=maybe(TIME), hold=_HOLD, attempt=TEXT)),
        gates=many(thing(task=TEXT, description=TEXT, step=TEXT, since=maybe(TIME), hold=_HOLD, attempt=TEXT)),
        held_runtimes=many(thing(runtime=TEXT, reason=TEXT, until=maybe(TIME))),
        attention=many(thing(task=TEXT, status=STATUS, step=TEXT, reason=TEXT, help=TEXT)),
        problems=many(TEXT),
        notices=many(thing(at=TIME, topic=TEXT, message=TEXT)),
        budget=_BUDGET,
        deadlock=maybe(thing(at=TIME, message=TEXT)),
        queue_file=thing(problem=maybe(TEXT), added=many(TEXT), changed=many(TEXT), removed=many(TEXT)),
    ),
    "Brief": thing(
        id=TEXT,
        status=STATUS,
        description=TEXT,
        phase=_PHASE,
        estimate=maybe(TEXT),
        used=maybe(NUMBER),
        depends_on=many(TEXT),
        started_at=maybe(TIME),
        completed_at=maybe(TIME),
    ),
    "Tasks": thing(total=NUMBER, offset=NUMBER, tasks=many(named("Brief"))),
    "Task": thing(
        task=thing(id=TEXT, description=TEXT, depends_on=many(TEXT)),
        status=TEXT,
        stage=maybe(TEXT),
        needs=many(thing(id=TEXT, status=TEXT)),
        failure=maybe(thing(step=TEXT, message=TEXT, command=TEXT, tail=TEXT, what=TEXT)),
        attempts=many(
            thing(
                name=TEXT,
                agent=TEXT,
                prepared_at=TIME,
                started_at=maybe(TIME),
                ended_at=maybe(TIME),
                outcome=TEXT,
                log=maybe(TEXT),
            )
        ),
        review=maybe(ANYTHING),
        gate=ANYTHING,
        started_at=maybe(TIME),
        completed_at=maybe(TIME),
        used=TEXT,
        events=many(thing(seq=NUMBER, at=TIME, actor=TEXT, kind=TEXT, event=ANYTHING)),
        why=many(TEXT),
        next=many(TEXT),
        needs_you=FLAG,
    ),
    "Events": thing(
        last=NUMBER,
        events=many(thing(seq=NUMBER, at=TIME, task=maybe(TEXT), actor=TEXT, kind=TEXT, sentence=TEXT, event=ANYTHING)),
    ),
    "Budget": thing(
        budget=_BUDGET,
        by_phase=many(thing(phase=_PHASE, tasks=NUMBER, done=NUMBER, estimated=NUMBER, used=NUMBER, remaining=NUMBER)),
        over_time=many(thing(at=TIME, used=NUMBER)),
    ),
    "Graph": thing(
        nodes=many(thing(id=TEXT, status=STATUS, description=TEXT, column=NUMBER, row=NUMBER)),
        edges=many({"type": "array", "items": TEXT, "minItems": 2, "maxItems": 2}),
        left_out=NUMBER,
    ),
    "Said": thing(said=TEXT),
    "Drain": thing(draining=FLAG, in_flight=many(TEXT)),
    "Description": ANYTHING,
}
