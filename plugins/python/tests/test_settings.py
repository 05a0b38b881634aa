import json
import logging
import unittest
from dataclasses import dataclass, field

from nightjar_plugin import SettingError, _settings, _wire, setting
from nightjar_plugin._model import alert_from


@dataclass
class Auth:
    user: str = setting(required=True)


@dataclass
class Settings:
    url: str = setting(required=True, desc="Where to post.")
    token: str = setting(secret=True)
    tries: int = setting(default=3, minimum=1, maximum=9)
    mode: str = setting(default="a", enum=["a", "b"])
    weight: float = setting()
    tags: list[str] = field(default_factory=list)
    headers: dict[str, str] = setting(default={"a": "b"})
    auth: list[Auth] = field(default_factory=list)


class Decode(unittest.TestCase):
    def test_defaults_and_values(self):
        s = _settings.decode(Settings, '{"url":"x","weight":2,"tags":["t"],"auth":[{"user":"u"}]}')
        self.assertEqual((s.url, s.token, s.tries, s.mode, s.weight, s.tags, s.headers), ("x", "", 3, "a", 2.0, ["t"], {"a": "b"}))
        self.assertEqual(s.auth[0].user, "u")

    def test_all_problems_at_once(self):
        raw = {"token": 1, "tries": 10, "mode": "c", "tags": [2], "auth": [{}], "what": 0, "weight": True}
        with self.assertRaises(SettingError) as e:
            _settings.decode(Settings, json.dumps(raw))
        self.assertEqual(
            {p.path: p.message for p in e.exception.problems},
            {
                "url": "is required", "token": "must be a string", "tries": "must be at most 9", "mode": "must be one of a, b",
                "tags[0]": "must be a string", "auth[0].user": "is required", "what": "is not a setting of this plugin",
                "weight": "must be a number",
            },
        )

    def test_secrets_stay_out_of_errors(self):
        for raw in ('{"token": "canary', '{"token": ["canary"]}', '["canary"]'):
            with self.assertRaises(SettingError) as e:
                _settings.decode(Settings, raw)
            self.assertNotIn("canary", str(e.exception))
            self.assertIsNone(e.exception.__cause__)

    def test_schema(self):
        s = _settings.schema(Settings)
        self.assertEqual(s["required"], ["url"])
        self.assertFalse(s["additionalProperties"])
        self.assertEqual(s["properties"]["token"], {"type": "string", "x-secret": True})
        self.assertEqual(s["properties"]["tries"], {"type": "integer", "minimum": 1, "maximum": 9, "default": 3})
        self.assertEqual(s["properties"]["auth"]["items"]["properties"]["user"], {"type": "string"})


class Contract(unittest.TestCase):
    def test_an_alert(self):
        r = _wire.message("NotifyRequest")(
            delivery_id="d", attempt=2, phase="PHASE_NEW", title="t", text="x", silent=True, previous_message="m", expires_at={"seconds": 60},
            event={"id": "e", "label": "person", "start": {"seconds": 1, "nanos": 500_000_000}, "identity": {"name": "Anna"}},
            attachments=[{"kind": "ATTACHMENT_KIND_CLIP", "ref": "r"}], actions=[{"kind": "ACTION_KIND_SNOOZE", "token": "k"}],
        )
        a = alert_from(r)
        self.assertEqual((a.phase, a.attempt, a.silent, a.previous), ("new", 2, True, "m"))
        self.assertEqual(a.expires_at.timestamp(), 60)
        self.assertEqual((a.event.start.timestamp(), a.event.end, a.event.identity.name), (1.5, None, "Anna"))
        self.assertEqual((a.attachments[0].kind, a.actions[0].kind), ("clip", "snooze"))

    def test_values_of_a_newer_host(self):
        r = _wire.message("NotifyRequest")()
        r.phase = 99
        self.assertEqual(alert_from(r).phase, "update")


if __name__ == "__main__":
    logging.disable(logging.CRITICAL)
    unittest.main()
