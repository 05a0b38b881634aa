"""The process: handshake, mutual TLS, and the services that Nightjar's host calls (hashicorp/go-plugin's protocol)."""

from __future__ import annotations

import base64
import datetime
import json
import logging
import os
import secrets
import signal
import sys
import threading
import traceback
import typing
from concurrent import futures

import grpc
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from . import _settings, _wire
from ._host import Host
from ._model import Capability, alert_from
from ._notifier import Notifier, SettingError

_COOKIE = ("NIGHTJAR_PLUGIN", "b6c7d2e0-notifier")
_PROTOCOL = "1"
_MAX_RECEIVE = 16 << 20
_MAX_SNAPSHOT = 1 << 20

log = logging.getLogger("nightjar_plugin")


def serve(impl: Notifier, *, name: str, version: str, max_snapshot_bytes: int = 0,
          capabilities: typing.Sequence[Capability] = ()) -> None:
    """Speaks to the host until it ends the process. It takes over logging and standard output."""
    if os.environ.get(_COOKIE[0]) != _COOKIE[1]:
        sys.exit("This is a Nightjar plugin: Nightjar starts it, name it in a notifier's configuration.")
    if _PROTOCOL not in os.environ.get("PLUGIN_PROTOCOL_VERSIONS", _PROTOCOL).split(","):
        sys.exit("This plugin speaks version 1 of the protocol, and this Nightjar another one: update one of them.")
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # of a terminal, meant for the host, which stops its plugins itself
    handshake = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)  # the first line of the real one belongs to the handshake
    _log_as_json()
    describe = {
        "name": name, "version": version, "settings_schema": json.dumps(_settings.schema(impl.settings_type)),
        "max_snapshot_bytes": min(max(max_snapshot_bytes, 0), _MAX_SNAPSHOT),
        "capabilities": [_wire.enum_value("Capability", "CAPABILITY_" + c.name) for c in capabilities],
    }
    ended = threading.Event()
    server = grpc.server(
        futures.ThreadPoolExecutor(max_workers=16), options=[("grpc.max_receive_message_length", _MAX_RECEIVE)],
    )
    server.add_generic_rpc_handlers((
        _handlers(f"{_wire.PACKAGE}.Notifier", _Service(impl, describe)), _go_plugin_health(), _go_plugin_controller(ended),
    ))
    path = os.path.join(os.environ.get("PLUGIN_UNIX_SOCKET_DIR") or os.environ.get("TMPDIR", "/tmp"), "plugin" + secrets.token_hex(4))
    credentials, certificate = _tls(os.environ.get("PLUGIN_CLIENT_CERT", ""))
    if credentials:
        server.add_secure_port(f"unix:{path}", credentials)
    else:
        server.add_insecure_port(f"unix:{path}")
    server.start()
    handshake.write(f"1|{_PROTOCOL}|unix|{path}|grpc|{certificate}\n")
    handshake.flush()
    ended.wait()
    server.stop(grace=1).wait()


class _Service:
    """Translates between the contract and a Notifier."""

    def __init__(self, impl: Notifier, describe: dict):
        self._impl, self._describe = impl, describe

    def Describe(self, _request, response):
        return response(**self._describe)

    def Configure(self, request, response):
        try:
            settings = _settings.decode(self._impl.settings_type, request.settings_json)
            self._impl.host = Host(request.host_socket, request.host_token)
            self._impl.settings = settings
            self._impl.configure(settings)
        except SettingError as e:
            return response(diagnostics=[{"path": p.path, "message": p.message} for p in e.problems])
        return response()

    def CheckHealth(self, _request, response):
        reason = self._impl.health()
        return response(healthy=not reason, reason=reason)

    def Notify(self, request, response):
        result = self._impl.notify(alert_from(request))
        out = response(
            delivery_class=_wire.enum_value("DeliveryClass", "DELIVERY_CLASS_" + result.verdict.upper()),
            detail=result.detail, message=result.message[:512],
        )
        if result.after:
            out.retry_after.seconds = int(result.after.total_seconds())
            out.retry_after.nanos = result.after.microseconds * 1000
        return out

    def Stop(self, _request, response):
        self._impl.stop()
        return response()


def _handlers(service: str, impl: _Service):
    """Hangs the methods impl has into gRPC. An exception is that call's error, with its trace in the log: one bad alert must
    not cost the others their notifier."""
    out = {}
    for name, (request, response) in _wire.methods("Notifier").items():
        method = getattr(impl, name, None)
        if method is None:
            continue  # the host takes "unimplemented" for an answer

        def call(req, context, method=method, name=name, response=response):
            try:
                return method(req, response)
            except Exception as e:
                log.error("exception in %s: %s", name, traceback.format_exc())
                context.abort(grpc.StatusCode.INTERNAL, f"{type(e).__name__} in the plugin: {e}")

        out[name] = grpc.unary_unary_rpc_method_handler(
            call, request_deserializer=request.FromString, response_serializer=lambda m: m.SerializeToString(),
        )
    return grpc.method_handlers_generic_handler(service, out)


def _raw(answer: typing.Callable[[], bytes]):
    return grpc.unary_unary_rpc_method_handler(lambda *_: answer(), request_deserializer=None, response_serializer=None)


def _go_plugin_health():
    """grpc.health.v1.Health/Check, answered with HealthCheckResponse{status: SERVING}."""
    return grpc.method_handlers_generic_handler("grpc.health.v1.Health", {"Check": _raw(lambda: b"\x08\x01")})


def _go_plugin_controller(ended: threading.Event):
    """plugin.GRPCController/Shutdown: without it every stop of go-plugin's own waits for 2 s."""

    def shutdown() -> bytes:
        ended.set()
        return b""

    return grpc.method_handlers_generic_handler("plugin.GRPCController", {"Shutdown": _raw(shutdown)})


def _tls(client: str):
    """Returns credentials that only take the host, by the certificate it gave us, and our own certificate as the host wants it:
    DER in base64 without padding."""
    if not client:
        return None, ""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "localhost")])
    now = datetime.datetime.now(datetime.timezone.utc)
    cert = (
        x509.CertificateBuilder().subject_name(name).issuer_name(name).public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - datetime.timedelta(days=1)).not_valid_after(now + datetime.timedelta(days=3650))
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .add_extension(x509.SubjectAlternativeName([x509.DNSName("localhost")]), critical=False)
        .add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH, ExtendedKeyUsageOID.CLIENT_AUTH]), critical=False)
        .sign(key, hashes.SHA256())
    )
    pem = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption(),
    )
    credentials = grpc.ssl_server_credentials(
        [(pem, cert.public_bytes(serialization.Encoding.PEM))], root_certificates=client.encode(), require_client_auth=True,
    )
    return credentials, base64.b64encode(cert.public_bytes(serialization.Encoding.DER)).decode().rstrip("=")


class _JSON(logging.Formatter):
    def format(self, record: logging.LogRecord) -> str:
        at = datetime.datetime.fromtimestamp(record.created, datetime.timezone.utc)
        line = {"time": at.isoformat(), "level": "WARN" if record.levelname == "WARNING" else record.levelname,
                "msg": record.getMessage(), "logger": record.name}
        if record.exc_info:
            line["stack"] = self.formatException(record.exc_info)
        return json.dumps(line)


def _log_as_json() -> None:
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(_JSON())
    logging.basicConfig(level=logging.INFO, handlers=[handler], force=True)
