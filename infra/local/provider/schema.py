"""Every resource's inputs, typed, with what a change of each does: behind Check, Diff and GetSchema."""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Mapping
from pathlib import PurePosixPath
from typing import Annotated, Any, ClassVar, Literal, get_args

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, ValidationError
from pydantic.alias_generators import to_camel
from pydantic.fields import FieldInfo
from pydantic_core import ErrorDetails

from infra.local.names import HOST_OWN_DEVICES
from infra.paths import stack_fault
from infra.plugin.marshalling import has_unknown

VERSION = "0.1.0"

#: What a change of a property does. `fixed` is refused: it would lose data or make the resource another one.
Change = Literal["update", "replace", "fixed"]
_SAID = {
    "update": "A change updates in place.",
    "replace": "A change replaces the resource.",
    "fixed": "A change is refused.",
}


def _property(change: Change, description: str, **more: Any) -> Any:  # noqa: ANN401 - as `Field`
    return Field(description=f"{description} {_SAID[change]}", json_schema_extra={"change": change}, **more)


def _stack(value: str) -> str:
    if fault := stack_fault(value):
        raise ValueError(fault)
    return value


#: What hosts and volumes may be called, and the same in words.
HOST_NAME = r"[a-z]([a-z0-9-]{0,61}[a-z0-9])?"
HOST_NAME_RULE = "must be a host name: a lower-case letter, then a-z, 0-9 and '-', at most 63; rename it"


def _host_name(value: str) -> str:
    if not re.fullmatch(HOST_NAME, value):
        raise ValueError(HOST_NAME_RULE)
    return value


def _volume_name(value: str) -> str:
    if value in HOST_OWN_DEVICES:
        raise ValueError("LXD gives every host a device of this name; rename the volume")
    return _host_name(value)


def _range(value: str) -> str:
    ipaddress.IPv4Network(value)
    return value


def _address(value: str) -> str:
    ipaddress.IPv4Address(value)
    return value


def _absolute(value: str) -> str:
    if not PurePosixPath(value).is_absolute() or ".." in PurePosixPath(value).parts:
        raise ValueError("must be an absolute path without '..'")
    return value


Stack = Annotated[str, AfterValidator(_stack)]
Named = Annotated[str, AfterValidator(_host_name)]
VolumeName = Annotated[str, AfterValidator(_volume_name)]
Cidr = Annotated[str, AfterValidator(_range)]
Address = Annotated[str, AfterValidator(_address)]
AbsolutePath = Annotated[str, AfterValidator(_absolute)]
Uuid = Annotated[str, Field(pattern=r"^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$")]


class Inputs(BaseModel):
    """Strict, frozen, and in camel case on the wire, as Pulumi's schemas are."""

    model_config = ConfigDict(
        frozen=True, extra="forbid", strict=True, alias_generator=to_camel, populate_by_name=True
    )

    #: Most names are fixed, so a new object cannot exist together with the old one.
    delete_before_replace: ClassVar[bool] = True

    stack: Stack = _property("replace", "The stack whose mark the object carries.")

    def wire(self) -> dict[str, Any]:
        return self.model_dump(mode="json", by_alias=True)


def is_flag(field: FieldInfo) -> bool:
    """Whether the property is declared true always, and false only in a state where a refresh found drift."""
    return get_args(field.annotation) == (True,)


class ProjectInputs(Inputs):
    """The LXD project that holds the stack's hosts and image."""

    name: str = _property("replace", "The project's name.")
    intact: Literal[True] = _property(
        "update", "False in the state where its LXD settings were found changed.", default=True
    )


class StoragePoolInputs(Inputs):
    """The pool of the hosts' root disks."""

    name: str = _property("replace", "The pool's name.")
    driver: Literal["dir"] = _property("replace", "The pool's driver.")
    intact: Literal[True] = _property(
        "update", "False in the state where its LXD settings were found changed.", default=True
    )


