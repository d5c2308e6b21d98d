"""Declares the resources of the file that DECLARED names: {name: {type, props, protect}}.

A property {"$id": NAME} is the id of the resource NAME, known after the update;
{"$json": VALUE} is the text of VALUE, which is as unknown as what is in it.
"""

import json
import os
from pathlib import Path

import pulumi


def value_of(given, made):
    if isinstance(given, dict):
        if "$id" in given:
            return made[given["$id"]].id
        if "$json" in given:
            return pulumi.Output.json_dumps(value_of(given["$json"], made))
        return {key: value_of(one, made) for key, one in given.items()}
    return [value_of(one, made) for one in given] if isinstance(given, list) else given


made = {}
for name, declared in json.loads(Path(os.environ["DECLARED"]).read_text()).items():
    options = pulumi.ResourceOptions(protect=declared.get("protect"), version="7.0.0")
    made[name] = pulumi.CustomResource(
        declared["type"], name, value_of(declared["props"], made), opts=options
    )
