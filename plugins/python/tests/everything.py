#!/usr/bin/env python3
"""A plugin that uses everything the SDK has; python_test.go puts it through the conformance suite."""

import logging
from dataclasses import dataclass, field

from nightjar_plugin import (
    Alert, Attachment, Capability, HostError, Notifier, Result, SettingError, ok, retry, serve, setting,
)


@dataclass
class Settings:
    url: str = setting(required=True, desc="Anything.")
    tags: list[str] = field(default_factory=list)


class Everything(Notifier[Settings]):
    settings_type = Settings

    def configure(self, settings: Settings) -> None:
        if settings.url == "refused":
            raise SettingError("url", "is refused")

    def notify(self, alert: Alert) -> Result:
        print("printed, which must not break the handshake")
        logging.info("alert %s", alert.title)
        try:
            seen = int(self.host.get("seen") or b"0") + 1
            self.host.put("seen", str(seen).encode())
            self.host.add_metric("seen")
            for a in alert.attachments:
                self.measure(a)
            if alert.event.id:
                logging.info("link %s", self.host.sign_link(alert.event.id))
        except HostError as e:
            return retry(str(e))
        return ok().with_message(alert.delivery_id)

    def measure(self, attachment: Attachment) -> None:
        try:
            logging.info("%s has %d bytes", attachment.kind, sum(len(b) for b in self.host.open_media(attachment.ref)))
        except HostError as e:  # deleted meanwhile: the alert goes without it
            logging.warning("%s: %s", attachment.kind, e)

    def health(self) -> str:
        return ""


if __name__ == "__main__":
    serve(Everything(), name="everything", version="1.0.0", max_snapshot_bytes=1 << 20, capabilities=list(Capability))