class ImageInputs(Inputs):
    """A host image, imported into the stack's project from two files.

    A new one comes before the old one goes.
    """

    delete_before_replace: ClassVar[bool] = False

    project: str = _property("replace", "The project that gets the image.")
    recipe: str = _property(
        "replace", "Hash of the recipe the image was built from.", pattern=r"^[0-9a-f]{16}$"
    )
    metadata_file: AbsolutePath = _property("update", "Path of the metadata tarball, read at creation only.")
    rootfs_file: AbsolutePath = _property("update", "Path of the root file system, read at creation only.")


class NetworkInputs(Inputs):
    """A bridge with NAT, DHCP and DNS over an `unreachable` route, so that no packet for a host leaves."""

    name: str = _property("replace", "The bridge's name.", max_length=15)
    cidr: Cidr = _property("replace", "The stack's range; it may overlap nothing that the machine knows.")
    gateway: Address = _property("replace", "The machine's own address on the bridge.")
    domain: str = _property("update", "DNS domain of the hosts.")
    intact: Literal[True] = _property(
        "update", "False in the state where route, bridge or DHCP were missing or its LXD settings changed."
    )


class InstanceInputs(Inputs):
    """A host: a privileged system container with a static address, reachable by SSH once it exists."""

    project: str = _property("replace", "The project of the host.")
    name: Named = _property("replace", "The host's name.")
    image: str = _property("replace", "Fingerprint of the image the host is made from.")
    storage_pool: str = _property("replace", "The pool of the root disk.")
    network: str = _property("replace", "The bridge the host is on.")
    address: Address = _property("replace", "The host's address, given by the bridge's DHCP.")
    vcpus: int = _property("update", "Cores the host may use.", ge=1)
    memory_mib: int = _property("update", "Memory limit in MiB, page cache included.", ge=128)
    user: str = _property("replace", "The operator's account, made at the first boot.")
    authorized_keys: tuple[str, ...] = _property("update", "SSH public keys of the operator.", min_length=1)
    running: Literal[True] = _property("update", "False in the state where the host was found stopped.")
    intact: Literal[True] = _property(
        "update",
        "False in the state where its LXD settings or network card were found changed.",
        default=True,
    )


VolumeClass = Literal["flash", "network"]


class VolumeInputs(Inputs):
    """A block device of a host: a sparse file on a loop device. Its content is never touched."""

    host: Named = _property("fixed", "The host it belongs to.")
    name: VolumeName = _property("fixed", "The volume's name.")
    volume_class: VolumeClass = _property(
        "fixed",
        "`flash`: the plain device. `network`: limited to a gp3-class one, about 3,000 IOPS at 1.4 ms.",
    )
    size_gib: int = _property(
        "update", "Size in GiB. It grows in place while in use; it cannot shrink.", ge=1, le=15_359
    )
    uuid: Uuid = _property(
        "fixed", "UUID of the file system that the volume is for; it identifies a file that is found."
    )
    file: AbsolutePath = _property("fixed", "The sparse file, mode 0600.")
    link: AbsolutePath = _property(
        "fixed", "Symbolic link in /dev to the loop device that the file is bound to."
    )
    bound: Literal[True] = _property(
        "update", "False in the state where the device was found not bound, not served or without its file."
    )
    protected: bool = _property(
        "update", "Whether a missing file is made blank again only if that is accepted.", default=True
    )
    accept_blank: bool = _property(
        "update",
        "Whether the loss of a missing file is accepted: once, for the run that makes it.",
        default=False,
    )


class VolumeAttachmentInputs(Inputs):
    """A volume as a block device inside a host."""

    project: str = _property("replace", "The project of the host.")
    instance: str = _property("replace", "The host.")
    name: VolumeName = _property("replace", "The device's name; the host sees it as /dev/flashtier/NAME.")
    source: AbsolutePath = _property(
        "replace", "The volume's link; LXD resolves it whenever the host starts."
    )
    device: str = _property(
        "update", "The loop device behind the link, so that a volume that is bound again is attached again."
    )
    attached: Literal[True] = _property(
        "update", "False in the state where the host was found without the device."
    )


TABLE: dict[str, type[Inputs]] = {
    f"lxd:index:{model.__name__.removesuffix('Inputs')}": model
    for model in (
        ProjectInputs,
        StoragePoolInputs,
        ImageInputs,
        NetworkInputs,
        InstanceInputs,
        VolumeInputs,
        VolumeAttachmentInputs,
    )
}

