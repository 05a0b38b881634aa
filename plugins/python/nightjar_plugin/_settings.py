"""Settings: a dataclass gives the JSON Schema, and decoding is strict."""

from __future__ import annotations

import dataclasses
import json
import typing

from ._notifier import SettingError

_MISSING = dataclasses.MISSING
_SCALARS = {str: "string", bool: "boolean", int: "integer", float: "number"}


def setting(*, default=_MISSING, desc: str = "", required: bool = False, secret: bool = False,
            enum: typing.Sequence[str] = (), minimum: float | None = None, maximum: float | None = None):
    """A field of a settings dataclass. A secret is never shown again; without a default the zero of the type is it."""
    meta = {"desc": desc, "required": required, "secret": secret, "enum": list(enum), "minimum": minimum, "maximum": maximum,
            "explicit": default is not _MISSING}
    if isinstance(default, (list, dict)):
        kept = default
        return dataclasses.field(default_factory=lambda: type(kept)(kept), metadata=meta)
    return dataclasses.field(default=None if default is _MISSING else default, metadata=meta)


def schema(cls: type) -> dict:
    """Returns the JSON Schema (2020-12) of a settings dataclass."""
    out = _object(cls)
    out["$schema"] = "https://json-schema.org/draft/2020-12/schema"
    return out


def _object(cls: type) -> dict:
    types = typing.get_type_hints(cls)
    props, required = {}, []
    for f in dataclasses.fields(cls):
        p = _describe(types[f.name])
        meta = f.metadata
        for key, value in (("description", meta.get("desc")), ("enum", meta.get("enum")), ("minimum", meta.get("minimum")),
                           ("maximum", meta.get("maximum"))):
            if value not in (None, "", []):
                p[key] = value
        if meta.get("secret"):
            p["x-secret"] = True
        if meta.get("explicit"):
            p["default"] = _default(f)
        if meta.get("required"):
            required.append(f.name)
        props[f.name] = p
    return {"type": "object", "properties": props, "required": required, "additionalProperties": False}


def _describe(t) -> dict:
    if t in _SCALARS:
        return {"type": _SCALARS[t]}
    origin, args = typing.get_origin(t), typing.get_args(t)
    if origin is list:
        return {"type": "array", "items": _describe(args[0])}
    if origin is dict and args[0] is str:
        return {"type": "object", "additionalProperties": _describe(args[1])}
    if dataclasses.is_dataclass(t):
        return _object(t)
    raise TypeError(f"a setting cannot be a {t}")


def _default(f: dataclasses.Field):
    return f.default_factory() if f.default_factory is not _MISSING else f.default


def _zero(t):
    origin = typing.get_origin(t) or t
    return decode(t, "{}") if dataclasses.is_dataclass(t) else origin()


def decode(cls: type, raw: str):
    """Reads settings strictly. All that is wrong is told at once, by SettingError."""
    try:
        value = json.loads(raw or "{}")
    except ValueError:
        raise SettingError("", "settings are not valid JSON") from None  # the cause would repeat the text, which holds secrets
    problems: list[SettingError] = []
    out = _read(cls, value, "", problems)
    if problems:
        raise SettingError.of(problems)
    return out


def _read(t, value, path: str, problems: list[SettingError]):
    def wrong(message: str):
        problems.append(SettingError(path, message))

    if dataclasses.is_dataclass(t):
        if not isinstance(value, dict):
            return wrong("must be an object")
        types = typing.get_type_hints(t)
        fields = {f.name: f for f in dataclasses.fields(t)}
        for name in value:
            if name not in fields:
                problems.append(SettingError(_join(path, name), "is not a setting of this plugin"))
        return t(**{n: _field(f, types[n], value, _join(path, n), problems) for n, f in fields.items()})
    origin, args = typing.get_origin(t), typing.get_args(t)
    if origin is list:
        if not isinstance(value, list):
            return wrong("must be a list")
        return [_read(args[0], v, f"{path}[{i}]", problems) for i, v in enumerate(value)]
    if origin is dict:
        if not isinstance(value, dict):
            return wrong("must be an object")
        return {k: _read(args[1], v, _join(path, k), problems) for k, v in value.items()}
    if t is float and isinstance(value, int) and not isinstance(value, bool):
        return float(value)
    if not isinstance(value, t) or t is not bool and isinstance(value, bool):
        return wrong(f"must be a {_SCALARS[t]}")
    return value


def _field(f: dataclasses.Field, t, parent: dict, path: str, problems: list[SettingError]):
    meta = f.metadata
    if f.name in parent:
        value = _read(t, parent[f.name], path, problems)
    else:
        value = _default(f) if f.default is not _MISSING or f.default_factory is not _MISSING else None
    if value is None:
        value = _zero(t)
    if not value and meta.get("required"):
        problems.append(SettingError(path, "is required"))
    elif value and meta.get("enum") and value not in meta["enum"]:
        problems.append(SettingError(path, "must be one of " + ", ".join(meta["enum"])))
    elif value and meta.get("minimum") is not None and value < meta["minimum"]:
        problems.append(SettingError(path, f"must be at least {meta['minimum']:g}"))
    elif value and meta.get("maximum") is not None and value > meta["maximum"]:
        problems.append(SettingError(path, f"must be at most {meta['maximum']:g}"))
    return value


def _join(path: str, name: str) -> str:
    return f"{path}.{name}" if path else name
