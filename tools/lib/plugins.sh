# Pulumi's plugin of AWS, by the checksum in tools/plugins.txt. Sourced by tools/setup.
# shellcheck shell=bash

PLUGINS=$FLASHTIER_TREE/tools/plugins.txt
PLUGIN_HOME=${PULUMI_HOME:-$HOME/.pulumi}/plugins

# The SDK's: the engine asks for the plugin of that version.
aws_version() { sed -n '/^name = "pulumi-aws"$/{n;s/^version = "\(.*\)"$/\1/p}' "$FLASHTIER_TREE/uv.lock"; }

plugin_machine() { # as Pulumi's releases call it
    case $(uname -m) in
        aarch64) echo arm64 ;;
        *) echo amd64 ;;
    esac
}

aws_checksum() { awk -v version="$(aws_version)" -v machine="$(plugin_machine)" \
    '$1 == "aws" && $2 == version && $3 == machine { print $4 }' "$PLUGINS"; }

has_aws_plugin() { [ -d "$PLUGIN_HOME/resource-aws-v$(aws_version)" ]; }

install_aws_plugin() {
    timeout --foreground -k 10 600 pulumi plugin install resource aws "$(aws_version)" --exact --checksum "$(aws_checksum)"
}

missing_checksum() { # what a person has to do
    cat <<EOF
pulumi-aws $(aws_version) for $(plugin_machine): no checksum in tools/plugins.txt, so its plugin is not installed, and a preview on AWS ends for want of it; the head of that file says how to record the checksum, then run tools/setup --aws again
EOF
}
