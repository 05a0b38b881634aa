#!/usr/bin/env python3
"""Tells a topic of ntfy (https://ntfy.sh) about alerts."""

import base64
import urllib.error
import urllib.request
from dataclasses import dataclass
from datetime import timedelta

from nightjar_plugin import Alert, Notifier, Result, bad_config, ok, permanent, retry, serve, setting


@dataclass
class Settings:
    topic: str = setting(required=True, desc="The topic, as my-house.")
    server: str = setting(default="https://ntfy.sh", desc="Address of the server.")
    token: str = setting(secret=True, desc="Access token, where the topic is protected.")


class Ntfy(Notifier[Settings]):
    settings_type = Settings

    def notify(self, alert: Alert) -> Result:
        s = self.settings
        title = "=?UTF-8?B?" + base64.b64encode(alert.title.encode()).decode() + "?="  # headers are ASCII (RFC 2047)
        request = urllib.request.Request(f"{s.server}/{s.topic}", data=alert.text.encode(), headers={"Title": title})
        if s.token:
            request.add_header("Authorization", f"Bearer {s.token}")
        try:
            with urllib.request.urlopen(request, timeout=10):
                return ok()
        except urllib.error.HTTPError as e:
            if e.code in (401, 403):
                return bad_config("ntfy refused the token, or the topic is not ours")
            if e.code == 429 or e.code >= 500:
                return retry(f"ntfy answered {e.code}", timedelta(seconds=int(e.headers.get("Retry-After", 0))))
            return permanent(f"ntfy answered {e.code}")
        except OSError as e:
            return retry(f"ntfy cannot be reached: {e}")


if __name__ == "__main__":
    serve(Ntfy(), name="ntfy (Python)", version="1.0.0")
