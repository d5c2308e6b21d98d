# shellcheck shell=sh
# Paths and variables of the kit. Source it; it works in sh and bash, from any directory, any number of times:
#
#     . tools/env.sh
#
# The Makefile sources it for each recipe through BASH_ENV, so a recipe and a person's shell see the same tools.
# What it sets, and no more: FLASHTIER_*, PULUMI_*, ANSIBLE_CONFIG and PATH. It unsets PYTHONDONTWRITEBYTECODE.

# Where this file is: bash says so; a plain sh does not tell a sourced file its own path.
if [ -n "${BASH_SOURCE:-}" ]; then
    FLASHTIER_TREE=$(cd "$(dirname "${BASH_SOURCE}")/.." && pwd -P)
elif [ -z "${FLASHTIER_TREE:-}" ]; then
    FLASHTIER_TREE=$(pwd -P)
    while [ "$FLASHTIER_TREE" != / ] && [ ! -f "$FLASHTIER_TREE/tools/env.sh" ]; do
        FLASHTIER_TREE=$(dirname "$FLASHTIER_TREE")
    done
fi
if [ ! -f "$FLASHTIER_TREE/tools/env.sh" ]; then
    echo "tools/env.sh: no flashtier tree at '$FLASHTIER_TREE'; source it from inside the tree, or set FLASHTIER_TREE to the tree's path" >&2
    # shellcheck disable=SC2317  # `exit` is reached where the file is executed instead of sourced
    return 1 2>/dev/null || exit 1
fi

# Pulumi, Ansible and lxc keep files in the home directory; a service or a CI job may have no such variable.
HOME=${HOME:-/root}
FLASHTIER_STATE=${FLASHTIER_STATE:-/var/lib/flashtier}
FLASHTIER_CACHE=${FLASHTIER_CACHE:-/var/cache/flashtier}
FLASHTIER_STACK=${FLASHTIER_STACK:-local}
export HOME FLASHTIER_TREE FLASHTIER_STATE FLASHTIER_CACHE FLASHTIER_STACK

# The state and its passphrase stay on this machine. A shell that has chosen another backend keeps it.
PULUMI_BACKEND_URL=${PULUMI_BACKEND_URL:-file://$FLASHTIER_STATE/pulumi}
if [ -z "${PULUMI_CONFIG_PASSPHRASE+set}" ]; then
    PULUMI_CONFIG_PASSPHRASE_FILE=${PULUMI_CONFIG_PASSPHRASE_FILE:-$FLASHTIER_STATE/passphrase}
    export PULUMI_CONFIG_PASSPHRASE_FILE
fi
# The rules of policy/ judge every preview and up: the CLI takes the default of its flag --policy-pack from here.
PULUMI_OPTION_POLICY_PACK=${PULUMI_OPTION_POLICY_PACK-$FLASHTIER_TREE/policy}
PULUMI_SKIP_UPDATE_CHECK=true
# Whatever asks for a plugin that is not there: nothing is fetched and run that tools/setup has not checked.
PULUMI_DISABLE_AUTOMATIC_PLUGIN_ACQUISITION=true
ANSIBLE_CONFIG=$FLASHTIER_TREE/ansible/ansible.cfg
export PULUMI_BACKEND_URL PULUMI_OPTION_POLICY_PACK PULUMI_SKIP_UPDATE_CHECK ANSIBLE_CONFIG
export PULUMI_DISABLE_AUTOMATIC_PLUGIN_ACQUISITION
# Container images set it. A `pulumi up` starts four Pythons: half of its CPU time would go into compiling the SDK again.
unset PYTHONDONTWRITEBYTECODE

_flashtier_path() { # put directory $1 in front of PATH, once
    case :$PATH: in
        *:"$1":*) ;;
        *) PATH=$1:$PATH ;;
    esac
}

# The Pulumi CLI: an official one (with its language host in the same folder) that is at least as new as the SDK the lock
# pins, and of the same major version; otherwise the one tools/setup builds, with this tree's language host.
# The answer is kept in FLASHTIER_PULUMI for the shells below this one.
_flashtier_official_pulumi() {
    _ft_cli=$(command -v pulumi) || return 1
    _ft_dir=$(dirname "$(readlink -f "$_ft_cli")")
    [ -x "$_ft_dir/pulumi-language-python" ] || return 1
    _ft_sdk=$(awk '/^name = "pulumi"$/ { getline; gsub(/[^0-9.]/, ""); print; exit }' "$FLASHTIER_TREE/uv.lock")
    _ft_has=$(PULUMI_SKIP_UPDATE_CHECK=true timeout 20 "$_ft_cli" version 2>/dev/null) || return 1
    _ft_has=${_ft_has#v}
    [ "${_ft_has%%.*}" = "${_ft_sdk%%.*}" ] || return 1
    [ "$(printf '%s\n' "$_ft_sdk" "$_ft_has" | sort -V | head -n 1)" = "$_ft_sdk" ] || return 1
    FLASHTIER_PULUMI=$_ft_dir
}
_ft_key=$(cat "$FLASHTIER_TREE/tools/pulumi/go.mod" "$FLASHTIER_TREE/tools/pulumi/go.sum" | sha256sum | cut -c 1-16)
_ft_built=$FLASHTIER_CACHE/pulumi/$_ft_key/bin
case ${FLASHTIER_PULUMI:-} in
    "$_ft_built") ;;
    "$FLASHTIER_CACHE"/pulumi/* | '') _flashtier_official_pulumi || FLASHTIER_PULUMI=$_ft_built ;;
    *) [ -x "$FLASHTIER_PULUMI/pulumi" ] || FLASHTIER_PULUMI=$_ft_built ;;
esac
_flashtier_path "$FLASHTIER_CACHE/bin"
_flashtier_path "$FLASHTIER_PULUMI"
_flashtier_path "$FLASHTIER_TREE/.venv/bin"
export FLASHTIER_PULUMI PATH
unset -f _flashtier_path _flashtier_official_pulumi
unset _ft_cli _ft_dir _ft_sdk _ft_has _ft_key _ft_built
