"""The messages of the contract, made from its descriptors instead of generated code, which would tie plugins to one
version of protobuf. contract.binpb is written by `make gen` from plugins/api/v1."""

from importlib import resources

from google.protobuf import descriptor_pb2, descriptor_pool, message_factory

PACKAGE = "nightjar.plugin.v1"

_pool = descriptor_pool.DescriptorPool()
for _file in descriptor_pb2.FileDescriptorSet.FromString(
    resources.files(__package__).joinpath("contract.binpb").read_bytes()
).file:
    _pool.Add(_file)


def message(name: str):
    """Returns the class of a message of the contract."""
    return message_factory.GetMessageClass(_pool.FindMessageTypeByName(f"{PACKAGE}.{name}"))


def methods(service: str):
    """Returns the methods of a service of the contract: name to (request class, response class)."""
    found = _pool.FindServiceByName(f"{PACKAGE}.{service}")
    return {
        m.name: (message_factory.GetMessageClass(m.input_type), message_factory.GetMessageClass(m.output_type))
        for m in found.methods
    }


def enum_name(message_object, field: str, prefix: str) -> str:
    """Returns an enum field as its name in lower case without the prefix: PHASE_NEW is "new", one not set is "unspecified"."""
    descriptor = message_object.DESCRIPTOR.fields_by_name[field].enum_type
    value = descriptor.values_by_number.get(getattr(message_object, field))
    return value.name.removeprefix(prefix).lower() if value else "unspecified"


def enum_value(enum: str, name: str) -> int:
    """Returns the number of a value of an enum of the contract."""
    return _pool.FindEnumTypeByName(f"{PACKAGE}.{enum}").values_by_name[name].number
