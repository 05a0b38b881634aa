"""What a plugin is told, and what it answers."""

from __future__ import annotations

import enum
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta, timezone

from . import _wire


class Capability(enum.Enum):
    """An optional power of a plugin, beyond sending a message."""

    UPDATE = "update"  # changes a message that was sent: Alert.previous and Result.with_message
    ACTIONS = "actions"  # offers Alert.actions and hands back what was chosen by Host.act
    CLIP = "clip"  # sends films
    SILENT = "silent"  # delivers without a sound
    COMMANDS = "commands"  # hands what people write to Host.command


@dataclass(frozen=True)
class Box:
    """A rectangle in fractions of the picture; x, y is the top left corner."""

    x: float
    y: float
    width: float
    height: float


@dataclass(frozen=True)
class Identity:
    """Who was recognised. An empty person_id is somebody whom the library of faces does not know."""

    person_id: str
    name: str
    similarity: float  # from 0 to 1


@dataclass(frozen=True)
class Event:
    """The life of something seen, as far as it has gone."""

    id: str
    camera: str
    camera_name: str  # for people
    kind: str  # object, motion, sound, camera or manual
    label: str
    start: datetime  # UTC
    end: datetime | None  # None while it goes on
    score: float
    top_score: float
    box: Box
    stationary: bool
    severity: str  # low, normal or high; empty: none
    rules: tuple[str, ...]
    zones: tuple[str, ...]
    identity: Identity | None
    attributes: tuple[str, ...]


@dataclass(frozen=True)
class Attachment:
    """Media that Host.open_media opens while the delivery is handled."""

    kind: str  # snapshot (JPEG) or clip (MP4)
    ref: str
    content_type: str
    bytes: int  # 0: not known before it is made


@dataclass(frozen=True)
class Action:
    """What a person may do with an alert: acknowledge or snooze."""

    kind: str
    token: str  # given back to Host.act
    label: str


@dataclass(frozen=True)
class Alert:
    """What is to be told."""

    delivery_id: str  # idempotency key; the same for every attempt
    attempt: int  # from 1
    recipient: str  # in the channel's own terms; empty: the settings' default
    phase: str  # new, update or end
    title: str  # one line, never empty
    text: str  # one paragraph of plain text, never empty
    event: Event
    snapshot: bytes  # JPEG; empty where there is none
    silent: bool
    attachments: tuple[Attachment, ...]
    actions: tuple[Action, ...]
    link: str  # where a person sees the event; may be empty
    previous: str  # what with_message said for an earlier phase; empty: nothing was sent
    digest: tuple[Event, ...]  # all events of a digest, the newest last; empty for a single alert
    test: bool  # an example that somebody asked for
    expires_at: datetime | None  # when the news is too old to be told; None: never


@dataclass(frozen=True)
class Result:
    """The verdict on one attempt, made by ok, retry, permanent or bad_config."""

    verdict: str
    detail: str = ""
    after: timedelta = field(default=timedelta())
    message: str = ""

    def with_message(self, message: str) -> Result:
        """Adds the channel's id of what was sent, at most 512 characters: Alert.previous of the next phase."""
        return replace(self, message=message)


def ok() -> Result:
    """The alert was delivered."""
    return Result("ok")


def retry(detail: str, after: timedelta = timedelta()) -> Result:
    """Not now. after is when to try again; zero leaves that to the host. detail is a sentence for a person, without secrets."""
    return Result("retry_after", detail, after)


def permanent(detail: str) -> Result:
    """This alert will never be accepted."""
    return Result("permanent", detail)


def bad_config(detail: str) -> Result:
    """No alert will be accepted until a person changes the settings."""
    return Result("bad_config", detail)


def _time(message, name: str) -> datetime | None:
    if not message.HasField(name):
        return None
    t = getattr(message, name)
    return datetime.fromtimestamp(t.seconds, timezone.utc) + timedelta(microseconds=t.nanos // 1000)


def event_from(e) -> Event:
    who = Identity(e.identity.person_id, e.identity.name, e.identity.similarity) if e.HasField("identity") else None
    return Event(
        id=e.id, camera=e.camera, camera_name=e.camera_name, kind=e.kind, label=e.label,
        start=_time(e, "start") or datetime.fromtimestamp(0, timezone.utc), end=_time(e, "end"),
        score=e.score, top_score=e.top_score, box=Box(e.box.x, e.box.y, e.box.width, e.box.height), stationary=e.stationary,
        severity=e.severity, rules=tuple(e.rules), zones=tuple(e.zones), identity=who, attributes=tuple(e.attributes),
    )


def alert_from(r) -> Alert:
    phase = _wire.enum_name(r, "phase", "PHASE_")
    return Alert(
        delivery_id=r.delivery_id, attempt=r.attempt, recipient=r.recipient, phase="update" if phase == "unspecified" else phase,
        title=r.title, text=r.text, event=event_from(r.event), snapshot=r.snapshot, silent=r.silent,
        attachments=tuple(
            Attachment(_wire.enum_name(a, "kind", "ATTACHMENT_KIND_"), a.ref, a.content_type, a.bytes) for a in r.attachments
        ),
        actions=tuple(Action(_wire.enum_name(a, "kind", "ACTION_KIND_"), a.token, a.label) for a in r.actions),
        link=r.link, previous=r.previous_message, digest=tuple(event_from(e) for e in r.digest), test=r.test,
        expires_at=_time(r, "expires_at"),
    )