#: Properties that the provider adds to the inputs: kind of resource -> name -> description.
OUTPUTS: dict[str, dict[str, str]] = {
    "lxd:index:Image": {"fingerprint": "LXD's name of the image: SHA-256 of both files."},
    "lxd:index:Instance": {"sshHostKey": "The host's public SSH key, made by the host at its first boot."},
    "lxd:index:Volume": {"device": "The loop device that the file is bound to now; never an identity."},
}


class Failure(BaseModel):
    """Why an input is refused."""

    property: str
    reason: str


def change_of(model: type[Inputs], name: str) -> Change:
    """What a change of the property named as on the wire does."""
    for field in model.model_fields.values():
        if field.alias == name:
            return _change(field)
    return "update"


def _change(field: FieldInfo) -> Change:
    extra = field.json_schema_extra
    assert isinstance(extra, dict)  # noqa: S101 - `_property` sets it
    change = extra["change"]
    assert change in get_args(Change)  # noqa: S101
    return change  # type: ignore[return-value]


def check(model: type[Inputs], olds: Mapping[str, Any], news: Mapping[str, Any]) -> list[Failure]:
    """All that is wrong with the inputs by type, and every `fixed` property that would change.

    Unknowns pass.
    """
    unknown = {key for key, value in news.items() if has_unknown(value)}
    known = {key: _frozen(value) for key, value in news.items() if key not in unknown}
    failures = []
    try:
        model.model_validate(known)
    except ValidationError as error:
        for fault in error.errors():
            name = str(fault["loc"][0]) if fault["loc"] else ""
            if fault["type"] == "missing" and name in unknown:
                continue
            failures.append(Failure(property=name, reason=_reason(name, fault)))
    for name, value in known.items():
        if name in olds and change_of(model, name) == "fixed" and _frozen(olds[name]) != value:
            failures.append(
                Failure(
                    property=name,
                    reason=f"{name} = {value!r}: it is {olds[name]!r} and cannot change without losing "
                    "the data; "
                    "set it back, or remove the resource and declare another",
                )
            )
    return failures


def _reason(name: str, fault: ErrorDetails) -> str:
    if fault["type"] == "missing":
        return f"{name}: is missing; add it"
    if fault["type"] == "extra_forbidden":
        return f"{name}: is not a property of this resource; remove it or correct its spelling"
    message = fault["msg"].removeprefix("Value error, ")
    return f"{name} = {fault['input']!r}: {message}"


def _frozen(value: object) -> object:
    return tuple(_frozen(item) for item in value) if isinstance(value, list | tuple) else value


def pulumi_schema() -> dict[str, Any]:
    """The package's schema as `pulumi package get-schema` shows it."""
    return {
        "name": "lxd",
        "version": VERSION,
        "description": "Hosts, networks and block devices of one machine, for flashtier's platform `local`.",
        "config": {},
        "provider": {"description": "Talks to the LXD daemon over its unix socket; has no configuration."},
        "resources": {token: _resource(token, model) for token, model in TABLE.items()},
    }


def _resource(token: str, model: type[Inputs]) -> dict[str, Any]:
    described = model.model_json_schema(by_alias=True)["properties"]
    inputs = {name: _schema_property(model, name, property_) for name, property_ in described.items()}
    outputs = {name: {"type": "string", "description": text} for name, text in OUTPUTS.get(token, {}).items()}
    return {
        "description": (model.__doc__ or "").strip(),
        "inputProperties": inputs,
        "requiredInputs": sorted(
            name
            for name, field in zip(inputs, model.model_fields.values(), strict=True)
            if field.is_required()
        ),
        "properties": {**inputs, **outputs},
        "required": sorted({**inputs, **outputs}),
    }


def _schema_property(model: type[Inputs], name: str, described: Mapping[str, Any]) -> dict[str, Any]:
    found: dict[str, Any] = {"type": described.get("type", "string"), "description": described["description"]}
    if found["type"] == "array":
        found["items"] = {"type": "string"}
    if change_of(model, name) == "replace":
        found["willReplaceOnChanges"] = True
    return found
