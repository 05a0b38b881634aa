"""What a plugin may ask of Nightjar."""

from __future__ import annotations

import typing

import grpc

from . import _wire


class HostError(Exception):
    """The host refused, as for a permission that the plugin does not have, or could not be asked."""


class Host:
    """The service Host of the contract. Every call needs the permission it names."""

    def __init__(self, socket: str, token: str):
        self._metadata = (("nightjar-token", token),)
        self._channel = grpc.insecure_channel(f"unix:{socket}") if socket else None
        self._calls = {}
        for name, (request, response) in _wire.methods("Host").items() if socket else ():
            make = self._channel.unary_stream if name == "OpenMedia" else self._channel.unary_unary
            call = make(f"/{_wire.PACKAGE}.Host/{name}", request_serializer=request.SerializeToString,
                        response_deserializer=response.FromString)
            self._calls[name] = (call, request)

    def open_media(self, ref: str, max_bytes: int = 0) -> typing.Iterator[bytes]:
        """Streams an attachment while its delivery is handled. max_bytes: refuse what is larger. media.snapshot, media.clip"""
        try:
            for part in self._call("OpenMedia", ref=ref, max_bytes=max_bytes):
                yield part.data
        except grpc.RpcError as e:
            raise HostError(e.details()) from None

    def get(self, key: str) -> bytes:
        """Reads the plugin's own store, which survives restarts; empty: there is nothing. kv"""
        return self._ask("GetValue", key=key).value

    def put(self, key: str, value: bytes) -> None:
        """Writes it, at most 1 MB in all; an empty value deletes. kv"""
        self._ask("PutValue", key=key, value=value)

    def sign_link(self, event_id: str, kind: str = "snapshot", valid_seconds: int = 0) -> str:
        """Returns an address that shows an event's snapshot or clip without login, for an hour or valid_seconds. link.sign"""
        number = _wire.enum_value("AttachmentKind", "ATTACHMENT_KIND_" + kind.upper())
        return self._ask("SignLink", event_id=event_id, kind=number, valid_seconds=valid_seconds).url

    def add_metric(self, name: str, value: float = 1) -> None:
        """Adds to a counter that the host exports under the plugin's name."""
        self._ask("AddMetric", name=name, value=value)

    def act(self, token: str, by: str, snooze_seconds: int = 0) -> str:
        """Hands back the action a person chose, and returns what to show to them. actions"""
        return self._ask("Act", token=token, by=by, snooze_seconds=snooze_seconds).text

    def command(self, recipient: str, text: str) -> tuple[str, bytes]:
        """Hands over a line a person wrote, and returns the answer and perhaps a picture. commands"""
        answer = self._ask("Command", recipient=recipient, text=text)
        return answer.text, answer.snapshot

    def _call(self, name: str, /, **fields):
        if not self._calls:
            raise HostError("this Nightjar offers no host service")
        call, request = self._calls[name]
        return call(request(**fields), metadata=self._metadata, timeout=60 if name == "OpenMedia" else 10)

    def _ask(self, name: str, /, **fields):
        try:
            return self._call(name, **fields)
        except grpc.RpcError as e:
            raise HostError(e.details()) from None
